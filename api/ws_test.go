package api_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

func statusOf(err error) int {
	if closed, ok := errors.AsType[websocket.CloseError](err); ok {
		return int(closed.Code)
	}
	return -1
}

// closeCode connects, does what it is told and reads until the server closes.
func closeCode(t *testing.T, url string, act func(*websocket.Conn)) int {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if act != nil {
		act(conn)
	}
	for {
		if _, _, err := conn.Read(t.Context()); err != nil {
			return statusOf(err)
		}
	}
}

func TestSocketUntil(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	s := openSocket(t, server.URL+socketPath+"?until=completed")
	var types []api.EnvelopeType
	for _, status := range []syncer.RunStatus{syncer.Failed, syncer.Completed} {
		e, _ := s.read()
		types = append(types, e.Type)
		f.publish(func(s *syncer.Status) { s.Status = status })
	}
	for range 2 {
		e, _ := s.read()
		types = append(types, e.Type)
	}
	if types[0] != api.EnvelopeSnapshot || types[1] != api.EnvelopeChange || types[3] != api.EnvelopeEnd {
		t.Errorf("types = %v", types)
	}
	_, _, err := s.conn.Read(t.Context())
	if got := statusOf(err); got != 1000 {
		t.Errorf("close code = %d, want 1000", got)
	}
}

func TestSocketResumesSinceAnEvent(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	r := openEvents(t, server.Client(), server.URL+eventsPath, "")
	r.expect(api.EnvelopeSnapshot)
	f.publish(nil)
	if e, _ := openSocket(t, server.URL+socketPath+"?since="+r.id).read(); e.Type != api.EnvelopeChange || e.Since != 42 {
		t.Errorf("first message = %+v, want a change since 42", e)
	}
	if e, _ := openSocket(t, server.URL+socketPath+"?since=1-x").read(); e.Type != api.EnvelopeReset {
		t.Errorf("first message = %+v, want a reset", e)
	}
}

func TestSocketListensToNobody(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	got := closeCode(t, server.URL+socketPath, func(conn *websocket.Conn) {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	})
	if got != 1008 {
		t.Errorf("close code after a message = %d, want 1008", got)
	}
}

func TestSocketIsForItsOwnOrigin(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	for origin, want := range map[string]int{server.URL: 101, "http://evil.example": 403, "null": 403} {
		conn, res, err := websocket.Dial(t.Context(), server.URL+socketPath, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
		if res == nil {
			t.Fatal(err)
		}
		if res.StatusCode != want || res.Header.Get(api.HeaderRevision) != "42" {
			t.Errorf("origin %s: %d %v, want %d", origin, res.StatusCode, res.Header, want)
		}
		if want == 403 && res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("origin %s: %v, want a problem document", origin, res.Header)
		}
		if conn != nil {
			_ = conn.CloseNow()
		}
	}
}

// The client answers pings while it reads, so it is still there after many.
func TestSocketIsKeptByPings(t *testing.T) {
	f := newFeed(inProgress())
	o := f.options()
	o.Push.Heartbeat = 2 * time.Millisecond
	server := startServer(t, o)
	pings := make(chan struct{}, 100)
	conn, _, err := websocket.Dial(t.Context(), server.URL+socketPath, &websocket.DialOptions{
		OnPingReceived: func(_ context.Context, _ []byte) bool { pings <- struct{}{}; return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	messages := make(chan error)
	go func() {
		for {
			_, _, err := conn.Read(t.Context())
			messages <- err
			if err != nil {
				return
			}
		}
	}()
	<-messages
	for range 5 {
		<-pings
	}
	f.publish(nil)
	if err := <-messages; err != nil {
		t.Errorf("after five pings: %v, want a change", err)
	}
}
