package exporter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// cells returns n resources, each in two namespaces.
func cells(n int) *syncer.Status {
	s := &syncer.Status{Status: syncer.InProgress, State: syncer.Running, Step: syncer.StepSync}
	for i := range n {
		for _, namespace := range []string{"a", "b"} {
			s.ResourceStatus = append(s.ResourceStatus, syncer.ResourceStatus{
				Name: fmt.Sprintf("r%d.example.com", i), Namespace: namespace,
				Status: syncer.ResourceCompleted, Objects: 10, TotalBytes: 100,
				Counts: syncer.Counts{Received: 3, Created: 1, Updated: 2, Swept: 3},
				Errors: map[syncer.Reason]int64{syncer.ReasonForbidden: 1, "novel": 2},
				Watch:  syncer.Watch{State: syncer.WatchConnected},
			})
		}
	}
	return s
}

func registry(t *testing.T, s *syncer.Status) (*prometheus.Registry, *exporter.Durations) {
	t.Helper()
	status := func() *syncer.Status { return s }
	reg := prometheus.NewPedanticRegistry()
	durations := exporter.NewDurations(status)
	for _, c := range []prometheus.Collector{
		exporter.NewCollector(status), durations, exporter.NewBuildInfo("v1", "abc", "go1"), exporter.NewHeartbeat(time.Now),
	} {
		if err := reg.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	return reg, durations
}

func gather(t *testing.T, reg *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range families {
		out[strings.TrimPrefix(f.GetName(), "sidemirror_")] = f
	}
	return out
}

// value is the sample of f with all of the labels, "name=value".
func value(t *testing.T, f *dto.MetricFamily, labels ...string) float64 {
	t.Helper()
next:
	for _, m := range f.GetMetric() {
		have := map[string]bool{}
		for _, l := range m.GetLabel() {
			have[l.GetName()+"="+l.GetValue()] = true
		}
		for _, l := range labels {
			if !have[l] {
				continue next
			}
		}
		return m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	t.Fatalf("%s has no sample with %v", f.GetName(), labels)
	return 0
}

func work(d *exporter.Durations, ctx context.Context, r syncer.Resource, err error) {
	ctx, endRun := d.StartRun(ctx, syncer.RunInfo{Trigger: "startup"})
	ctx, endStep := d.StartStep(ctx, syncer.StepSync)
	ctx, endResource := d.StartResource(ctx, syncer.Cell{Resource: r})
	d.StoreWrite(ctx, r, 100, time.Millisecond, err)
	d.EventStored(r, time.Millisecond)
	endResource(syncer.ResourceResult{Err: err})
	endStep(err)
	endRun(syncer.RunResult{Err: err})
}

func TestLint(t *testing.T) {
	reg, d := registry(t, cells(3))
	work(d, t.Context(), syncer.Resource{Group: "example.com", Name: "r0"}, nil)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestOneHot(t *testing.T) {
	s := cells(2)
	s.ResourceStatus[1].Status = syncer.ResourceForbidden
	reg, _ := registry(t, s)
	families := gather(t, reg)
	for name, want := range map[string]float64{
		"sync_status": 1, "sync_state": 1, "sync_step": 1, "sync_resource_status": 2, "sync_resources": 4,
	} {
		var sum float64
		for _, m := range families[name].GetMetric() {
			sum += m.GetGauge().GetValue()
		}
		if sum != want {
			t.Errorf("sum of %s = %v, want %v", name, sum, want)
		}
	}
	if got := value(t, families["sync_resource_status"], "resource=r0.example.com", "status=forbidden"); got != 1 {
		t.Errorf("the worst namespace doesn't count: %v", got)
	}
	if got := value(t, families["sync_resources"], "state=forbidden"); got != 1 {
		t.Errorf("forbidden resources = %v, want 1", got)
	}
}

func TestNamespacesAreSummed(t *testing.T) {
	s := cells(1)
	s.ResourceStatus[1].Watch.State = syncer.WatchBroken
	s.ResourceStatus[0].DeadLetters = []syncer.DeadLetter{{Key: "a/x"}, {Key: "a/x"}, {Key: "a/y"}}
	reg, _ := registry(t, s)
	families := gather(t, reg)
	const resource = "resource=r0.example.com"
	for _, tt := range []struct {
		name, label string
		want        float64
	}{
		{"sync_resource_objects", resource, 20},
		{"sync_bytes_total", resource, 200},
		{"sync_received_total", resource, 6},
		{"sync_objects_total", "operation=created", 2},
		{"sync_objects_total", "operation=updated", 4},
		{"sync_objects_total", "operation=swept", 6},
		{"sync_objects_total", "operation=deleted", 0},
		{"errors_total", "reason=forbidden", 2},
		{"errors_total", "reason=other", 4},
		{"errors_total", "reason=store", 0},
		{"watch_connected", resource, 0},
		{"dead_letter_objects", resource, 2},
	} {
		if got := value(t, families[tt.name], resource, tt.label); got != tt.want {
			t.Errorf("%s{%s} = %v, want %v", tt.name, tt.label, got, tt.want)
		}
	}
}

func TestCardinality(t *testing.T) {
	reg, d := registry(t, cells(300))
	for i := 299; i >= 0; i-- { // against the order of the configuration
		work(d, t.Context(), syncer.Resource{Group: "example.com", Name: fmt.Sprintf("r%d", i)}, nil)
	}
	families := gather(t, reg)
	for name, f := range families {
		labels := map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "resource" {
					labels[l.GetValue()] = true
				}
			}
		}
		if len(labels) == 0 {
			continue
		}
		if len(labels) != 101 || !labels["other"] || !labels["r99.example.com"] || labels["r100.example.com"] {
			t.Errorf("%s has %d resources", name, len(labels))
		}
	}
	if got := value(t, families["sync_resource_objects"], "resource=other"); got != 200*20 {
		t.Errorf("objects of other = %v, want 4000", got)
	}
}

func TestOutcomesAndZeros(t *testing.T) {
	reg, d := registry(t, cells(1))
	families := gather(t, reg)
	if got := value(t, families["sync_runs_total"], "outcome=failed", "trigger=retry"); got != 0 {
		t.Errorf("runs at the start = %v", got)
	}
	if n := len(families["sync_step_duration_seconds"].GetMetric()); n != 9 {
		t.Errorf("step durations at the start = %d, want 9", n)
	}
	r := syncer.Resource{Group: "example.com", Name: "r0"}
	work(d, t.Context(), r, nil)
	work(d, t.Context(), r, errors.New("x"))
	work(d, t.Context(), r, fmt.Errorf("y: %w", context.Canceled))
	families = gather(t, reg)
	for _, outcome := range []string{"completed", "failed", "canceled"} {
		if got := value(t, families["sync_runs_total"], "outcome="+outcome, "trigger=startup"); got != 1 {
			t.Errorf("%s runs = %v, want 1", outcome, got)
		}
	}
	for _, m := range families["sync_resource_duration_seconds"].GetMetric() {
		if got := m.GetHistogram().GetSampleCount(); got != 1 {
			t.Errorf("%v: count = %d, want 1", m.GetLabel(), got)
		}
	}
}

func TestExemplarsAndFormats(t *testing.T) {
	reg, d := registry(t, cells(1))
	id := trace.TraceID{1, 2, 3}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	work(d, ctx, syncer.Resource{Group: "example.com", Name: "r0"}, nil)
	h := exporter.Handler(reg, nil)
	get := func(accept string) string {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if w.Code != 200 {
			t.Fatalf("code = %d: %s", w.Code, body)
		}
		return string(body)
	}
	body := get("application/openmetrics-text;version=1.0.0")
	if !strings.Contains(body, `trace_id="`+id.String()+`"`) || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("OpenMetrics has no exemplar or no end:\n%.500s", body)
	}
	if body := get("text/plain"); !strings.Contains(body, "sidemirror_build_info{") {
		t.Errorf("text = %.500s", body)
	}
	for _, m := range gather(t, reg)["sync_duration_seconds"].GetMetric() {
		if m.GetHistogram().Schema == nil {
			t.Error("the histogram isn't native")
		}
	}
}

