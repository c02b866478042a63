package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestTraceFlags(t *testing.T) {
	for _, tt := range []struct{ template, want string }{
		{"https://jaeger/trace/", "--trace-url-template: the template has no {trace_id}"},
		{"jaeger/trace/{trace_id}", "--trace-url-template: the template has to begin with http://HOST or https://HOST"},
		{"https://me:hunter2@jaeger/{trace_id}", "--trace-url-template: the template has credentials"},
		{"https://jaeger/trace/{trace_id}", "kubeconfig"}, // gets as far as the one that isn't there
	} {
		_, stderr, err := sidemirror(t, "run", "--"+openFlag, "--trace-url-template", tt.template)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error()+stderr, "hunter2") {
			t.Errorf("%s: got %v, want %q", tt.template, err, tt.want)
		}
	}
}

func TestStatusAndHistoryTellWhereTheTraceIs(t *testing.T) {
	const id, link = "0af7651916cd43dd8448eb211c80319c", "https://jaeger/trace/0af7651916cd43dd8448eb211c80319c"
	for _, tt := range []struct{ id, url, want string }{
		{id, link, link}, {id, "", id}, {"", "", ""}, {id, "https://jaeger/\x1b[2J", `https://jaeger/`},
	} {
		s := &syncer.Status{RunID: "01J", Status: syncer.Completed, TraceID: tt.id, TraceURL: tt.url}
		h := past()
		h.Runs[1].TraceID, h.Runs[1].TraceURL = tt.id, tt.url
		for what, text := range map[string]string{"status": statusText(s, noon, 0), "history": historyText(h, noon, 0)} {
			has := strings.Contains(text, "Trace:") || strings.Contains(text, "TRACE")
			if has != (tt.want != "") || !strings.Contains(text, tt.want) || strings.Contains(text, "\x1b") {
				t.Errorf("%s of %q at %q: want %q in\n%s", what, tt.id, tt.url, tt.want, text)
			}
		}
	}
	if narrow := historyText(past(), noon.Add(time.Second), 80); strings.Contains(narrow, "TRACE") {
		t.Errorf("a history without traces has a column for them:\n%s", narrow)
	}
}
