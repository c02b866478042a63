package api_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

func startServer(t *testing.T, o api.Options) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(api.NewHandler(o))
	t.Cleanup(server.Close)
	return server
}

func TestEventsBeginWithASnapshotAndItsHeaders(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	r := openEvents(t, server.Client(), server.URL+eventsPath, "")
	want := map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no",
		api.HeaderRevision: "42", api.HeaderStatus: "in_progress", api.HeaderStep: "sync",
	}
	for name, value := range want {
		if got := r.res.Header.Get(name); got != value {
			t.Errorf("%s = %q, want %q", name, got, value)
		}
	}
	e := r.expect(api.EnvelopeSnapshot)
	sameJSON(t, "snapshot", []byte(read(t, do(newHandler(inProgress()), "GET", statusPath))), e.Status)
	if e.Revision != 42 || !regexp.MustCompile(`^42-[0-9a-z]{13}$`).MatchString(r.id) {
		t.Errorf("revision %d, id %q", e.Revision, r.id)
	}
	f.publish(func(s *syncer.Status) { s.SyncedResources = 7 })
	if e := r.expect(api.EnvelopeChange); e.Since != 42 || e.Revision != 43 || string(e.Status) != `{"revision":43,"syncedResources":7}` {
		t.Errorf("change = %+v %s", e, e.Status)
	}
}

func TestEventsResume(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	r := openEvents(t, server.Client(), server.URL+eventsPath, "")
	r.expect(api.EnvelopeSnapshot)
	r.close()
	f.publish(nil)
	f.publish(nil)

	again := openEvents(t, server.Client(), server.URL+eventsPath, r.id)
	if e := again.expect(api.EnvelopeChange); e.Since != 42 || e.Revision != 44 {
		t.Errorf("after a loss: %+v, want what happened since 42", e)
	}
	byQuery := openEvents(t, server.Client(), server.URL+eventsPath+"?lastEventId="+r.id, "")
	byQuery.expect(api.EnvelopeChange)

	_, tag, _ := strings.Cut(r.id, "-")
	for id, reason := range map[string]string{
		"42-anothertag": "the server has started anew since", "43-" + tag: "too much has changed since",
		"99-" + tag: "the event id isn't one of this server's", "x\x01": "the event id isn't one of this server's",
		"42": "the event id isn't one of this server's",
	} {
		lost := openEvents(t, server.Client(), server.URL+eventsPath, strings.ReplaceAll(id, "\x01", ""))
		if e := lost.expect(api.EnvelopeReset); e.Reason != reason || e.Revision != 44 {
			t.Errorf("id %q: %+v, want %q", id, e, reason)
		}
		if lost.id != "" {
			t.Errorf("id %q: the reset has the id %q, and a snapshot that is lost would never come", id, lost.id)
		}
		lost.expect(api.EnvelopeSnapshot)
	}
}

// Revisions that fall tell of another engine behind the same routes.
func TestEventsResetWhenRevisionsBeginAnew(t *testing.T) {
	f := newFeed(inProgress())
	server := startServer(t, f.options())
	r := openEvents(t, server.Client(), server.URL+eventsPath, "")
	r.expect(api.EnvelopeSnapshot)
	f.publish(func(s *syncer.Status) { s.Revision = 3 })
	r.expect(api.EnvelopeReset)
	if e := r.expect(api.EnvelopeSnapshot); e.Revision != 3 {
		t.Errorf("revision = %d, want 3", e.Revision)
	}
}

// Status may be made anew for each reader: what matters is what it says.
func TestEventsTellWhatChangedAndNotWhoMadeIt(t *testing.T) {
	f := newFeed(inProgress())
	o := f.options()
	o.Status = func() *syncer.Status { anew := *f.Status(); return &anew }
	server := startServer(t, o)
	r := openEvents(t, server.Client(), server.URL+eventsPath, "")
	r.expect(api.EnvelopeSnapshot)
	f.publish(func(s *syncer.Status) { s.Revision-- }) // wakes, and changes nothing
	f.publish(nil)
	if e := r.expect(api.EnvelopeChange); e.Revision != 43 || e.Since != 42 {
		t.Errorf("change = %+v, want one from 42 to 43", e)
	}
}

// recorder is a client without a network, so that time can be simulated. It stops
// reading while held isn't nil.
type recorder struct {
	header http.Header
	out    bytes.Buffer
	at     []time.Time // of each flush
	held   chan struct{}
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}
func (r *recorder) Flush()              { r.at = append(r.at, time.Now()) }
func (r *recorder) Write(p []byte) (int, error) {
	if r.held != nil {
		<-r.held
	}
	return r.out.Write(p)
}

