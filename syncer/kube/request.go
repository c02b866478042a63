package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// stallTimeout is how long a list may be silent. The API server itself ends a
// list after a minute.
const stallTimeout = 90 * time.Second

var errSilent = errors.New("the server fell silent")

// answer is a response that the server has begun with 200.
type answer struct {
	body io.ReadCloser
	ctx  context.Context
	stop context.CancelCauseFunc
	// timer ends the request while it is waited for; nil in a watch, which has
	// the right to be silent.
	timer *time.Timer
	stall time.Duration
}

// Read implements [io.Reader]. Only the time within Read counts as silence: a
// reader that takes its time isn't the server's fault.
func (a *answer) Read(p []byte) (int, error) {
	if a.timer != nil {
		a.timer.Reset(a.stall)
		defer a.timer.Stop()
	}
	n, err := a.body.Read(p)
	if err != nil && err != io.EOF {
		if cause := context.Cause(a.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// close ends the request, whether all of it was read or not.
func (a *answer) close() {
	if a.timer != nil {
		a.timer.Stop()
	}
	_ = a.body.Close() // nothing is lost with a response
	a.stop(nil)
}

// path is where the objects of a cell are.
func (s *Source) path(cell syncer.Cell) string {
	r := cell.Resource
	parts := []string{strings.TrimSuffix(s.base.Path, "/"), "apis", r.Group, r.Version}
	if r.Group == "" {
		parts = []string{parts[0], "api", parts[3]}
	}
	if cell.Namespace != "" {
		parts = append(parts, "namespaces", cell.Namespace)
	}
	return strings.Join(append(parts, r.Name), "/")
}

// get asks for the objects of a cell. what names the attempt in errors; stall 0
// lets the server be silent for as long as ctx lasts.
func (s *Source) get(ctx context.Context, what string, cell syncer.Cell, query url.Values, stall time.Duration) (*answer, error) {
	if s.limit != nil {
		if err := s.limit.Wait(ctx); err != nil {
			return nil, broken(ctx, what, err)
		}
	}
	ctx, stop := context.WithCancelCause(ctx)
	a := &answer{ctx: ctx, stop: stop, stall: stall}
	if stall > 0 {
		a.timer = time.AfterFunc(stall, func() { stop(errSilent) })
	}
	if cell.Resource.LabelSelector != "" {
		query.Set("labelSelector", cell.Resource.LabelSelector)
	}
	u := *s.base
	u.Path, u.RawPath, u.RawQuery = s.path(cell), "", query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		err = broken(ctx, what, err)
		stop(nil)
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if !s.o.Compression {
		// Without TLS client-go takes Go's own transport, whatever the configuration says.
		req.Header.Set("Accept-Encoding", "identity")
	}
	resp, err := s.client.Do(req) //nolint:bodyclose // the answer owns it, and closes it
	if a.timer != nil {
		a.timer.Stop()
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		err = broken(ctx, what, err)
		stop(nil)
		return nil, err
	}
	a.body = resp.Body
	if resp.StatusCode != http.StatusOK {
		defer a.close()
		return nil, refused(what, resp, a)
	}
	if err := checkType(what, resp.Header.Get("Content-Type")); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// checkType refuses answers of something that isn't an API server, such as the
// login page of a proxy.
func checkType(what, contentType string) error {
	t, _, err := mime.ParseMediaType(contentType)
	if contentType == "" || err == nil && (t == "application/json" || strings.HasSuffix(t, "+json")) {
		return nil
	}
	return &syncer.SourceError{Reason: syncer.ReasonInvalid, Err: fmt.Errorf("%s: answer of type %q instead of JSON", what, clip(contentType))}
}
