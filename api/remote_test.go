package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
)

// sidecar answers as Sidemirror does, without a network, so that it can be used
// where time is simulated.
type sidecar struct {
	now  atomic.Pointer[http.HandlerFunc] // nil is one that is away
	sent atomic.Int64                     // bodies; the others were 304
}

func (s *sidecar) is(now http.HandlerFunc) { s.now.Store(&now) }

func (s *sidecar) RoundTrip(r *http.Request) (*http.Response, error) {
	now := s.now.Load()
	if now == nil {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	(*now)(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if w.Code == http.StatusOK {
		s.sent.Add(1)
	}
	return w.Result(), nil
}

// What isn't known isn't told: above all never that the mirror is complete.
func TestRemoteHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beside := &sidecar{}
		poller, err := api.NewPoller("http://127.0.0.1:8080/", &http.Client{Transport: beside})
		if err != nil {
			t.Fatal(err)
		}
		app := api.NewRemoteHeaders(poller).Wrap(http.NotFoundHandler())
		expect := func(moment string, want map[string]string) {
			t.Helper()
			synctest.Wait()
			res := do(app, "GET", "/")
			if diff := cmp.Diff(want, syncHeaders(res)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", moment, diff)
			}
			if res.Header.Get("Access-Control-Expose-Headers") == "" {
				t.Errorf("%s: browsers can't read the headers", moment)
			}
		}
		nobody := map[string]string{"X-Sync-Error": "no answer from the sidecar"}
		synced := map[string]string{
			"X-Sync-Status": "completed", "X-Sync-Revision": "43",
			"X-Sync-End-Time": "2026-01-07T10:30:05.234Z", "X-Sync-Duration": "5234ms",
		}
		expect("before Run", nobody)

		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- poller.Run(ctx) }()
		expect("never heard of it", nobody)
		beside.is(newHandler(completed()).ServeHTTP)
		time.Sleep(time.Second)
		expect("there", synced)
		first := poller.Status()
		time.Sleep(time.Hour)
		expect("there for an hour", synced)
		if sent := beside.sent.Load(); sent != 1 || poller.Status() != first {
			t.Errorf("%d documents were sent for one revision, want 1", sent)
		}

		beside.now.Store(nil)
		time.Sleep(5 * time.Second)
		expect("away for five seconds", synced)
		time.Sleep(10 * time.Second)
		expect("away for fifteen", nobody)
		beside.is(newHandler(inProgress()).ServeHTTP)
		time.Sleep(time.Second)
		expect("there again", map[string]string{
			"X-Sync-Status": "in_progress", "X-Sync-Revision": "42", "X-Sync-Step": "sync",
			"X-Sync-Progress": "6/11", "X-Sync-Current-Resource": "Deployment",
		})

		beside.is(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(20 * time.Second)
		expect("there without an answer", nobody)
		beside.is(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"completed"}`)) })
		time.Sleep(5 * time.Second)
		expect("another program at its address", nobody)

		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

func TestNewPollerChecksTheURL(t *testing.T) {
	for _, server := range []string{"", "127.0.0.1:8080", "unix:///x", "http://me:hunter2@h", "http://h/?x"} {
		if _, err := api.NewPoller(server, nil); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("NewPoller(%q): %v, want an error without a credential", server, err)
		}
	}
}
