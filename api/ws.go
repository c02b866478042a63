package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

const (
	// maxMessageBytes bounds what a client may send, which is nothing but control frames.
	maxMessageBytes = 512
	// closeWait is how long a client may take to answer a close.
	closeWait = time.Second
)

// ws answers with the envelopes of events, one a message, over WebSocket.
// ?since= takes an event's id, as Last-Event-ID does, and ?until= ends with a
// message of type end. Close codes: 1000 until is reached, 1001 the server stops,
// 1008 the client sent a message, 1013 no place: come back later.
func (a *handler) ws(w http.ResponseWriter, r *http.Request, v *view) {
	query, ok := readQuery(w, r, "since", "until")
	if !ok {
		return
	}
	request, err := readStreamRequest(query, "since", "")
	if err != nil {
		newProblem(http.StatusBadRequest, err.Error()).write(w)
		return
	}
	s, leave, err := a.admit(r.Context(), transportWebSocket)
	if errors.Is(err, errTooMany) {
		refuseSocket(w, r)
		return
	}
	if err != nil {
		a.turnAway(w, err)
		return
	}
	defer leave()
	f := s.first(r.Context(), v)
	show(w, f.view)
	s.at, s.until = position{revision: request.from.revision, tag: request.from.tag}, request.until
	conn, err := accept(w, r)
	if err != nil {
		return // answered
	}
	err = s.talk(conn, f)
	switch {
	case err == nil:
		shut(conn, websocket.StatusNormalClosure, string(s.until))
	case errors.Is(err, errStopping):
		shut(conn, websocket.StatusGoingAway, err.Error())
	default:
		_ = conn.CloseNow() // the client is gone
		conn.drop()
	}
}

// talk follows over conn.
func (s *stream) talk(conn *socket, f *frame) error {
	bounded := func(do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(conn.open, s.WriteTimeout)
		defer cancel()
		return do(ctx)
	}
	s.send = func(e *pushEvent) error {
		return bounded(func(ctx context.Context) error { return conn.Write(ctx, websocket.MessageText, e.json) })
	}
	s.beat = func() error { return bounded(conn.Ping) }
	return s.follow(conn.open, f)
}

// refuseSocket tells a client that there is no place in the form that it reads.
func refuseSocket(w http.ResponseWriter, r *http.Request) {
	if conn, err := accept(w, r); err == nil {
		shut(conn, websocket.StatusTryAgainLater, "all places are taken; come back later")
	}
}

// socket is a connection whose other side says nothing.
type socket struct {
	*websocket.Conn
	open context.Context // ends with the connection
	drop func()          // ends the connection
}

// shut closes in order, and not at all in order with a client that doesn't answer.
func shut(conn *socket, code websocket.StatusCode, reason string) {
	bound := time.AfterFunc(closeWait, conn.drop)
	defer bound.Stop()
	_ = conn.Close(code, reason) // the client is gone either way
	conn.drop()
}

// accept upgrades the connection; pages of another origin are refused. What can't
// be upgraded is answered with a problem.
func accept(w http.ResponseWriter, r *http.Request) (*socket, error) {
	conn, err := websocket.Accept(problems{w}, r, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessageBytes)
	// The request's own context has nothing to say about a hijacked connection.
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	return &socket{Conn: conn, open: conn.CloseRead(ctx), drop: cancel}, nil
}

// problems turns the plain texts of websocket.Accept into problem documents.
type problems struct{ http.ResponseWriter }

func (p problems) WriteHeader(status int) {
	if status < 400 {
		p.ResponseWriter.WriteHeader(status)
		return
	}
	detail := "the WebSocket handshake isn't well-formed"
	switch status {
	case http.StatusUpgradeRequired:
		detail = "this route speaks WebSocket, over HTTP/1.1; /api/v1/sync/events tells the same over plain HTTP"
	case http.StatusForbidden:
		detail = "pages of another origin may not open this WebSocket"
	case http.StatusMethodNotAllowed:
		detail = "this route is opened with GET"
		p.Header().Set("Allow", http.MethodGet)
	}
	newProblem(status, detail).write(p.ResponseWriter)
}

// Write drops the text that follows WriteHeader; a connection that was upgraded
// doesn't come by here.
func (p problems) Write(text []byte) (int, error) { return len(text), nil }

// Unwrap lets websocket.Accept take the connection over.
func (p problems) Unwrap() http.ResponseWriter { return p.ResponseWriter }
