package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// stream is one client of the broadcaster, whatever it is served by.
type stream struct {
	*broadcaster
	at       position // what the client holds
	until    until
	stopping <-chan struct{} // closed when the server stops

	send func(*pushEvent) error
	beat func() error // keeps an idle connection
}

// errStopping ends a stream because the server stops.
var errStopping = errors.New("the server is stopping")

// follow sends f and what comes after it until the client is gone (an error), the
// server stops ([errStopping]) or until is reached (nil). A client that is slow to
// take an event in finds the newest frame next, however many it missed.
func (s *stream) follow(ctx context.Context, f *frame) error {
	timer := time.NewTimer(s.Heartbeat)
	defer timer.Stop()
	for {
		sent, err := s.bring(f)
		if err != nil || s.until.reached(f.view.status) {
			return err
		}
		if sent {
			timer.Reset(s.Heartbeat)
		}
		select {
		case <-f.next:
			f = s.newest()
		case <-timer.C:
			if err := s.beat(); err != nil {
				return err
			}
			timer.Reset(s.Heartbeat)
		case <-s.stopping:
			return errStopping
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bring takes the client to f, and to the stream's end if that is it.
func (s *stream) bring(f *frame) (sent bool, err error) {
	due, err := s.due(f, s.at)
	if err != nil {
		return false, err
	}
	if s.until.reached(f.view.status) {
		end, err := f.end(s.until)
		if err != nil {
			return false, err
		}
		due = append(due, end)
	}
	for _, e := range due {
		if err := s.send(e); err != nil {
			return false, err
		}
	}
	s.at = f.at
	return len(due) > 0, nil
}

// streamRequest is what a client of a stream may ask for.
type streamRequest struct {
	from  position // zero: from the beginning
	until until
}

// readStreamRequest reads the query; id is a position that came another way.
func readStreamRequest(query url.Values, idParameter, id string) (streamRequest, error) {
	var q streamRequest
	if query.Has(idParameter) && id == "" {
		id = query.Get(idParameter)
	}
	if id != "" {
		var ok bool
		if q.from, ok = parsePosition(id); !ok {
			q.from = position{revision: math.MaxUint64} // nobody's: a reset follows
		}
	}
	var err error
	q.until, err = readUntil(query, "until")
	return q, err
}

// readUntil reads a parameter that names what to wait for.
func readUntil(query url.Values, name string) (until, error) {
	if !query.Has(name) {
		return "", nil
	}
	switch u := until(query.Get(name)); u {
	case untilCompleted, untilTerminal:
		return u, nil
	}
	return "", errors.New(name + " is completed or terminal")
}

// admit counts the request in as a stream. It returns errStopping or errTooMany
// when there is no place; leave must be called otherwise.
func (a *handler) admit(ctx context.Context, transport string) (s *stream, leave func(), err error) {
	stopping, left, ok := enter(ctx)
	if !ok {
		return nil, nil, errStopping
	}
	if err := a.push.join(); err != nil {
		left()
		return nil, nil, err
	}
	a.push.Clients(transport, 1)
	leave = func() { a.push.Clients(transport, -1); a.push.leave(); left() }
	return &stream{broadcaster: a.push, stopping: stopping}, leave, nil
}

// retryAfter is what a client that is turned away is told, in seconds.
var retryAfter = []string{"5"}

// turnAway answers a client that can't be served now.
func (a *handler) turnAway(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errTooMany):
		w.Header()["Retry-After"] = retryAfter
		newProblem(http.StatusTooManyRequests,
			"all "+strconv.Itoa(a.push.MaxClients)+" places are taken; come back later, or poll /api/v1/sync/status").write(w)
	case errors.Is(err, errStopping):
		w.Header()["Retry-After"] = retryAfter
		newProblem(http.StatusServiceUnavailable, err.Error()).write(w)
	default:
		a.Log.Error("status can't be streamed", "error", err)
		newProblem(http.StatusInternalServerError, "the status can't be rendered; the log says why").write(w)
	}
}

// show puts the headers of v in place of those of another snapshot. From then on
// the response doesn't keep its own, which a stream would hold for hours.
func show(w http.ResponseWriter, v *view) {
	h := w.Header()
	for _, name := range HeaderNames {
		delete(h, name)
	}
	v.setHeaders(h)
	if res, ok := w.(*response); ok {
		res.view = nil
	}
}
