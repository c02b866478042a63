package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const statusPath = "/api/v1/sync/status"

func inProgress() *syncer.Status {
	return &syncer.Status{
		Revision: 42, Epoch: 3, Instance: "pod-a", Role: syncer.Leader, Status: syncer.InProgress, State: syncer.Running, Step: syncer.StepSync,
		CurrentResource: "Deployment", SyncedResources: 6, TotalResources: 11,
	}
}

func completed() *syncer.Status {
	end := time.Date(2026, 1, 7, 12, 30, 5, 234_000_000, time.FixedZone("", 2*3600))
	took := int64(5234)
	return &syncer.Status{
		Revision: 43, Role: syncer.Leader, Status: syncer.Completed, State: syncer.Live, Step: syncer.StepDone,
		EndTime: &end, DurationMs: &took, InitialSyncComplete: true,
	}
}

func failed(text string) *syncer.Status {
	return &syncer.Status{Revision: 44, Role: syncer.Leader, Status: syncer.Failed, State: syncer.Retrying, Error: &text}
}

func newHandler(s *syncer.Status) http.Handler {
	return api.NewHandler(api.Options{Status: func() *syncer.Status { return s }})
}

func do(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// syncHeaders returns the X-Sync-* headers of res.
func syncHeaders(res *http.Response) map[string]string {
	out := map[string]string{}
	for _, name := range api.HeaderNames {
		if v := res.Header.Get(name); v != "" {
			out[name] = v
		}
	}
	return out
}

func TestHeaders(t *testing.T) {
	tests := []struct {
		name   string
		status *syncer.Status
		want   map[string]string
	}{
		{"not started", &syncer.Status{Revision: 1, Status: syncer.NotStarted}, map[string]string{
			"X-Sync-Status": "not_started", "X-Sync-Revision": "1"}},
		{"in progress", inProgress(), map[string]string{
			"X-Sync-Status": "in_progress", "X-Sync-Revision": "42", "X-Sync-Step": "sync",
			"X-Sync-Progress": "6/11", "X-Sync-Current-Resource": "Deployment"}},
		{"completed", completed(), map[string]string{
			"X-Sync-Status": "completed", "X-Sync-Revision": "43",
			"X-Sync-End-Time": "2026-01-07T10:30:05.234Z", "X-Sync-Duration": "5234ms"}},
		{"failed", failed("connect mongodb://u:hunter2@db/x"), map[string]string{
			"X-Sync-Status": "failed", "X-Sync-Revision": "44", "X-Sync-Error": "connect mongodb://***@db/x"}},
	}
	requests := []struct {
		method, target string
		code           int
	}{
		{"GET", statusPath, 200}, {"HEAD", statusPath, 200}, {"GET", "/sync/status", 200},
		{"POST", statusPath, 405}, {"GET", statusPath + "?x=1", 400},
		{"GET", "/api/v1/nothing", 404}, {"GET", "/api/v1", 404}, {"GET", "/api/v1/", 404}, {"DELETE", "/api/v1/health", 405},
	}
	for _, tt := range tests {
		for _, r := range requests {
			t.Run(tt.name+" "+r.method+" "+r.target, func(t *testing.T) {
				res := do(newHandler(tt.status), r.method, r.target)
				if res.StatusCode != r.code {
					t.Errorf("code = %d, want %d", res.StatusCode, r.code)
				}
				if diff := cmp.Diff(tt.want, syncHeaders(res)); diff != "" {
					t.Errorf("headers (-want +got):\n%s", diff)
				}
				if got := res.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(got, api.HeaderError) {
					t.Errorf("exposed headers = %q", got)
				}
			})
		}
	}
	if got := syncHeaders(do(newHandler(completed()), "GET", "/livez")); len(got) != 0 {
		t.Errorf("headers beside the API = %v, want none", got)
	}
}

func TestStatusDocument(t *testing.T) {
	s := failed("dial mongodb://root:hunter2@db: refused")
	s.ResourceStatus = []syncer.ResourceStatus{{
		Name: "pods", Error: &syncer.CellError{Message: "password=hunter2 refused"},
		DeadLetters: []syncer.DeadLetter{{Error: "token: hunter2"}},
	}}
	res := do(newHandler(s), "GET", statusPath)
	body := read(t, res)
	if strings.Contains(body, "hunter2") {
		t.Errorf("body has the credential: %s", body)
	}
	if got := *s.Error; !strings.Contains(got, "hunter2") {
		t.Errorf("the snapshot was changed: %s", got)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got["revision"] != 44.0 || got["status"] != "failed" || got["currentResources"] == nil {
		t.Errorf("document = %s", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestConditional(t *testing.T) {
	s := inProgress()
	h := newHandler(s)
	etag := do(h, "GET", statusPath).Header.Get("Etag")
	other := inProgress()
	other.ObservedAt = time.Unix(1, 0)
	if got := do(newHandler(other), "GET", statusPath).Header.Get("Etag"); got == etag {
		t.Errorf("another process has the same ETag %s", got)
	}
	for field, want := range map[string]int{
		etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, "*": 304, `"x"`: 200, "": 200, strings.Trim(etag, `"`): 200,
	} {
		res := do(h, "GET", statusPath, "If-None-Match", field)
		if res.StatusCode != want {
			t.Errorf("If-None-Match %s: code = %d, want %d", field, res.StatusCode, want)
		}
		if res.Header.Get("Etag") != etag || res.Header.Get(api.HeaderRevision) != "42" {
			t.Errorf("If-None-Match %s: headers = %v", field, res.Header)
		}
		if body := read(t, res); want == 304 && body != "" {
			t.Errorf("304 has a body: %q", body)
		}
	}
}

func TestProblems(t *testing.T) {
	type problem struct {
		Type, Title       string
		Status            int
		UnknownParameters []string
	}
	for _, tt := range []struct {
		method, target string
		want           problem
	}{
		{"GET", "/nothing", problem{"about:blank", "Not Found", 404, nil}},
		{"PUT", statusPath, problem{"about:blank", "Method Not Allowed", 405, nil}},
		{"GET", statusPath + "?b=1&a=2", problem{"about:blank", "Bad Request", 400, []string{"a", "b"}}},
		{"GET", statusPath + "?%zz", problem{"about:blank", "Bad Request", 400, nil}},
	} {
		res := do(newHandler(inProgress()), tt.method, tt.target)
		var got problem
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.target, diff)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("Content-Type = %q", got)
		}
		if allow := res.Header.Get("Allow"); (allow == "GET, HEAD") != (res.StatusCode == http.StatusMethodNotAllowed) {
			t.Errorf("Allow = %q", allow)
		}
	}
	big := httptest.NewRequest(http.MethodGet, statusPath, strings.NewReader(strings.Repeat("x", 2<<20)))
	w := httptest.NewRecorder()
	newHandler(inProgress()).ServeHTTP(w, big)
	if w.Code != 413 {
		t.Errorf("body of 2 MiB: code = %d, want 413", w.Code)
	}
}

func TestPanic(t *testing.T) {
	h := api.NewHandler(api.Options{
		Status:  inProgress,
		Metrics: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("hunter2") }),
	})
	res := do(h, "GET", "/metrics")
	if body := read(t, res); res.StatusCode != http.StatusInternalServerError || strings.Contains(body, "hunter2") || strings.Contains(body, "goroutine") {
		t.Errorf("code = %d, body = %s", res.StatusCode, body)
	}
}

func TestHealth(t *testing.T) {
	older := failed("x")
	older.InitialSyncComplete = true
	partial := completed()
	partial.Partial, partial.FailedResources = true, 1
	broken := completed()
	broken.ResourceStatus = []syncer.ResourceStatus{{Error: &syncer.CellError{}}}
	again := inProgress()
	again.Retry.Attempt = 1
	for _, tt := range []struct {
		name   string
		status *syncer.Status
		want   string
		code   int
	}{
		{"not started", &syncer.Status{Status: syncer.NotStarted}, "ok", 200},
		{"in progress", inProgress(), "ok", 200},
		{"completed", completed(), "ok", 200},
		{"partial", partial, "degraded", 200},
		{"watch broken", broken, "degraded", 200},
		{"tried again", again, "degraded", 200},
		{"failed with an older mirror", older, "degraded", 200},
		{"never synced", failed("x"), "failed", 503},
	} {
		res := do(newHandler(tt.status), "GET", "/api/v1/health")
		var got struct {
			Status    string
			Timestamp time.Time
			Sync      struct {
				Status   string
				Progress map[string]any
			}
		}
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.Status != tt.want || res.StatusCode != tt.code || got.Timestamp.IsZero() || got.Sync.Status != string(tt.status.Status) {
			t.Errorf("%s: %d %+v, want %d %s", tt.name, res.StatusCode, got, tt.code, tt.want)
		}
	}
}

func TestProbes(t *testing.T) {
	status := inProgress()
	var alive error
	h := api.NewHandler(api.Options{
		Status: func() *syncer.Status { return status },
		Alive:  func() error { return alive },
	})
	expect := func(target string, code int, body string) {
		t.Helper()
		res := do(h, "GET", target)
		if got := read(t, res); res.StatusCode != code || got != body {
			t.Errorf("%s = %d %q, want %d %q", target, res.StatusCode, got, code, body)
		}
	}
	notReady := "[+]ping ok\n[-]initial-sync failed: reason withheld\n"
	expect("/livez", 200, "ok")
	expect("/readyz", 503, notReady+"readyz check failed\n")
	expect("/startupz", 503, notReady+"startupz check failed\n")
	status = completed()
	expect("/readyz?verbose", 200, "[+]ping ok\n[+]initial-sync ok\nreadyz check passed\n")
	status, alive = failed("x"), errors.New("hunter2")
	expect("/readyz", 200, "ok")
	expect("/startupz", 200, "ok")
	expect("/livez", 503, "[+]ping ok\n[-]engine failed: reason withheld\nlivez check failed\n")
}
