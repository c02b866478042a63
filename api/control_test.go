package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// engine takes commands, and answers as it is told.
type engine struct {
	got []syncer.Command
	err error
}

func (e *engine) Do(_ context.Context, cmd syncer.Command) (syncer.Operation, error) {
	e.got = append(e.got, cmd)
	return syncer.Operation{ID: "01J", Action: cmd.Action, AcceptedAt: time.Unix(0, 0).UTC(), Revision: 7}, e.err
}

func post(h http.Handler, target, contentType, body string) *http.Response {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func controlled(e *engine) http.Handler {
	return api.NewHandler(api.Options{Status: inProgress, Control: e})
}

func TestCommandIsAcceptedWithAnOperation(t *testing.T) {
	for _, action := range syncer.Actions {
		e := &engine{}
		res := post(controlled(e), "/api/v1/sync/"+string(action), "application/json; charset=utf-8",
			`{"reason":"why not","resources":["pods"],"namespaces":["shop"]}`)
		body := read(t, res)
		if res.StatusCode != http.StatusAccepted || !strings.Contains(body, `"operationId":"01J"`) || res.Header.Get("X-Sync-Status") == "" {
			t.Errorf("%s: %s %v %s", action, res.Status, res.Header, body)
		}
		want := []syncer.Command{{Action: action, Reason: "why not", Resources: []string{"pods"}, Namespaces: []string{"shop"}}}
		if diff := cmp.Diff(want, e.got, cmpopts.IgnoreFields(syncer.Command{}, "Cause")); diff != "" {
			t.Errorf("%s: command (-want +got):\n%s", action, diff)
		}
		if res := post(controlled(&engine{}), "/api/v1/sync/"+string(action), "", ""); res.StatusCode != http.StatusAccepted {
			t.Errorf("%s without a body: %s", action, res.Status)
		}
	}
}

func TestCommandsThatAreWrongAreRefusedBeforeTheyReachTheEngine(t *testing.T) {
	for name, tt := range map[string]struct {
		target, contentType, body string
		want                      int
	}{
		"not JSON":          {"pause", "text/plain", `{}`, 415},
		"no type":           {"pause", "", `{}`, 415},
		"an unknown member": {"pause", "application/json", `{"reasons":"x"}`, 400},
		"a wrong type":      {"start", "application/json", `{"resources":"pods"}`, 400},
		"two values":        {"start", "application/json", `{} {}`, 400},
		"malformed":         {"start", "application/json", `{"reason":`, 400},
		"a query":           {"pause?reason=x", "", "", 400},
		"too large":         {"pause", "application/json", `{"reason":"` + strings.Repeat("x", 70_000) + `"}`, 413},
		"unknown action":    {"stop", "application/json", `{}`, 404},
	} {
		e := &engine{}
		res := post(controlled(e), "/api/v1/sync/"+tt.target, tt.contentType, tt.body)
		if res.StatusCode != tt.want || res.Header.Get("Content-Type") != "application/problem+json" || len(e.got) > 0 {
			t.Errorf("%s: %s, %d commands, %s; want %d and a problem", name, res.Status, len(e.got), read(t, res), tt.want)
		}
	}
	if res := do(controlled(&engine{}), http.MethodGet, "/api/v1/sync/pause"); res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET of an action: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
}

func TestCommandsThatTheEngineRefusesSayWhatIsPossible(t *testing.T) {
	notAllowed := &syncer.NotAllowedError{Action: "pause", Status: "completed", State: "paused", Allowed: []syncer.Action{"resume"}}
	for name, tt := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"wrong state":     {notAllowed, 409, `"allowedActions":["resume"]`},
		"nothing allowed": {&syncer.NotAllowedError{Action: "pause"}, 409, `"allowedActions":[]`},
		"wrong target":    {&syncer.InvalidCommandError{Text: `"podz" isn't a resource that is mirrored`}, 400, "podz"},
		"store away":      {fmt.Errorf("store the pause: %w", &syncer.StoreError{Err: errors.New("dial mongodb://me:hunter2@db")}), 503, "nothing was changed"},
	} {
		res := post(controlled(&engine{err: tt.err}), "/api/v1/sync/pause", "", "")
		body := read(t, res)
		if res.StatusCode != tt.status || !strings.Contains(body, tt.text) || strings.Contains(body, "hunter2") {
			t.Errorf("%s: %s %s; want %d with %s", name, res.Status, body, tt.status, tt.text)
		}
		if tt.status == 503 && res.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", name)
		}
	}
}

