package tracing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/tracing"
)

var pods = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod"}

func recorder() (*tracetest.SpanRecorder, *sdktrace.TracerProvider) {
	rec := tracetest.NewSpanRecorder()
	return rec, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(tracing.Bounded(rec)))
}

func named(t *testing.T, rec *tracetest.SpanRecorder, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	for _, s := range rec.Ended() {
		if s.Name() == name {
			return s
		}
	}
	t.Fatalf("no span %q", name)
	return nil
}

func attributes(s sdktrace.ReadOnlySpan) map[string]string {
	out := map[string]string{}
	for _, kv := range s.Attributes() {
		out[string(kv.Key)] = kv.Value.String()
	}
	return out
}

func TestTree(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	ctx, endRun := o.StartRun(t.Context(), syncer.RunInfo{ID: "01J", Trigger: "startup"})
	if got := tracing.TraceID(ctx); len(got) != 32 {
		t.Errorf("TraceID = %q", got)
	}
	stepCtx, endStep := o.StartStep(ctx, syncer.StepSync)
	_, endResource := o.StartResource(stepCtx, syncer.Cell{Resource: pods})
	endResource(syncer.ResourceResult{Objects: 7, Bytes: 70})
	endStep(nil)
	endRun(syncer.RunResult{Epoch: 7, Revision: 42})

	run, step, resource := named(t, rec, "sync run"), named(t, rec, "sync step sync"), named(t, rec, "sync resource pods")
	if step.Parent().SpanID() != run.SpanContext().SpanID() || resource.Parent().SpanID() != step.SpanContext().SpanID() {
		t.Error("the spans aren't a tree")
	}
	got := attributes(resource)
	for name, want := range map[string]string{
		"sidemirror.resource.name": "pods", "sidemirror.objects": "7", "sidemirror.bytes": "70", "sidemirror.outcome": "completed",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	if got := attributes(run)["sidemirror.run.id"]; got != "01J" {
		t.Errorf("run id = %q", got)
	}

	if got := attributes(run); got["sidemirror.run.epoch"] != "7" || got["sidemirror.run.revision"] != "42" {
		t.Errorf("run attributes = %v, want the epoch and the revision that its end has published", got)
	}

	_, endRetry := o.StartRun(t.Context(), syncer.RunInfo{ID: "01K", Trigger: "retry", Attempt: 1, Cause: ctx})
	endRetry(syncer.RunResult{})
	retry := rec.Ended()[len(rec.Ended())-1]
	if len(retry.Links()) != 2 || retry.SpanContext().TraceID() == run.SpanContext().TraceID() {
		t.Errorf("retry: links = %v, want a trace of its own with links to the request and the attempt before", retry.Links())
	}
}

func TestErrorsAreRecordedOnce(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	err := &syncer.SourceError{Reason: syncer.ReasonUnavailable, Err: errors.New("dial mongodb://u:hunter2@db")}
	ctx, endRun := o.StartRun(t.Context(), syncer.RunInfo{})
	ctx, endStep := o.StartStep(ctx, syncer.StepSync)
	ctx, endResource := o.StartResource(ctx, syncer.Cell{Resource: pods})
	o.StoreWrite(ctx, pods, 1, time.Millisecond, err)
	endResource(syncer.ResourceResult{Err: err})
	endStep(err)
	endRun(syncer.RunResult{Err: err})
	exceptions := 0
	for _, s := range rec.Ended() {
		for _, e := range s.Events() {
			if e.Name == "exception" {
				exceptions++
			}
			for _, kv := range e.Attributes {
				if strings.Contains(kv.Value.String(), "hunter2") {
					t.Errorf("%s has the credential", s.Name())
				}
			}
		}
	}
	if exceptions != 1 {
		t.Errorf("exceptions = %d, want 1", exceptions)
	}
	if s := named(t, rec, "sync resource pods"); s.Status().Code == codes.Error || len(s.Events()) != 2 {
		t.Errorf("a handled retry is %v with %d events, want no error and 2", s.Status(), len(s.Events()))
	}
	if s := named(t, rec, "sync run"); s.Status().Code != codes.Error {
		t.Errorf("run = %v, want an error", s.Status())
	}

	_, end := o.StartResource(t.Context(), syncer.Cell{Resource: pods})
	end(syncer.ResourceResult{GivenUp: true, Err: &syncer.SourceError{Reason: syncer.ReasonForbidden, Err: errors.New("no")}})
	if s := rec.Ended()[len(rec.Ended())-1]; s.Status().Code != codes.Error || len(s.Events()) != 1 || attributes(s)["error.type"] != "forbidden" {
		t.Errorf("given up = %v with %v, want an error of its own", s.Status(), s.Events())
	}
	_, endRun = o.StartRun(t.Context(), syncer.RunInfo{})
	endRun(syncer.RunResult{Err: context.Canceled})
	if s := rec.Ended()[len(rec.Ended())-1]; s.Status().Code == codes.Error || attributes(s)["sidemirror.outcome"] != "canceled" {
		t.Errorf("canceled run = %v", s.Status())
	}
}

func TestStreamFlush(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	_, end := o.StartRun(t.Context(), syncer.RunInfo{})
	end(syncer.RunResult{})
	o.StoreWrite(t.Context(), pods, 1, time.Millisecond, nil)
	o.StoreWrite(t.Context(), pods, 1, 2*time.Second, nil)
	if n := len(rec.Ended()); n != 2 {
		t.Fatalf("spans = %d, want the run and the slow flush", n)
	}
	s := named(t, rec, "stream flush pods")
	if s.Parent().IsValid() || len(s.Links()) != 1 || s.EndTime().Sub(s.StartTime()) != 2*time.Second {
		t.Errorf("flush = %v links, %v", len(s.Links()), s.EndTime().Sub(s.StartTime()))
	}
}

func TestTransport(t *testing.T) {
	var parents []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		parents = append(parents, r.Header.Get("Traceparent"))
	}))
	defer server.Close()
	rec, provider := recorder()
	client := &http.Client{Transport: tracing.Transport(nil, provider)}
	get := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	get(t.Context())
	if n := len(rec.Ended()); n != 0 || parents[0] != "" {
		t.Errorf("without a parent: %d spans, traceparent %q", n, parents[0])
	}
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	get(ctx)
	span.End()
	s := named(t, rec, "GET")
	if s.SpanKind() != trace.SpanKindClient || !strings.Contains(parents[1], s.SpanContext().SpanID().String()) {
		t.Errorf("kind = %v, traceparent = %q", s.SpanKind(), parents[1])
	}
}

