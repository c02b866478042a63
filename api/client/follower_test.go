package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/client"
	"github.com/sidemirror/sidemirror/syncer"
)

// state publishes snapshots as syncer.Tracker does.
type state struct {
	mu      sync.Mutex
	status  *syncer.Status
	changed chan struct{}
}

func newState(revision uint64) *state {
	return &state{changed: make(chan struct{}), status: &syncer.Status{
		SchemaVersion: 1, Revision: revision, Status: syncer.InProgress,
		CurrentResources: []string{}, StepStatus: []syncer.StepStatus{},
		ResourceStatus: []syncer.ResourceStatus{{Name: "pods"}, {Name: "nodes"}},
	}}
}

func (s *state) Status() *syncer.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *state) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *state) publish() *syncer.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := *s.status
	next.Revision++
	next.SyncedResources++
	next.ResourceStatus = append([]syncer.ResourceStatus{}, next.ResourceStatus...)
	next.ResourceStatus[next.Revision%2].Count++
	s.status = &next
	close(s.changed)
	s.changed = make(chan struct{})
	return s.status
}

func (s *state) options() api.Options {
	return api.Options{Status: s.Status, Changed: s.Changed, Push: api.PushOptions{Interval: time.Millisecond}}
}

// follow runs a follower until the test ends.
func follow(t *testing.T, o client.Options) *client.Follower {
	t.Helper()
	f, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	return f
}

// await waits until f is as it should be.
func await(t *testing.T, f *client.Follower, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		changed := f.Changed()
		if ok() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not seen in 20 s: %s; status %+v, error %v", what, f.Status(), f.Err())
		}
	}
}

func awaitRevision(t *testing.T, f *client.Follower, s *syncer.Status) {
	t.Helper()
	await(t, f, fmt.Sprint("revision ", s.Revision), func() bool { return f.Err() == nil && f.Status().Revision == s.Revision })
	if diff := cmp.Diff(s, f.Status(), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("status (-want +got):\n%s", diff)
	}
}

// run starts a server on addr; stop ends it as SIGTERM does.
func run(t *testing.T, addr string, h http.Handler) (at string, stop func()) {
	t.Helper()
	s := api.NewServer(addr, h, nil)
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s.Addr(), stop
}

func TestFollowerOutlivesAServerThatRestarts(t *testing.T) {
	before := newState(100)
	addr, stop := run(t, "127.0.0.1:0", api.NewHandler(before.options()))
	var told atomic.Uint64
	f := follow(t, client.Options{URL: "http://" + addr, OnStatus: func(s *syncer.Status) { told.Store(s.Revision) }})
	awaitRevision(t, f, before.Status())
	awaitRevision(t, f, before.publish())
	if told.Load() != 101 {
		t.Errorf("OnStatus was told revision %d, want 101", told.Load())
	}
	stop()
	await(t, f, "an error", func() bool { return f.Err() != nil })
	if got := f.Status().Revision; got != 101 {
		t.Errorf("revision %d while the server is away, want the last one", got)
	}
	after := newState(3) // revisions begin anew, and may meet those from before
	run(t, addr, api.NewHandler(after.options()))
	awaitRevision(t, f, after.Status())
	awaitRevision(t, f, after.publish())
}

// cutter forwards connections, and cuts each off after so many bytes of the answer.
func cutter(t *testing.T, to string, limit func() int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			all.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			all.Go(func() { _, _ = io.CopyN(in, out, limit()); in.Close(); out.Close() })
		}
	})
	return l.Addr().String()
}