// stream serves path to a recorder until stop is called.
func stream(h http.Handler, path string) (r *recorder, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r = &recorder{header: http.Header{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(r, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	}()
	return r, func() { cancel(); <-done }
}

func TestAnIdleStreamIsKeptByHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(inProgress())
		r, stop := stream(api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed}), eventsPath)
		time.Sleep(50 * time.Second)
		stop()
		if got := strings.Count(r.out.String(), "\n:\n"); got != 3 {
			t.Errorf("%d heartbeats in 50 s, want 3:\n%s", got, r.out.String())
		}
	})
}

// The bubble ends only when every goroutine has, so it also proves that the
// broadcaster's does.
func TestAStreamTellsTenTimesASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(inProgress())
		r, stop := stream(api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed}), eventsPath)
		for range 1000 {
			time.Sleep(time.Millisecond)
			f.publish(nil)
		}
		time.Sleep(time.Second)
		stop()
		events := strings.Count(r.out.String(), "event: ")
		if events < 9 || events > 12 {
			t.Errorf("%d events in a second of a thousand changes, want about 10", events)
		}
		if !strings.Contains(r.out.String(), `"revision":1042`) {
			t.Error("the newest revision never came")
		}
	})
}

func TestASlowReaderSkipsToTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(inProgress())
		r, stop := stream(api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed}), eventsPath)
		synctest.Wait()
		r.held = make(chan struct{})
		for range 600 {
			f.publish(nil)
			time.Sleep(time.Second)
		}
		close(r.held)
		synctest.Wait()
		stop()
		if got := strings.Count(r.out.String(), "event: "); got > 3 {
			t.Errorf("%d events, want the snapshot, what was being written and one that leaps", got)
		}
		if !strings.Contains(r.out.String(), `"revision":642,"since":43`) {
			t.Errorf("no change leaps to the newest:\n%s", r.out.String())
		}
	})
}

func TestEventsUntil(t *testing.T) {
	for until, statuses := range map[string][]syncer.RunStatus{
		"completed": {syncer.Failed, syncer.InProgress, syncer.Completed},
		"terminal":  {syncer.InProgress, syncer.Failed},
	} {
		t.Run(until, func(t *testing.T) {
			f := newFeed(inProgress())
			server := startServer(t, f.options())
			r := openEvents(t, server.Client(), server.URL+eventsPath+"?until="+until, "")
			r.expect(api.EnvelopeSnapshot)
			for _, status := range statuses {
				f.publish(func(s *syncer.Status) { s.Status = status })
				r.expect(api.EnvelopeChange)
			}
			if e := r.expect(api.EnvelopeEnd); e.Reason != until || e.Revision != f.Status().Revision {
				t.Errorf("end = %+v", e)
			}
			if e, more := r.read(); more {
				t.Errorf("after the end: %+v", e)
			}
			again := openEvents(t, server.Client(), server.URL+eventsPath+"?until="+until, r.id)
			if again.res.StatusCode != http.StatusNoContent || again.res.Header.Get(api.HeaderRevision) == "" {
				t.Errorf("coming back after the end: %s, want 204, which stops an EventSource", again.res.Status)
			}
			late := openEvents(t, server.Client(), server.URL+eventsPath+"?until="+until, "")
			late.expect(api.EnvelopeSnapshot)
			late.expect(api.EnvelopeEnd)
		})
	}
}

func TestPushRefuses(t *testing.T) {
	f := newFeed(inProgress())
	h := api.NewHandler(f.options())
	for target, want := range map[string]struct {
		code   int
		detail string
	}{
		eventsPath + "?until=later":                   {400, "until is completed or terminal"},
		eventsPath + "?since=1":                       {400, "this route has lastEventId, until"},
		eventsPath + "?until=terminal&until=terminal": {400, "give each parameter once: until"},
		socketPath + "?until=":                        {400, "until is completed or terminal"},
		socketPath:                                    {426, "/api/v1/sync/events tells the same"},
	} {
		res := do(h, "GET", target)
		body := read(t, res)
		if res.StatusCode != want.code || !strings.Contains(body, want.detail) || res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get(api.HeaderRevision) != "42" {
			t.Errorf("%s = %d %v %s, want %d %q", target, res.StatusCode, res.Header, body, want.code, want.detail)
		}
	}
	if res := do(h, "HEAD", eventsPath); res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD = %d %v", res.StatusCode, res.Header)
	}
	for _, path := range []string{eventsPath, socketPath, statusPath + "?wait=terminal"} {
		if res := do(newHandler(inProgress()), "GET", path); res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusBadRequest {
			t.Errorf("without Changed, %s = %d", path, res.StatusCode)
		}
	}
}