// runs is a history of n runs, the newest first.
type runs int

func (n runs) Runs(context.Context, string, int) ([]syncer.Run, error) {
	if n < 0 {
		return nil, errors.New("store is away")
	}
	var all []syncer.Run
	for i := int(n); i > 0; i-- {
		text := "connect to mongodb://me:hunter2@db"
		all = append(all, syncer.Run{
			ID: fmt.Sprintf("%03d", i), Trigger: syncer.TriggerManual, Outcome: syncer.RunCompleted, DurationMs: int64(i), Error: &text,
			Steps:     []syncer.RunStep{{Step: syncer.StepSync, DurationMs: 1}},
			Resources: []syncer.RunResource{{Name: "pods", Status: syncer.ResourceFailed, Objects: int64(i), Error: text}},
		})
	}
	return all, nil
}

// page is what history and namespaces have in common.
type page struct {
	Runs       []syncer.Run
	Namespaces []syncer.NamespaceProgress
	Continue   string
	Stats      syncer.HistoryStats
	Revision   uint64
}

func getPage(t *testing.T, h http.Handler, target string) page {
	t.Helper()
	res := do(h, http.MethodGet, target)
	body := read(t, res)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", target, res.Status, body)
	}
	if strings.Contains(body, "hunter2") {
		t.Errorf("%s shows a password: %s", target, body)
	}
	var p page
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestHistoryPagesThroughEveryRunOnce(t *testing.T) {
	h := api.NewHandler(api.Options{Status: completed, History: runs(45)})
	seen, next := 0, ""
	for range 10 {
		p := getPage(t, h, "/api/v1/sync/history?limit=20&continue="+next)
		if p.Stats.Runs != 45 || *p.Stats.MaxDurationMs != 45 {
			t.Errorf("stats %+v, want those of all runs on each page", p.Stats)
		}
		for _, run := range p.Runs {
			if want := fmt.Sprintf("%03d", 45-seen); run.ID != want {
				t.Fatalf("run %s, want %s", run.ID, want)
			}
			seen++
		}
		if next = p.Continue; next == "" {
			break
		}
	}
	if seen != 45 {
		t.Errorf("%d runs, want 45", seen)
	}
	for target, want := range map[string]int{"?limit=0": 400, "?limit=x": 400, "?limit=101": 400, "?page=2": 400, "?limit=1&limit=2": 400} {
		if res := do(h, http.MethodGet, "/api/v1/sync/history"+target); res.StatusCode != want {
			t.Errorf("%s: %s, want %d", target, res.Status, want)
		}
	}
	away := api.NewHandler(api.Options{Status: completed, History: runs(-1)})
	if res := do(away, http.MethodGet, "/api/v1/sync/history"); res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("store away: %s", res.Status)
	}
	empty := read(t, do(api.NewHandler(api.Options{Status: completed, History: runs(0)}), http.MethodGet, "/api/v1/sync/history"))
	if !strings.Contains(empty, `"runs":[]`) || !strings.Contains(empty, `"averageDurationMs":null`) {
		t.Errorf("history of nothing: %s", empty)
	}
}

func TestNamespacesComeWithTheHeadersOfTheirSnapshot(t *testing.T) {
	all := []syncer.NamespaceProgress{{Namespace: "a"}, {Namespace: "b"}, {Namespace: "c"}}
	h := api.NewHandler(api.Options{
		Status:     inProgress,
		Namespaces: func() ([]syncer.NamespaceProgress, *syncer.Status) { return all, completed() },
	})
	res := do(h, http.MethodGet, "/api/v1/sync/namespaces")
	if got := res.Header.Get("X-Sync-Revision"); got != "43" || res.Header.Get("X-Sync-Step") != "" {
		t.Errorf("headers %v, want those of the snapshot that the body is made from", res.Header)
	}
	p := getPage(t, h, "/api/v1/sync/namespaces?limit=2")
	if p.Revision != 43 || len(p.Namespaces) != 2 || p.Continue != "b" {
		t.Errorf("first page %+v", p)
	}
	if p = getPage(t, h, "/api/v1/sync/namespaces?continue=b"); len(p.Namespaces) != 1 || p.Continue != "" {
		t.Errorf("second page %+v", p)
	}
}
