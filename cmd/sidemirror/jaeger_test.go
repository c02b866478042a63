package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// jaeger is a real Jaeger as a process of its own, with its traces in memory.
type jaeger struct {
	t                  *testing.T
	query              string // URL of the API that its page uses
	otlpGRPC, otlpHTTP string // URLs
	cmd                *exec.Cmd
	log                bytes.Buffer
}

// startJaeger starts the binary that SIDEMIRROR_JAEGER names.
func startJaeger(t *testing.T) *jaeger {
	t.Helper()
	path := os.Getenv("SIDEMIRROR_JAEGER")
	if path == "" {
		t.Skip("SIDEMIRROR_JAEGER names no jaeger all-in-one; make test-observability builds one")
	}
	query, grpc, http := freeAddress(t), freeAddress(t), freeAddress(t)
	j := &jaeger{t: t, query: "http://" + query, otlpGRPC: "http://" + grpc, otlpHTTP: "http://" + http}
	j.cmd = exec.Command(path,
		"--query.http-server.host-port="+query, "--query.grpc-server.host-port="+freeAddress(t),
		"--collector.otlp.enabled=true", "--collector.otlp.grpc.host-port="+grpc, "--collector.otlp.http.host-port="+http,
		"--collector.grpc-server.host-port="+freeAddress(t), "--collector.http-server.host-port="+freeAddress(t),
		"--admin.http.host-port="+freeAddress(t), "--query.enable-tracing=false", "--log-level=error")
	j.cmd.Env = append(os.Environ(), "SPAN_STORAGE_TYPE=memory", "OTEL_TRACES_SAMPLER=always_off")
	j.cmd.Stdout, j.cmd.Stderr = &j.log, &j.log
	if err := j.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.stop()
		if t.Failed() {
			t.Logf("log of jaeger:\n%s", j.log.String())
		}
	})
	j.eventually("jaeger's API", func() bool { return j.get("/api/services", nil) == nil })
	return j
}

// stop may be called again.
func (j *jaeger) stop() {
	if j.cmd.ProcessState == nil {
		_ = j.cmd.Process.Kill()
		_ = j.cmd.Wait()
	}
}

func (j *jaeger) eventually(what string, ok func() bool) {
	j.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			j.t.Fatalf("not seen in 30 s: %s", what)
		}
	}
}

// get reads what is in data of an answer; into may be nil.
func (j *jaeger) get(path string, into any) error {
	if !strings.HasPrefix(path, "http") {
		path = j.query + path
	}
	res, err := http.Get(path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := struct{ Data any }{into}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return json.NewDecoder(res.Body).Decode(&answer)
}

// jaegerTrace is a trace as Jaeger's API tells it.
type jaegerTrace struct {
	TraceID   string
	Spans     []*jaegerSpan
	Processes map[string]struct {
		ServiceName string
		Tags        []jaegerTag
	}
}

type jaegerSpan struct {
	TraceID, SpanID, OperationName, ProcessID string
	References                                []struct{ RefType, TraceID, SpanID string }
	StartTime, Duration                       int64 // microseconds
	Tags                                      []jaegerTag
	Logs                                      []struct{ Fields []jaegerTag }
}

type jaegerTag struct {
	Key   string
	Value any
}

// trace waits for the trace at an address, or with an id, until it has a span of that name.
func (j *jaeger) trace(at, with string) *jaegerTrace {
	j.t.Helper()
	if !strings.HasPrefix(at, "http") {
		at = "/api/traces/" + at
	}
	var all []*jaegerTrace
	j.eventually("the trace "+at+" with "+with, func() bool {
		all = nil
		return j.get(at, &all) == nil && len(all) == 1 && all[0].span(with) != nil
	})
	return all[0]
}

// operations are the names of all spans of the service.
func (j *jaeger) operations() []string {
	j.t.Helper()
	var names []string
	if err := j.get("/api/services/sidemirror/operations", &names); err != nil {
		j.t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// search returns the traces that have a span of that name.
func (j *jaeger) search(operation string) []*jaegerTrace {
	j.t.Helper()
	var all []*jaegerTrace
	query := url.Values{"service": {"sidemirror"}, "operation": {operation}, "limit": {"100"}}
	if err := j.get("/api/traces?"+query.Encode(), &all); err != nil {
		j.t.Fatal(err)
	}
	return all
}

// span is the first span of that name, nil if there is none.
func (tr *jaegerTrace) span(name string) *jaegerSpan {
	for _, s := range tr.Spans {
		if s.OperationName == name {
			return s
		}
	}
	return nil
}

// parent is the span that s is below; nil is a root, or the span of another process.
func (tr *jaegerTrace) parent(s *jaegerSpan) *jaegerSpan {
	for _, ref := range s.References {
		if ref.RefType != "CHILD_OF" {
			continue
		}
		for _, other := range tr.Spans {
			if other.SpanID == ref.SpanID {
				return other
			}
		}
	}
	return nil
}

// children are the spans right below s.
func (tr *jaegerTrace) children(s *jaegerSpan) []*jaegerSpan {
	var all []*jaegerSpan
	for _, other := range tr.Spans {
		if tr.parent(other) == s {
			all = append(all, other)
		}
	}
	return all
}

// tag is the text of an attribute, "" if there is none.
func tag(tags []jaegerTag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return fmt.Sprint(t.Value)
		}
	}
	return ""
}

func (s *jaegerSpan) tag(key string) string { return tag(s.Tags, key) }

// red reports whether Jaeger shows the span as failed.
func (s *jaegerSpan) red() bool { return s.tag("error") == "true" }
