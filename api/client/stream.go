package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"

	"github.com/sidemirror/sidemirror/api"
)

const (
	// maxDocumentBytes is far beyond the status of ten thousand cells.
	maxDocumentBytes = 64 << 20
	// firstByteWait tells a proxy that holds a stream back from a stream.
	firstByteWait = 10 * time.Second
)

// noStreamError is a server that answers, and not with a stream.
type noStreamError struct{ reason string }

func (e *noStreamError) Error() string { return "no stream of events: " + e.reason }

var (
	errSilent = errors.New("the stream fell silent")
	errEnded  = errors.New("the server ended the stream")
)

// stream follows one connection to its end, which is always an error.
func (f *Follower) stream(parent context.Context) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	nothing := &noStreamError{"nothing came in " + firstByteWait.String()}
	watch := time.AfterFunc(firstByteWait, func() { cancel(nothing) })
	defer watch.Stop()
	res, err := f.get(ctx, "events", map[string]string{
		"Accept": "text/event-stream", "Cache-Control": "no-cache", "Last-Event-ID": f.id,
	})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); res.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return &noStreamError{res.Status + " " + kind}
	}
	if f.id != "" {
		f.back() // what is held stands until something comes
	}
	// Only what comes after the first byte is measured against the heartbeats.
	silent := time.AfterFunc(f.Silence, func() { cancel(errSilent) })
	defer silent.Stop()
	body := noted{res.Body, func() { watch.Stop(); silent.Reset(f.Silence) }}
	for event, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxDocumentBytes}) {
		if err != nil {
			return ended(ctx, err)
		}
		if err := f.apply(event); err != nil {
			f.id = "" // whatever it is, a snapshot sets it right
			return err
		}
	}
	return ended(ctx, errEnded)
}

// ended prefers the reason for which the connection was cut from here.
func ended(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// apply takes one event in, and publishes what comes of it.
func (f *Follower) apply(event sse.Event) error {
	var e api.Envelope
	if err := json.Unmarshal([]byte(event.Data), &e); err != nil {
		return fmt.Errorf("read an event: %w", err)
	}
	if err := f.doc.Apply(&e); err != nil {
		return err
	}
	switch e.Type {
	case api.EnvelopeSnapshot, api.EnvelopeChange:
	case api.EnvelopeReset:
		f.Log.Debug("stream begins anew", "reason", e.Reason)
		return nil
	default:
		return nil
	}
	s, err := f.doc.Status()
	if err != nil {
		return err
	}
	if s.SchemaVersion == 0 || s.Status == "" {
		return ErrNotSidemirror
	}
	f.id = event.LastEventID
	f.have(s)
	return nil
}

// noted reports that something has come, heartbeats too.
type noted struct {
	io.Reader
	came func()
}

func (n noted) Read(p []byte) (int, error) {
	count, err := n.Reader.Read(p)
	if count > 0 {
		n.came()
	}
	return count, err
}
