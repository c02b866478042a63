package api_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

func TestStatusFields(t *testing.T) {
	s := inProgress()
	h := newHandler(s)
	whole := do(h, "GET", statusPath).Header.Get("Etag")
	seen := map[string]string{whole: "the whole document"}
	for fields, want := range map[string]string{
		"status":                 `{"status":"in_progress"}`,
		"step,status,step":       `{"status":"in_progress","step":"sync"}`,
		"currentResource":        `{"currentResource":"Deployment"}`,
		"traceId":                `{}`,
		"resourceStatus,traceId": `{"resourceStatus":[]}`,
	} {
		res := do(h, "GET", statusPath+"?fields="+fields)
		etag := res.Header.Get("Etag")
		if got := read(t, res); got != want+"\n" || res.Header.Get(api.HeaderProgress) != "6/11" {
			t.Errorf("fields=%s: %s, want %s", fields, got, want)
		}
		if other, twice := seen[etag]; twice {
			t.Errorf("fields=%s has the ETag of %s", fields, other)
		}
		seen[etag] = fields
		if res := do(h, "GET", statusPath+"?fields="+fields, "If-None-Match", etag); res.StatusCode != http.StatusNotModified {
			t.Errorf("fields=%s: %d for its own ETag, want 304", fields, res.StatusCode)
		}
		if res := do(h, "GET", statusPath+"?fields="+fields, "If-None-Match", whole); res.StatusCode != http.StatusOK {
			t.Errorf("fields=%s: %d for the ETag of another form, want 200", fields, res.StatusCode)
		}
	}
	a, b := do(h, "GET", statusPath+"?fields=step,status"), do(h, "HEAD", statusPath+"?fields=status,step")
	if a.Header.Get("Etag") != b.Header.Get("Etag") || a.Header.Get("Content-Length") != b.Header.Get("Content-Length") {
		t.Errorf("the same fields in another order have other headers: %v %v", a.Header, b.Header)
	}
}

func TestStatusRefusesParameters(t *testing.T) {
	f := newFeed(inProgress())
	h := api.NewHandler(f.options())
	for query, want := range map[string]string{
		"fields=status,nope":                 `fields has \"nope\"; the document has schemaVersion, revision,`,
		"fields=":                            `fields has \"\"`,
		"wait=later":                         "wait is completed, terminal or change",
		"wait=":                              "wait is completed, terminal or change",
		"wait=change":                        "wait=change needs since",
		"wait=change&since=-1":               "wait=change needs since",
		"wait=terminal&since=3":              "since belongs to wait=change",
		"since=3":                            "since belongs to wait=change",
		"timeout=3s":                         "timeout belongs to wait",
		"wait=terminal&timeout=3":            "timeout is a duration such as 30s, at most 5m0s",
		"wait=terminal&timeout=0s":           "timeout is a duration",
		"wait=terminal&timeout=5m1s":         "timeout is a duration",
		"wait=terminal&timeout=-1s":          "timeout is a duration",
		"x=1":                                "this route has fields, since, timeout, wait",
		"wait=terminal&wait=completed":       "give each parameter once: wait",
		"fields=" + strings.Repeat("x", 999): "...",
	} {
		res := do(h, "GET", statusPath+"?"+query)
		if body := read(t, res); res.StatusCode != http.StatusBadRequest || !strings.Contains(body, want) || len(body) > 1500 {
			t.Errorf("%s = %d %s, want 400 and %q", query, res.StatusCode, body, want)
		}
	}
}

func TestWaiting(t *testing.T) {
	later := func(revision uint64, status syncer.RunStatus) func(*syncer.Status) {
		return func(s *syncer.Status) { s.Revision, s.Status = revision, status }
	}
	for query, want := range map[string]struct {
		took     time.Duration
		revision string
	}{
		"wait=completed&timeout=1m":               {30 * time.Second, "45"},
		"wait=terminal":                           {20 * time.Second, "44"},
		"wait=terminal&timeout=15s":               {15 * time.Second, "43"},
		"wait=change&since=42":                    {10 * time.Second, "43"},
		"wait=change&since=41":                    {0, "42"},
		"wait=change&since=4711":                  {0, "42"}, // of a process that was before
		"wait=change&since=42&timeout=1500ms":     {1500 * time.Millisecond, "42"},
		"wait=terminal&fields=revision":           {20 * time.Second, "44"},
		"fields=revision":                         {0, "42"},
		"wait=change&since=42&fields=currentStep": {0, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFeed(inProgress())
			h := api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed})
			began := time.Now()
			time.AfterFunc(10*time.Second, func() { f.publish(later(43, syncer.InProgress)) })
			time.AfterFunc(20*time.Second, func() { f.publish(later(44, syncer.Failed)) })
			time.AfterFunc(30*time.Second, func() { f.publish(later(45, syncer.Completed)) })
			res := do(h, "GET", statusPath+"?"+query)
			body := read(t, res)
			if want.revision == "" {
				if res.StatusCode != http.StatusBadRequest || time.Since(began) != 0 {
					t.Errorf("%s = %d after %s, want 400 at once", query, res.StatusCode, time.Since(began))
				}
				return
			}
			if took := time.Since(began); took != want.took || res.Header.Get(api.HeaderRevision) != want.revision {
				t.Errorf("%s: revision %s after %s, want %+v", query, res.Header.Get(api.HeaderRevision), took, want)
			}
			if res.StatusCode != http.StatusOK || !strings.Contains(body, `"revision":`+want.revision) {
				t.Errorf("%s: %d %s, which aren't of the headers' revision", query, res.StatusCode, body)
			}
			if done := want.revision == "45" || want.revision == "44"; done && res.Header.Get(api.HeaderStep) != "" {
				t.Errorf("%s: headers of the snapshot before are left: %v", query, res.Header)
			}
			time.Sleep(time.Minute) // the changes that are due yet
		})
	}
}

func TestWaitingRequestsBeyondTheBoundAreTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(inProgress())
		h := api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed, Push: api.PushOptions{MaxClients: 1}})
		const path = statusPath + "?wait=terminal"
		_, stop := stream(h, path)
		synctest.Wait()
		if res := do(h, "GET", path); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "5" {
			t.Errorf("second: %d %v, want 429 with Retry-After", res.StatusCode, res.Header)
		}
		if res := do(h, "GET", statusPath); res.StatusCode != http.StatusOK {
			t.Errorf("without waiting: %d, want 200", res.StatusCode)
		}
		stop()
		if res := do(h, "GET", path+"&timeout=1s"); res.StatusCode != http.StatusOK {
			t.Errorf("once the place is free: %d, want 200", res.StatusCode)
		}
	})
}
