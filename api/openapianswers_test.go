package api_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/openapitest"
	"github.com/sidemirror/sidemirror/syncer"
)

// What the handler answers is what is described, in each state.
func TestAnswersAreAsOpenAPIDescribesThem(t *testing.T) {
	d := newDescribed(t)
	full := inProgress()
	at, text, total := time.Now(), "x", int64(5)
	full.Error, full.StartTime, full.TraceID = &text, &at, "t"
	full.StepStatus = []syncer.StepStatus{{Step: syncer.StepSync, StartTime: at}}
	full.ResourceStatus = []syncer.ResourceStatus{{
		Name: "pods", Namespace: "shop", Status: syncer.ResourceForbidden, Phase: syncer.PhaseRetrying, Total: &total,
		NextRetryAt: &at, Watch: syncer.Watch{State: syncer.WatchBroken, LastEventAt: &at},
		Error: &syncer.CellError{Reason: syncer.ReasonForbidden, Time: at}, DeadLetters: []syncer.DeadLetter{{Key: "a/b", Time: at}},
	}}
	for _, s := range []*syncer.Status{
		{Role: syncer.Leader, Status: syncer.NotStarted, State: syncer.Idle}, inProgress(), full, completed(), failed("x"),
	} {
		h := api.NewHandler(everyOption(s))
		etag := do(h, "GET", statusPath).Header.Get("Etag")
		for _, path := range d.Paths() {
			if slices.Contains(unregistered, path) || path == "/metrics" {
				continue
			}
			for _, method := range []string{"get", "post"} {
				if item, _ := d.At("paths", path, method); item == nil {
					continue
				}
				d.Answer(path, method, do(h, "POST", path))
				target := path
				if path == "/api/v1/sync/events" {
					if s.EndTime == nil {
						continue // a stream that doesn't end
					}
					target += "?until=terminal"
				}
				d.Answer(path, method, do(h, "GET", target))
				d.Answer(path, method, do(h, "GET", target, "If-None-Match", etag))
			}
		}
		d.Answer(statusPath, "get", do(h, "GET", statusPath+"?x=1"))
		d.Answer("/livez", "get", do(h, "GET", "/livez?verbose"))
	}
}

// Nothing in the description leads nowhere, and its example is one.
func TestOpenAPIIsSound(t *testing.T) {
	d := newDescribed(t)
	ids := map[string]bool{}
	var walk func(pointer string, node any)
	walk = func(pointer string, node any) {
		switch node := node.(type) {
		case map[string]any:
			if ref, ok := node["$ref"].(string); ok {
				if target, _ := d.At(openapitest.Steps(ref)...); target == nil {
					t.Errorf("%s: %s leads nowhere", pointer, ref)
				}
			}
			if id, ok := node["operationId"].(string); ok {
				if ids[id] {
					t.Errorf("%s: the operationId %s is there twice", pointer, id)
				}
				ids[id] = true
			}
			for key, inner := range node {
				walk(pointer+"/"+key, inner)
			}
		case []any:
			for i, inner := range node {
				walk(pointer+"/"+strconv.Itoa(i), inner)
			}
		}
	}
	walk("", d.Document())
	media, _ := d.At("paths", statusPath, "get", "responses", "200", "content", "application/json")
	d.Validate("the example of the status", media["example"], "components", "schemas", "Status")
	for name := range d.Document()["components"].(map[string]any)["schemas"].(map[string]any) {
		_, pointer := d.At("components", "schemas", name)
		if _, err := d.Compile(pointer); err != nil {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}

func TestOpenAPIIsServedAsItIsCheckedIn(t *testing.T) {
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler(inProgress())
	res := do(h, "GET", "/api/v1/openapi.json")
	if got := read(t, res); got != string(want) || !json.Valid(want) || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d bytes of %s, want the %d of the file", len(got), res.Header.Get("Content-Type"), len(want))
	}
	etag := res.Header.Get("Etag")
	if res := do(h, "GET", "/api/v1/openapi.json", "If-None-Match", etag); res.StatusCode != http.StatusNotModified || etag == "" {
		t.Errorf("the same again = %d with %q, want 304", res.StatusCode, etag)
	}
}