func TestClientsBeyondTheBoundAreTurnedAway(t *testing.T) {
	f := newFeed(inProgress())
	o := f.options()
	o.Push.MaxClients = 2
	server := startServer(t, o)
	first := openEvents(t, server.Client(), server.URL+eventsPath, "")
	openSocket(t, server.URL+socketPath).read()
	res := openEvents(t, server.Client(), server.URL+eventsPath, "").res
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "5" || res.Header.Get(api.HeaderStatus) == "" {
		t.Errorf("third client: %d %v, want 429 with Retry-After", res.StatusCode, res.Header)
	}
	if got := closeCode(t, server.URL+socketPath, nil); got != 1013 {
		t.Errorf("third client's close code = %d, want 1013", got)
	}
	first.close()
	for {
		next := openEvents(t, server.Client(), server.URL+eventsPath, "")
		if next.res.StatusCode == http.StatusOK {
			break // the place is free once the server has noticed
		}
	}
}

// A server's time-outs are meant for answers that are there already. What is
// waited for is that nothing happens for longer than any of them.
func TestStreamsOutliveTheServersTimeouts(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			t.Parallel()
			const timeout, longer = 500 * time.Millisecond, 700 * time.Millisecond
			f := newFeed(inProgress())
			o := f.options()
			o.Push.WriteTimeout = timeout
			server := httptest.NewUnstartedServer(api.NewHandler(o))
			server.Config.ReadTimeout, server.Config.WriteTimeout = timeout, timeout
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)
			r := openEvents(t, server.Client(), server.URL+eventsPath, "")
			if (r.res.ProtoMajor == 2) != http2 {
				t.Fatalf("protocol = %s", r.res.Proto)
			}
			r.expect(api.EnvelopeSnapshot)
			for range 2 {
				time.Sleep(longer)
				f.publish(nil)
				r.expect(api.EnvelopeChange)
			}
			waited, err := server.Client().Get(server.URL + statusPath + "?wait=terminal&timeout=" + longer.String())
			if err != nil || waited.StatusCode != http.StatusOK {
				t.Fatalf("waiting: %v %v", waited, err)
			}
			waited.Body.Close()
		})
	}
}

func TestAStoppingServerEndsItsStreams(t *testing.T) {
	f := newFeed(inProgress())
	o := f.options()
	var armed atomic.Bool
	asked := make(chan struct{})
	o.Changed = func() <-chan struct{} {
		if armed.Swap(false) {
			close(asked)
		}
		return f.Changed()
	}
	s := api.NewServer("127.0.0.1:0", api.NewHandler(o), nil)
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	url := "http://" + s.Addr()
	r := openEvents(t, http.DefaultClient, url+eventsPath, "")
	r.expect(api.EnvelopeSnapshot)
	socket := openSocket(t, url+socketPath)
	socket.read()
	f.publish(nil)
	r.expect(api.EnvelopeChange) // the broadcaster waits: whoever asks next is the request
	armed.Store(true)
	waiting := make(chan string, 1)
	go func() {
		res, err := http.Get(url + statusPath + "?wait=terminal&timeout=5m")
		if err != nil {
			waiting <- err.Error()
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		waiting <- fmt.Sprint(res.StatusCode, err, bytes.Contains(body, []byte(`"revision":43`)))
	}()
	<-asked
	began := time.Now()
	cancel()
	if e, more := r.read(); more {
		t.Errorf("event at the end: %+v", e)
	}
	for err := error(nil); statusOf(err) != 1001; {
		if _, _, err = socket.conn.Read(t.Context()); err != nil && statusOf(err) != 1001 {
			t.Fatalf("socket ended with %v, want close code 1001", err)
		}
	}
	if err := <-ended; err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("Run = %v after %s, want nil at once", err, time.Since(began))
	}
	if got := <-waiting; got != "200 <nil> true" {
		t.Errorf("waiting request: %s, want the newest document", got)
	}
}

func TestLinesOfAnEvent(t *testing.T) {
	f := newFeed(failed("a\r\ndata: x\n\nevent: evil\u2028\u0085"))
	server := startServer(t, f.options())
	res, err := http.Get(server.URL + eventsPath + "?until=terminal")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var fields []string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		field, _, _ := strings.Cut(lines.Text(), ":")
		fields = append(fields, field)
	}
	want := []string{"retry", "", "event", "id", "data", "", "event", "id", "data", ""}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
