package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// watchGrace is how much longer than the server we wait for a watch to end.
const watchGrace = 30 * time.Second

var errWatchOverdue = errors.New("the server didn't end the watch in time")

// Watch implements [syncer.Source].
func (s *Source) Watch(ctx context.Context, cell syncer.Cell, opts syncer.WatchOptions, w syncer.Watcher) error {
	what := "watch " + cell.String()
	seconds := max(1, int64(opts.Timeout/time.Second))
	patience := time.Duration(seconds)*time.Second + watchGrace
	limited, cancel := context.WithTimeoutCause(ctx, patience, errWatchOverdue)
	defer cancel()
	query := url.Values{
		"watch":               {"1"},
		"allowWatchBookmarks": {"true"},
		"timeoutSeconds":      {strconv.FormatInt(seconds, 10)},
		"resourceVersion":     {strconv.FormatUint(opts.ResourceVersion, 10)},
	}
	a, err := s.get(limited, what, cell, query, 0)
	if err != nil {
		return s.overdue(ctx, limited, what, err)
	}
	defer a.close()
	w.Connected()
	return s.overdue(ctx, limited, what, s.stream(ctx, what, cell, a, w))
}

// overdue tells the end of our own patience from the end of the caller's context.
func (s *Source) overdue(ctx, limited context.Context, what string, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, errWatchOverdue) && limited.Err() != nil {
		return &syncer.SourceError{Reason: syncer.ReasonUnavailable, Err: fmt.Errorf("%s: %w", what, errWatchOverdue)}
	}
	return err
}

// stream reads events until the stream ends.
func (s *Source) stream(ctx context.Context, what string, cell syncer.Cell, r io.Reader, w syncer.Watcher) error {
	sc := newWatchScanner(r, newForm(cell, s.redact), s.o.MaxObjectBytes)
	b := &syncer.Batch{} // not a pooled one, whose size is that of a whole batch
	for {
		kind, err := sc.scanFrame(b)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return misread(ctx, what, err)
		}
		switch kind {
		case bookmarkEvent:
			err = w.Bookmark(sc.item.rv)
		case errorEvent:
			st, serr := sc.status()
			if serr != nil {
				return misread(ctx, what, serr)
			}
			return statusError(what, st, 0)
		default:
			err = w.Event(kind, &b.Objects[0])
		}
		if err != nil {
			return err
		}
	}
}
