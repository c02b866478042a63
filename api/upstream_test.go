package api_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// front is Sidemirror with an application behind it, over a real connection.
type front struct {
	*httptest.Server
	upstream *api.Upstream
}

// newFront starts a server in front of the application at url. Its deadlines are
// so short that whatever they apply to is cut.
func newFront(t *testing.T, url string, http2 bool, with func(*api.UpstreamOptions)) *front {
	t.Helper()
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "own "+r.URL.Path) })
	o := api.UpstreamOptions{URL: url, Own: own, Status: inProgress}
	if with != nil {
		with(&o)
	}
	u, err := api.NewUpstream(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(u)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.EnableHTTP2 = http2
	if http2 {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return &front{server, u}
}

// application starts h.
func application(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// ask sends a request and returns the answer with its body read.
func (f *front) ask(t *testing.T, method, path string, body io.Reader, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	client := f.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res, read(t, res)
}

// eachProtocol runs a test over HTTP/1.1 and HTTP/2.
func eachProtocol(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Run("HTTP 1.1", func(t *testing.T) { test(t, false) })
	t.Run("HTTP 2", func(t *testing.T) { test(t, true) })
}

func TestUpstreamReplacesTheApplicationsSyncHeaders(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Sync-Status", "completed")
		h.Set("X-Sync-End-Time", "never")
		h.Add("X-Sync-Error", "one")
		h.Add("X-Sync-Error", "two")
		h.Set("Access-Control-Expose-Headers", "X-Mine")
		h.Set("X-Mine", "1")
		switch r.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			h.Set("Etag", `"x"`)
			w.WriteHeader(http.StatusNotModified)
		case "/500":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "body")
		default:
			h.Set("Content-Length", "4")
			_, _ = io.WriteString(w, "body")
		}
	})
	want := map[string]string{
		"X-Sync-Status": "in_progress", "X-Sync-Revision": "42", "X-Sync-Step": "sync",
		"X-Sync-Progress": "6/11", "X-Sync-Current-Resource": "Deployment",
	}
	eachProtocol(t, func(t *testing.T, http2 bool) {
		f := newFront(t, app, http2, nil)
		for _, tt := range []struct {
			method, path string
			code         int
			length       int64
			body         string
		}{
			{"GET", "/", 200, 4, "body"}, {"HEAD", "/", 200, 4, ""}, {"POST", "/api/v1/things", 200, 4, "body"},
			{"GET", "/204", 204, 0, ""}, {"GET", "/304", 304, 0, ""}, {"GET", "/500", 500, 4, "body"},
		} {
			res, body := f.ask(t, tt.method, tt.path, nil)
			if length := max(res.ContentLength, 0); res.StatusCode != tt.code || body != tt.body || length != tt.length {
				t.Errorf("%s %s = %d %q of %d bytes, want %d %q of %d", tt.method, tt.path, res.StatusCode, body, length, tt.code, tt.body, tt.length)
			}
			if diff := cmp.Diff(want, syncHeaders(res)); diff != "" || len(res.Header["X-Sync-Status"]) != 1 {
				t.Errorf("%s %s: headers (-want +got):\n%s", tt.method, tt.path, diff)
			}
			exposed := strings.Join(res.Header["Access-Control-Expose-Headers"], ", ")
			if !strings.HasPrefix(exposed, "X-Mine, ") || !strings.Contains(exposed, "X-Sync-Revision") || res.Header.Get("X-Mine") != "1" {
				t.Errorf("%s %s: exposed = %q, X-Mine = %q", tt.method, tt.path, exposed, res.Header.Get("X-Mine"))
			}
		}
	})
}

// The headers are those of the moment at which the application's answer begins.
func TestUpstreamTakesTheSnapshotWhenTheAnswerBegins(t *testing.T) {
	var status atomic.Pointer[syncer.Status]
	status.Store(inProgress())
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		status.Store(completed())
		w.WriteHeader(http.StatusOK)
	})
	f := newFront(t, app, false, func(o *api.UpstreamOptions) { o.Status = status.Load })
	res, _ := f.ask(t, "GET", "/", nil)
	if got := res.Header.Get(api.HeaderStatus); got != "completed" {
		t.Errorf("status = %q, want completed", got)
	}
}

