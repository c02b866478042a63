package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/openapitest"
	"github.com/sidemirror/sidemirror/syncer"
)

func TestTemplateOfATraceURL(t *testing.T) {
	for _, tt := range []struct{ template, want, wantErr string }{
		{"https://jaeger/trace/{trace_id}", "https://jaeger/trace/0a1b", ""},
		{"http://127.0.0.1:16686/trace/{trace_id}?uiFind={trace_id}", "http://127.0.0.1:16686/trace/0a1b?uiFind=0a1b", ""},
		{"https://grafana/explore?left=%7B%22query%22:%22{trace_id}%22%7D#x", "https://grafana/explore?left=%7B%22query%22:%220a1b%22%7D#x", ""},
		{"https://tempo/#/trace/{trace_id}", "https://tempo/#/trace/0a1b", ""},
		{"https://jaeger/trace/{traceID}", "", "{trace_id}"},
		{"", "", "{trace_id}"},
		{"/trace/{trace_id}", "", "http"},
		{"jaeger:16686/trace/{trace_id}", "", "http"},
		{"javascript:alert('{trace_id}')", "", "http"},
		{"ftp://jaeger/{trace_id}", "", "http"},
		{"https:///trace/{trace_id}", "", "http"},
		{"https://{trace_id}.jaeger/", "", "host"},
		{"https://jaeger:{trace_id}/", "", "host"},
		{"https://me:hunter2@jaeger/trace/{trace_id}", "", "credentials"},
		{"https://me@jaeger/trace/{trace_id}", "", "credentials"},
		{"https://jaeger/%zz/{trace_id}", "", "URL"},
		{"https://jaeger/a b/{trace_id}", "", "percent-encode"},
		{"https://jaeger/\x1b[2J{trace_id}", "", "percent-encode"},
		{"https://jaeger/é/{trace_id}", "", "percent-encode"},
		{"https://jaeger/" + strings.Repeat("a", 2048) + "{trace_id}", "", "bytes"},
	} {
		link, err := api.NewTraceURL(tt.template)
		switch {
		case tt.wantErr != "":
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: error %v, want one about %s, without the password", tt.template, err, tt.wantErr)
			}
		case err != nil:
			t.Errorf("%q: %v", tt.template, err)
		case link("0a1b") != tt.want:
			t.Errorf("%q: %s, want %s", tt.template, link("0a1b"), tt.want)
		}
	}
	link, err := api.NewTraceURL("https://jaeger/trace/{trace_id}")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := link(`../x?"<`), "https://jaeger/trace/..%2Fx%3F%22%3C"; got != want {
		t.Errorf("an id that is none: %s, want %s", got, want)
	}
}

// tracedRuns are runs of which the newest has a trace.
type tracedRuns struct {
	runs
	newest string
}

func (r tracedRuns) Runs(ctx context.Context, before string, limit int) ([]syncer.Run, error) {
	all, err := r.runs.Runs(ctx, before, limit)
	all[0].TraceID = r.newest
	return all, err
}

// Each document that has a trace's id says where the trace is, and others don't.
func TestDocumentsLinkToTheirTraces(t *testing.T) {
	link, err := api.NewTraceURL("https://jaeger/trace/{trace_id}")
	if err != nil {
		t.Fatal(err)
	}
	for _, traced := range []bool{true, false} {
		s := inProgress()
		past := tracedRuns{runs: 2}
		want := ""
		if traced {
			s.TraceID, past.newest, want = "0a1b", "0a1b", "https://jaeger/trace/0a1b"
		}
		o := everyOption(s)
		o.History, o.TraceURL = past, link
		h := api.NewHandler(o)
		d := described{openapitest.Read(t, do(h, "GET", "/api/v1/openapi.json").Body), t}
		for range 2 { // the second from what the first has made ready
			var got syncer.Status
			if err := json.Unmarshal([]byte(read(t, do(h, "GET", statusPath))), &got); err != nil {
				t.Fatal(err)
			}
			if got.TraceURL != want || got.Revision != s.Revision {
				t.Errorf("traced %v: traceUrl %q at %d, want %q at %d", traced, got.TraceURL, got.Revision, want, s.Revision)
			}
		}
		if got := read(t, do(h, "GET", statusPath+"?fields=traceUrl")); strings.Contains(got, "https://jaeger/trace/0a1b") != traced {
			t.Errorf("traced %v: %s", traced, got)
		}
		var history struct{ Runs []syncer.Run }
		if err := json.Unmarshal([]byte(read(t, do(h, "GET", "/api/v1/sync/history"))), &history); err != nil {
			t.Fatal(err)
		}
		if got := history.Runs[0].TraceURL; got != want || history.Runs[1].TraceURL != "" {
			t.Errorf("traced %v: runs have %q and %q, want %q and none", traced, got, history.Runs[1].TraceURL, want)
		}
		d.Answer(statusPath, "get", do(h, "GET", statusPath))
		d.Answer("/api/v1/sync/history", "get", do(h, "GET", "/api/v1/sync/history"))
		if s.TraceURL != "" {
			t.Error("the snapshot was changed")
		}
	}
}

func TestWhatIsAroundAnUpstreamSeesWhatIsPassedOnAlone(t *testing.T) {
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Heard", r.Header.Get("Traceparent"))
	}))
	defer app.Close()
	s := completed()
	status := func() *syncer.Status { return s }
	var seen []string
	u, err := api.NewUpstream(api.UpstreamOptions{
		URL: app.URL, Status: status, Own: api.NewHandler(api.Options{Status: status}),
		Around: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen = append(seen, r.URL.Path)
				next.ServeHTTP(w, r)
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/orders", "/livez", "/api/v1/sync/status", "/.sidemirror/livez"} {
		if res := do(u, "GET", path, "Traceparent", "00-1-2-01"); path == "/orders" && res.Header.Get("X-Heard") != "00-1-2-01" {
			t.Errorf("the application heard %q, want what the client sent", res.Header.Get("X-Heard"))
		}
	}
	if got := strings.Join(seen, " "); got != "/orders" {
		t.Errorf("seen %s, want the application's alone", got)
	}
}