// server is a store whose writes are one command each.
type server struct {
	syncer.Store
	monitor *event.CommandMonitor
	took    time.Duration
	err     error
	reply   bson.D
}

func (s *server) Write(ctx context.Context, _ syncer.Resource, _ []syncer.Op) (syncer.WriteResult, error) {
	done := event.CommandFinishedEvent{
		CommandName: "update", DatabaseName: "k8s", ConnectionID: "db:27017[-3]", Duration: s.took,
	}
	if s.err != nil {
		s.monitor.Failed(ctx, &event.CommandFailedEvent{CommandFinishedEvent: done, Failure: s.err})
		return syncer.WriteResult{}, s.err
	}
	raw, err := bson.Marshal(s.reply)
	s.monitor.Succeeded(ctx, &event.CommandSucceededEvent{CommandFinishedEvent: done, Reply: raw})
	return syncer.WriteResult{}, err
}

func newServer(provider *sdktrace.TracerProvider) (*server, syncer.Store) {
	s := &server{monitor: tracing.MongoMonitor(provider), took: time.Millisecond, reply: bson.D{}}
	return s, tracing.MongoDB(s, provider)
}

func TestMongo(t *testing.T) {
	rec, provider := recorder()
	s, store := newServer(provider)
	write := func(ctx context.Context) {
		if _, err := store.Write(ctx, pods, nil); !errors.Is(err, s.err) {
			t.Fatal(err)
		}
	}
	write(t.Context())
	if n := len(rec.Ended()); n != 0 {
		t.Fatalf("without a parent: %d spans", n)
	}
	ctx, end := tracing.NewObserver(provider).StartRun(t.Context(), syncer.RunInfo{})
	for range 1500 {
		write(ctx)
	}
	if n := len(rec.Ended()); n != 1000 {
		t.Errorf("spans = %d, want 1000", n)
	}
	first := rec.Ended()[0]
	if first.Name() != "update pods" || first.SpanKind() != trace.SpanKindClient {
		t.Errorf("span = %s %v", first.Name(), first.SpanKind())
	}
	got := attributes(first)
	for name, want := range map[string]string{
		"db.system.name": "mongodb", "db.namespace": "k8s", "db.collection.name": "pods",
		"db.operation.name": "update", "server.address": "db", "server.port": "27017",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	s.took = time.Minute
	write(ctx)
	s.took, s.err = time.Millisecond, errors.New("hunter2")
	write(ctx)
	end(syncer.RunResult{})
	if n := len(rec.Ended()); n != 1003 {
		t.Errorf("spans = %d, want the slow and the failed beyond the bound", n)
	}
	for _, s := range rec.Ended() {
		for name, v := range attributes(s) {
			if strings.Contains(v, "hunter2") {
				t.Errorf("%s = %q", name, v)
			}
		}
	}
}

func TestProvider(t *testing.T) {
	names := []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	}
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"
	for _, tt := range []struct {
		env     string // "A=1 B=2"
		on      bool
		wantErr string
	}{
		{"", false, ""},
		{endpoint, true, ""},
		{endpoint + " OTEL_SDK_DISABLED=TRUE", false, ""},
		{endpoint + " OTEL_TRACES_EXPORTER=none", false, ""},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, ""},
		{"OTEL_TRACES_EXPORTER=otlp", true, ""},
		{"OTEL_TRACES_EXPORTER=console", true, ""},
		{"OTEL_TRACES_EXPORTER=jaeger", false, "OTEL_TRACES_EXPORTER"},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=http/json", false, "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{endpoint + " OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=x", false, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
		{endpoint + " OTEL_TRACES_SAMPLER=x", false, "OTEL_TRACES_SAMPLER"},
		{endpoint + " OTEL_TRACES_SAMPLER=parentbased_always_off", false, ""},
		{endpoint + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0.0", false, ""},
		{endpoint + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=2", false, "OTEL_TRACES_SAMPLER_ARG"},
		{endpoint + " OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", false, "OTEL_TRACES_SAMPLER_ARG"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317", false, "OTEL_EXPORTER_OTLP_ENDPOINT"},
	} {
		t.Run(tt.env, func(t *testing.T) {
			for _, name := range names {
				t.Setenv(name, "")
			}
			for _, pair := range strings.Fields(tt.env) {
				name, value, _ := strings.Cut(pair, "=")
				t.Setenv(name, value)
			}
			p, err := tracing.NewProvider(t.Context(), tracing.Options{ServiceName: "s", Version: "1", Cluster: "c"})
			if tt.wantErr != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.wantErr+":") {
					t.Fatalf("error = %v, want one of %s", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, span := p.Tracer("test").Start(t.Context(), "x")
			if span.IsRecording() != tt.on {
				t.Errorf("recording = %v, want %v", span.IsRecording(), tt.on)
			}
			span.SetAttributes(attribute.Bool("x", true))
			p.Shutdown(t.Context()) // the span never ended: nothing to send
			if n := p.ExportErrors(); n != 0 {
				t.Errorf("%d exports failed, want none", n)
			}
		})
	}
}

func events(s sdktrace.ReadOnlySpan) []string {
	var names []string
	for _, e := range s.Events() {
		names = append(names, e.Name)
	}
	return names
}

func TestNotesAreEventsWhereTheyExplainSomething(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	ctx, endRun := o.StartRun(t.Context(), syncer.RunInfo{})
	inResource, endResource := o.StartResource(ctx, syncer.Cell{Resource: pods})
	o.Note(inResource, syncer.Note{Kind: syncer.NoteRelist, Why: "expired"})
	request, span := provider.Tracer("test").Start(t.Context(), "POST /api/v1/sync/pause")
	o.Note(request, syncer.Note{Kind: syncer.NotePaused, By: "ann", Why: "token=hunter2"})
	span.End()
	o.Note(t.Context(), syncer.Note{Kind: syncer.NoteResumed})
	o.Note(inResource, syncer.Note{Kind: syncer.NoteCheckpoint, ResourceVersion: 7})
	endResource(syncer.ResourceResult{})
	endRun(syncer.RunResult{})
	o.Note(t.Context(), syncer.Note{Kind: syncer.NotePaused}) // while live: there is no span to explain
	for name, want := range map[string][]string{
		"sync run":                {"paused", "resumed"},
		"sync resource pods":      {"relist", "checkpoint"},
		"POST /api/v1/sync/pause": {"paused"},
	} {
		s := named(t, rec, name)
		if diff := cmp.Diff(want, events(s)); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", name, diff)
		}
		for _, e := range s.Events() {
			for _, kv := range e.Attributes {
				if strings.Contains(kv.Value.String(), "hunter2") {
					t.Errorf("%s: %s tells a credential", name, e.Name)
				}
			}
		}
	}
}

func TestAResyncOutsideOfARunIsLinkedToIt(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	_, end := o.StartRun(t.Context(), syncer.RunInfo{})
	end(syncer.RunResult{})
	_, endResource := o.StartResource(t.Context(), syncer.Cell{Resource: pods})
	endResource(syncer.ResourceResult{})
	run, s := named(t, rec, "sync run"), named(t, rec, "sync resource pods")
	if s.Parent().IsValid() || len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != run.SpanContext().SpanID() {
		t.Errorf("parent %v, links %v; want a trace of its own, with a link to the run", s.Parent(), s.Links())
	}
}

// An id that leads nowhere would be shown as a link.
func TestATraceThatIsNotSampledHasNoID(t *testing.T) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	ctx, end := tracing.NewObserver(provider).StartRun(t.Context(), syncer.RunInfo{})
	defer end(syncer.RunResult{})
	if trace, span := tracing.TraceID(ctx), tracing.SpanID(ctx); trace != "" || span != "" {
		t.Errorf("TraceID = %q, SpanID = %q, want none", trace, span)
	}
}
