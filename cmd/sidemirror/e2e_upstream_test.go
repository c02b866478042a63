package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// The daemon in front of an application: held until the mirror is there, then
// passed on with the headers of the mirror that the status tells of.
func TestDaemonInFrontOfAnApplication(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "300", "--mixed", "50")
	var asked atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set(api.HeaderStatus, "not_started")
		if r.URL.Path == "/stream" {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "application of "+r.Host+r.URL.Path)
	}))
	t.Cleanup(app.Close)
	d := newDaemon(t, c, "--upstream", app.URL, "--hold-until-synced")

	c.Kill() // so that the first sync can't have completed
	d.start()
	d.waitFor("the daemon's status", func(*syncer.Status) bool { return true })
	res, body := d.get("/orders")
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" ||
		res.Header.Get(api.HeaderStatus) == "completed" || !strings.Contains(body, `"sync":{"status":`) {
		t.Errorf("before the first sync = %d %v %s, want 503 with the status", res.StatusCode, res.Header, body)
	}
	if asked.Load() != 0 {
		t.Error("the application was asked before the first sync")
	}

	c.Restart()
	d.waitCompleted()
	for _, path := range []string{"/", "/orders", "/api/v1/orders"} {
		res, body := d.get(path)
		if want := "application of " + strings.TrimPrefix(d.server, "http://") + path; res.StatusCode != http.StatusOK || body != want {
			t.Errorf("%s = %d %q, want %q", path, res.StatusCode, body, want)
		}
		if res.Header.Get(api.HeaderStatus) != "completed" || res.Header.Get(api.HeaderEndTime) == "" || res.Header.Get(api.HeaderRevision) == "" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
	}
	before := asked.Load()
	for _, path := range []string{
		"/api/v1/sync/status", "/api/v1/health", "/livez", "/readyz", "/startupz", "/metrics",
		"/.sidemirror/api/v1/sync/status", "/.sidemirror/metrics",
	} {
		if res, body := d.get(path); res.StatusCode != http.StatusOK {
			t.Errorf("%s = %d %s", path, res.StatusCode, body)
		}
	}
	if asked.Load() != before {
		t.Error("the application was asked for what is Sidemirror's")
	}

	app.Config.SetKeepAlivesEnabled(false)
	stream, err := http.Get(d.server + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if _, err := io.ReadFull(stream.Body, make([]byte, len("begun"))); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	d.stop() // within its five seconds, though the stream never ends by itself
	if log := d.log.String(); strings.Contains(log, "stopped before everything was written") {
		t.Errorf("stopping took %s and wasn't whole", time.Since(began))
	}
}

func (d *daemon) get(path string) (*http.Response, string) {
	d.t.Helper()
	res, err := http.Get(d.server + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(body)
}