// broken can't be collected.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }
func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, errors.New("hunter2"))
}

func TestHandlerKeepsErrorsBack(t *testing.T) {
	reg := prometheus.NewRegistry()
	reg.MustRegister(broken{prometheus.NewDesc("broken", "x", nil, nil)})
	w := httptest.NewRecorder()
	exporter.Handler(reg, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("code = %d, body = %s", w.Code, w.Body)
	}
}

func TestEventStoredDoesNotAllocate(t *testing.T) {
	_, d := registry(t, cells(1))
	r := syncer.Resource{Group: "example.com", Name: "r0"}
	if got := testing.AllocsPerRun(1000, func() { d.EventStored(r, time.Millisecond) }); got != 0 {
		t.Errorf("allocations = %v, want 0", got)
	}
}

// kept is a context of a run whose trace is sampled, or isn't.
func kept(ctx context.Context, id byte, flags trace.TraceFlags) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{1}, TraceFlags: flags,
	}))
}

func TestLagNamesTheTraceOfTheNewestRunOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg, d := registry(t, cells(1))
		r := syncer.Resource{Group: "example.com", Name: "r0"}
		// expect stores an event in each of three buckets.
		expect := func(when string, want ...string) {
			t.Helper()
			for _, took := range []time.Duration{time.Millisecond, time.Second, time.Minute} {
				d.EventStored(r, took)
			}
			var got []string
			for _, m := range gather(t, reg)["event_lag_seconds"].GetMetric() {
				for _, b := range m.GetHistogram().GetBucket() {
					for _, l := range b.GetExemplar().GetLabel() {
						got = append(got, l.GetValue()[:2])
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("exemplars %s (-want +got):\n%s", when, diff)
			}
		}
		expect("without a trace")
		d.StartRun(kept(t.Context(), 4, trace.FlagsSampled), syncer.RunInfo{})
		expect("in the first second", "04")
		expect("in the same second", "04")
		d.StartRun(kept(t.Context(), 5, 0), syncer.RunInfo{})
		time.Sleep(time.Second)
		expect("with a trace that isn't kept", "04")
		d.StartRun(kept(t.Context(), 6, trace.FlagsSampled), syncer.RunInfo{})
		expect("with another trace", "06")
	})
}

func BenchmarkScrape100(b *testing.B) {
	s := cells(100)
	c := exporter.NewCollector(func() *syncer.Status { return s })
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := reg.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEventStored(b *testing.B) {
	s := cells(1)
	d := exporter.NewDurations(func() *syncer.Status { return s })
	r := syncer.Resource{Group: "example.com", Name: "r0"}
	b.ReportAllocs()
	for b.Loop() {
		d.EventStored(r, time.Millisecond)
	}
}

func TestStreamClientsGoBackToZero(t *testing.T) {
	clients, add := exporter.NewStreamClients([]string{"sse", "websocket"})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(clients)
	add("sse", 1)
	add("sse", 1)
	add("sse", -1)
	f := gather(t, reg)["stream_clients"]
	if sse, ws := value(t, f, "transport=sse"), value(t, f, "transport=websocket"); sse != 1 || ws != 0 {
		t.Errorf("clients = %v over SSE and %v over WebSocket, want 1 and 0", sse, ws)
	}
}
