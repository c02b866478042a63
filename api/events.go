package api

import (
	"errors"
	"net/http"
	"time"
)

var (
	eventStream     = []string{"text/event-stream"}
	noTransform     = []string{"no-cache, no-transform"}
	unbuffered      = []string{"no"}
	eventsPrelude   = []byte("retry: 2000\n\n") // milliseconds, with which EventSource comes back
	eventsHeartbeat = []byte(":\n\n")           // a comment
)

// events answers with Server-Sent Events, each an [Envelope]: a snapshot, or
// what happened since the id in Last-Event-ID (or ?lastEventId=), then changes as
// they happen. ?until=completed or terminal ends the stream with an end event;
// an EventSource that comes back after that is told to stop by 204.
func (a *handler) events(w http.ResponseWriter, r *http.Request, v *view) {
	query, ok := readQuery(w, r, "lastEventId", "until")
	if !ok {
		return
	}
	request, err := readStreamRequest(query, "lastEventId", r.Header.Get("Last-Event-ID"))
	if err != nil {
		newProblem(http.StatusBadRequest, err.Error()).write(w)
		return
	}
	if request.until != "" && request.from.ended {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s, leave, err := a.admit(r.Context(), transportSSE)
	if err != nil {
		a.turnAway(w, err)
		return
	}
	defer leave()
	f := s.first(r.Context(), v)
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Accel-Buffering"] = eventStream, noTransform, unbuffered
	show(w, f.view)
	if r.Method == http.MethodHead {
		return
	}
	s.at, s.until = position{revision: request.from.revision, tag: request.from.tag}, request.until
	out := eventWriter{w: w, rc: http.NewResponseController(w), timeout: s.WriteTimeout}
	s.send = func(e *pushEvent) error { return out.write(e.sse) }
	s.beat = func() error { return out.write(eventsHeartbeat) }
	_ = out.rc.SetReadDeadline(time.Time{}) // the server's would end the stream
	if out.write(eventsPrelude) != nil {
		return
	}
	if err := s.follow(r.Context(), f); err != nil && !errors.Is(err, errStopping) && r.Context().Err() == nil {
		a.Log.Debug("event stream ended", "error", err)
	}
}

// eventWriter sends each piece at once, and gives up on a client that takes
// nothing in.
type eventWriter struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
}

func (o *eventWriter) write(p []byte) error {
	// Where there are no deadlines there is no network either.
	_ = o.rc.SetWriteDeadline(time.Now().Add(o.timeout))
	if _, err := o.w.Write(p); err != nil {
		return err
	}
	if err := o.rc.Flush(); err != nil {
		return err
	}
	// Over HTTP/2 a deadline that passes while nothing is written ends the stream.
	_ = o.rc.SetWriteDeadline(time.Time{})
	return nil
}
