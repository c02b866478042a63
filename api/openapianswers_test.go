package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sidemirror/sidemirror/api"
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
		for path := range d.document["paths"].(map[string]any) {
			if slices.Contains(unregistered, path) || path == "/metrics" {
				continue
			}
			for _, method := range []string{"get", "post"} {
				if item, _ := d.at("paths", path, method); item == nil {
					continue
				}
				d.answer(path, method, do(h, "POST", path))
				target := path
				if path == "/api/v1/sync/events" {
					if s.EndTime == nil {
						continue // a stream that doesn't end
					}
					target += "?until=terminal"
				}
				d.answer(path, method, do(h, "GET", target))
				d.answer(path, method, do(h, "GET", target, "If-None-Match", etag))
			}
		}
		d.answer(statusPath, "get", do(h, "GET", statusPath+"?x=1"))
		d.answer("/livez", "get", do(h, "GET", "/livez?verbose"))
	}
}

// answer holds one answer against what is described for method, and for other
// methods of the same path.
func (d *described) answer(path, method string, res *http.Response) {
	d.t.Helper()
	what := fmt.Sprintf("%s %s: %d", method, path, res.StatusCode)
	at := []string{"paths", path, method, "responses", strconv.Itoa(res.StatusCode)}
	response, pointer := d.at(at...)
	if response == nil {
		d.t.Errorf("%s isn't described", what)
		return
	}
	at = steps(pointer)
	for name := range res.Header {
		if !strings.HasPrefix(name, "X-Sync-") {
			continue
		}
		d.validate(what+" "+name, res.Header.Get(name), append(slices.Clone(at), "headers", name, "schema")...)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	content, _ := response["content"].(map[string]any)
	if len(body) == 0 {
		if content != nil {
			d.t.Errorf("%s has no body, and one is described", what)
		}
		return
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if content[kind] == nil {
		d.t.Errorf("%s is %q, which isn't described", what, kind)
		return
	}
	if strings.HasSuffix(kind, "json") {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			d.t.Fatalf("%s: %v", what, err)
		}
		d.validate(what, value, append(at, "content", kind, "schema")...)
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
				if target, _ := d.at(steps(ref)...); target == nil {
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
	walk("", d.document)
	media, _ := d.at("paths", statusPath, "get", "responses", "200", "content", "application/json")
	d.validate("the example of the status", media["example"], "components", "schemas", "Status")
	for name := range d.document["components"].(map[string]any)["schemas"].(map[string]any) {
		_, pointer := d.at("components", "schemas", name)
		if _, err := d.compiler.Compile("openapi.json#" + pointer); err != nil {
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