func TestFollowerOutlivesConnectionsThatAreCutMidEvent(t *testing.T) {
	s := newState(100)
	addr, _ := run(t, "127.0.0.1:0", api.NewHandler(s.options()))
	rnd := rand.New(rand.NewPCG(1, 2)) // used by one connection at a time
	var mu sync.Mutex
	cuts := 0
	proxy := cutter(t, addr, func() int64 {
		mu.Lock()
		defer mu.Unlock()
		cuts++
		if cuts > 6 {
			return 1 << 40
		}
		return rnd.Int64N(6000)
	})
	f := follow(t, client.Options{URL: "http://" + proxy, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	for range 30 {
		awaitRevision(t, f, s.publish())
	}
	mu.Lock()
	defer mu.Unlock()
	if cuts < 3 {
		t.Errorf("%d connections, want several that were cut", cuts)
	}
}

func TestFollowerPollsWhereThereIsNoStream(t *testing.T) {
	for name, wrap := range map[string]func(api.Options) http.Handler{
		"an older server": func(o api.Options) http.Handler { o.Changed = nil; return api.NewHandler(o) },
		"no place": func(o api.Options) http.Handler {
			next := api.NewHandler(o)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/events") {
					http.Error(w, "busy", http.StatusTooManyRequests)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState(100)
			server := httptest.NewServer(wrap(s.options()))
			defer server.Close()
			f := follow(t, client.Options{URL: server.URL, Poll: 5 * time.Millisecond})
			awaitRevision(t, f, s.Status())
			awaitRevision(t, f, s.publish())
		})
	}
}

func TestFollowerComesBackToTheStream(t *testing.T) {
	s := newState(100)
	next := api.NewHandler(s.options())
	var streams atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") && streams.Add(1) < 2 {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f := follow(t, client.Options{URL: server.URL, Poll: 5 * time.Millisecond, StreamRetry: 20 * time.Millisecond})
	await(t, f, "a second stream", func() bool { s.publish(); return streams.Load() >= 2 })
	awaitRevision(t, f, s.publish())
}

func TestFollowerNoticesSilence(t *testing.T) {
	s := newState(100)
	var streams atomic.Int64
	o := s.options()
	o.Push.Heartbeat = time.Hour
	next := api.NewHandler(o)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		streams.Add(1)
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f := follow(t, client.Options{URL: server.URL, Silence: 20 * time.Millisecond})
	await(t, f, "an error after silence", func() bool { return f.Err() != nil })
	if got := f.Err().Error(); got != "the stream fell silent" {
		t.Errorf("error = %q", got)
	}
	await(t, f, "no error once the stream is back, though it tells nothing new", func() bool { return f.Err() == nil })
	awaitRevision(t, f, s.publish())
	if streams.Load() < 2 {
		t.Errorf("%d streams, want one after the other", streams.Load())
	}
}

func TestFollowerTellsWhatIsNoSidemirror(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer server.Close()
	f := follow(t, client.Options{URL: strings.Replace(server.URL, "://", "://me:hunter2@", 1)})
	await(t, f, "an error", func() bool { return f.Err() != nil })
	if !errors.Is(f.Err(), client.ErrNotSidemirror) || f.Status() == nil || f.Status().Revision != 0 {
		t.Errorf("error %v, status %+v", f.Err(), f.Status())
	}
	server.Close()
	await(t, f, "a refused connection", func() bool { return !errors.Is(f.Err(), client.ErrNotSidemirror) })
	if got := f.Err().Error(); strings.Contains(got, "hunter2") {
		t.Errorf("error holds the password: %s", got)
	}
}

func TestFollowerOptions(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://me:hunter2@h:x", "http://h?x=1"} {
		if _, err := client.New(client.Options{URL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("New(%q) = %v, want an error without the password", url, err)
		}
	}
	if _, err := client.New(client.Options{URL: "http://h", HTTP: &http.Client{Timeout: time.Second}}); err == nil {
		t.Error("a client with a timeout was taken")
	}
}

// An application that isn't a mirror itself can carry the headers of one.
func TestFollowerFeedsTheMiddleware(t *testing.T) {
	s := newState(100)
	addr, _ := run(t, "127.0.0.1:0", api.NewHandler(s.options()))
	f := follow(t, client.Options{URL: "http://" + addr})
	awaitRevision(t, f, s.Status())
	w := httptest.NewRecorder()
	api.NewHeaders(f.Status).Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := w.Header().Get(api.HeaderRevision); got != "100" {
		t.Errorf("%s = %q, want 100", api.HeaderRevision, got)
	}
}