func TestUpstreamRoutes(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "app "+r.RequestURI) })
	for _, tt := range []struct {
		name string
		with func(*api.UpstreamOptions)
		want map[string]string
	}{
		{"by default", nil, map[string]string{
			"/": "app /", "/api/v1/things": "app /api/v1/things", "/api/v1/openapi.json": "app /api/v1/openapi.json",
			"/api/v1/sync/status": "own /api/v1/sync/status", "/api/v1/sync": "own /api/v1/sync", "/api/v1/synchronize": "app /api/v1/synchronize",
			"/api/v1/health": "own /api/v1/health", "/api/v1/health/db": "app /api/v1/health/db", "/sync/status": "own /sync/status",
			"/livez": "own /livez", "/readyz": "own /readyz", "/startupz": "own /startupz", "/metrics": "own /metrics",
			"/.sidemirror/": "own /", "/.sidemirror/api/v1/pods": "own /api/v1/pods", "/.sidemirror/livez": "own /livez",
			"/.sidemirror2": "app /.sidemirror2", "//livez": "app //livez", "/x/../livez": "app /x/../livez",
			"/%6civez": "own /livez", "/api/v1/sync/%2e%2e/things": "own /api/v1/sync/../things",
		}},
		{"another prefix, probes and metrics left to the application", func(o *api.UpstreamOptions) {
			o.Prefix, o.Reserved = "/mirror/of", []string{"/api/v1/sync/"}
		}, map[string]string{
			"/metrics": "app /metrics", "/livez": "app /livez", "/mirror/of/metrics": "own /metrics",
			"/api/v1/sync/events": "own /api/v1/sync/events", "/.sidemirror/": "app /.sidemirror/",
		}},
		{"nothing reserved", func(o *api.UpstreamOptions) { o.Reserved = []string{} }, map[string]string{
			"/api/v1/sync/status": "app /api/v1/sync/status", "/.sidemirror/api/v1/sync/status": "own /api/v1/sync/status",
		}},
	} {
		f := newFront(t, app, false, tt.with)
		for path, want := range tt.want {
			if _, got := f.ask(t, "GET", path, nil); got != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, path, got, want)
			}
		}
	}
	f := newFront(t, app, false, nil)
	if res, _ := f.ask(t, "GET", "/.sidemirror", nil); res.StatusCode != http.StatusTemporaryRedirect || res.Header.Get("Location") != "/.sidemirror/" {
		t.Errorf("the prefix alone = %d %q", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestUpstreamChecksItsOptions(t *testing.T) {
	for _, tt := range []struct {
		o    api.UpstreamOptions
		want string
	}{
		{api.UpstreamOptions{URL: ""}, "want http://HOST:PORT"},
		{api.UpstreamOptions{URL: "127.0.0.1:3000"}, "want http://HOST:PORT"},
		{api.UpstreamOptions{URL: "ftp://app"}, "want http://HOST:PORT"},
		{api.UpstreamOptions{URL: "http://:3000"}, "want http://HOST:PORT"},
		{api.UpstreamOptions{URL: "http://me:hunter2@app:x%zz"}, "want http://HOST:PORT"},
		{api.UpstreamOptions{URL: "http://me:hunter2@app"}, "credentials don't belong"},
		{api.UpstreamOptions{URL: "http://app/?token=hunter2"}, "requests bring their own"},
		{api.UpstreamOptions{URL: "http://app/#x"}, "requests bring their own"},
		{api.UpstreamOptions{URL: "unix://run/app.sock"}, "three slashes"},
		{api.UpstreamOptions{URL: "unix:app.sock"}, "three slashes"},
		{api.UpstreamOptions{URL: "http://app", Prefix: "mirror"}, `the prefix "mirror" isn't like /.sidemirror`},
		{api.UpstreamOptions{URL: "http://app", Prefix: "/"}, `the prefix "/"`},
		{api.UpstreamOptions{URL: "http://app", Prefix: "/a/"}, `the prefix "/a/"`},
		{api.UpstreamOptions{URL: "http://app", Reserved: []string{"/"}}, `the reserved path "/" isn't like /metrics`},
		{api.UpstreamOptions{URL: "http://app", Reserved: []string{"/metrics", "x"}}, `the reserved path "x"`},
		{api.UpstreamOptions{URL: "http://app", HeaderTimeout: -1}, "negative"},
	} {
		_, err := api.NewUpstream(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q without a credential", tt.o, err, tt.want)
		}
	}
}

func TestUpstreamOverAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	app := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Host+r.RequestURI)
	})}}
	app.Start()
	t.Cleanup(app.Close)
	f := newFront(t, "unix://"+path, false, nil)
	if _, got := f.ask(t, "GET", "/x?y", nil); "http://"+got != f.URL+"/x?y" {
		t.Errorf("got %q, want the client's host and path", got)
	}
}

func TestHoldUntilSynced(t *testing.T) {
	var status atomic.Pointer[syncer.Status]
	status.Store(inProgress())
	var asked atomic.Int64
	app := application(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	f := newFront(t, app, false, func(o *api.UpstreamOptions) { o.Status, o.HoldUntilSynced = status.Load, true })

	res, body := f.ask(t, "POST", "/orders", strings.NewReader("x"))
	var got struct {
		Status int
		Detail string
		Sync   struct {
			Status, Step                    string
			Revision                        uint64
			TotalResources, SyncedResources int
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusServiceUnavailable || got.Status != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("held = %d %v %s", res.StatusCode, res.Header, body)
	}
	if got.Sync.Status != "in_progress" || got.Sync.Step != "sync" || got.Sync.SyncedResources != 6 || got.Sync.TotalResources != 11 ||
		res.Header.Get(api.HeaderStatus) != "in_progress" || res.Header.Get(api.HeaderRevision) != "42" {
		t.Errorf("the progress isn't told: %v %s", syncHeaders(res), body)
	}
	if _, body := f.ask(t, "GET", "/livez", nil); body != "own /livez" {
		t.Errorf("own route while holding = %q", body)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the application was asked %d times", n)
	}
	for _, s := range []*syncer.Status{completed(), failed("x"), inProgress()} {
		status.Store(s)
		if res, _ := f.ask(t, "GET", "/orders", nil); res.StatusCode != http.StatusOK || res.Header.Get(api.HeaderStatus) != string(s.Status) {
			t.Errorf("%s after the first sync = %d %v, want it passed on", s.Status, res.StatusCode, syncHeaders(res))
		}
	}
}
