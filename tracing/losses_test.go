package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/tracing"
)

// clearOTEL takes every variable away that this package or the SDK would read.
func clearOTEL(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME", "POD_NAME", "POD_NAMESPACE", "POD_UID", "NODE_NAME", "CONTAINER_NAME",
	} {
		t.Setenv(name, "")
	}
}

func newProvider(t *testing.T, o tracing.Options) *tracing.Provider {
	t.Helper()
	p, err := tracing.NewProvider(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestACollectorThatRefusesIsCountedAndHurtsNobody(t *testing.T) {
	var asked atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusBadRequest) // which isn't tried again
	}))
	defer collector.Close()
	clearOTEL(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
	var log bytes.Buffer
	p := newProvider(t, tracing.Options{ServiceName: "s", Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	o := tracing.NewObserver(p)
	for range 3 {
		before := p.ExportErrors()
		_, end := o.StartRun(t.Context(), syncer.RunInfo{})
		end(syncer.RunResult{})
		for deadline := time.Now().Add(10 * time.Second); p.ExportErrors() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no failure is counted; the collector was asked %d times", asked.Load())
			}
		}
	}
	p.Shutdown(t.Context())
	if n := strings.Count(log.String(), "trace export fails"); n != 1 {
		t.Errorf("%d lines of %d failures, want 1 a minute:\n%s", n, p.ExportErrors(), log.String())
	}
}

func TestACollectorThatHangsDoesNotHoldTheEndUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		clearOTEL(t)
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+l.Addr().String())
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		p := newProvider(t, tracing.Options{ServiceName: "s"})
		_, span := p.Tracer("test").Start(t.Context(), "x")
		span.End()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		began := time.Now()
		p.Shutdown(ctx)
		cancel()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: the end took %s, want the 100 ms that it had", protocol, took)
		}
		if p.ExportErrors() == 0 {
			t.Errorf("%s: what was lost isn't counted", protocol)
		}
	}
}

func TestTheLogTellsOfFailuresOnceAMinuteAndOfTheirEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := &exporter{err: errors.New("dial collector: https://me:hunter2@collector refused")}
		reporting := tracing.Reporting(e, hclog.New(&hclog.LoggerOptions{Output: &log, DisableTime: true}))
		export := func() {
			if err := reporting.ExportSpans(t.Context(), nil); err != nil {
				t.Errorf("ExportSpans = %v, want nobody to hear of it", err)
			}
		}
		for range 60 { // two minutes
			export()
			time.Sleep(2 * time.Second)
		}
		if n := strings.Count(log.String(), "trace export fails"); n != 2 || strings.Contains(log.String(), "hunter2") {
			t.Errorf("%d lines in two minutes, want 2 without credentials:\n%s", n, log.String())
		}
		if n := tracing.Losses(reporting); n != 60 {
			t.Errorf("%d failures are counted, want 60", n)
		}
		for range 10 { // a collector that comes and goes
			e.err = nil
			export()
			e.err = errors.New("refused")
			export()
		}
		if n := strings.Count(log.String(), "trace export"); n > 5 {
			t.Errorf("%d lines, want no more than the first changes:\n%s", n, log.String())
		}
	})
}

// exporter fails with err, and keeps what it is given.
type exporter struct {
	sdktrace.SpanExporter
	err   error
	spans []sdktrace.ReadOnlySpan
}

func (e *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.spans = append(e.spans, spans...)
	return e.err
}

func TestStatusesLeaveWithoutCredentials(t *testing.T) {
	rec, provider := recorder()
	transport := tracing.Transport(roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("proxyconnect https://me:hunter2@proxy: refused")
	}), provider)
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://kube/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := transport.RoundTrip(r); err == nil {
		res.Body.Close()
		t.Fatal("no error")
	}
	span.End()
	e := &exporter{}
	before := rec.Ended()
	if err := tracing.Reporting(e, hclog.NewNullLogger()).ExportSpans(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if len(e.spans) != 2 || !strings.Contains(before[0].Status().Description, "hunter2") {
		t.Fatalf("%d spans, the first %v: the test shows nothing", len(e.spans), before[0].Status())
	}
	for _, s := range e.spans {
		if strings.Contains(s.Status().Description, "hunter2") {
			t.Errorf("%s: %v", s.Name(), s.Status())
		}
	}
}

func TestSpansSayWhereTheyComeFrom(t *testing.T) {
	clearOTEL(t)
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
		"POD_NAME": "mirror-0", "POD_NAMESPACE": "ops", "POD_UID": "u-1", "NODE_NAME": "n1", "CONTAINER_NAME": "sidemirror",
		"OTEL_RESOURCE_ATTRIBUTES": "k8s.node.name=other,deployment.environment.name=prod",
	} {
		t.Setenv(name, value)
	}
	p := newProvider(t, tracing.Options{ServiceName: "sidemirror", Version: "1.2.3", Instance: "i", Cluster: "c"})
	_, span := p.Tracer("test").Start(t.Context(), "x")
	got := map[string]string{}
	for _, kv := range span.(sdktrace.ReadOnlySpan).Resource().Attributes() {
		got[string(kv.Key)] = kv.Value.String()
	}
	for name, want := range map[string]string{
		"service.name": "sidemirror", "service.version": "1.2.3", "service.instance.id": "i", "k8s.cluster.name": "c",
		"k8s.pod.name": "mirror-0", "k8s.namespace.name": "ops", "k8s.pod.uid": "u-1", "k8s.container.name": "sidemirror",
		"k8s.node.name": "other", "deployment.environment.name": "prod", "telemetry.sdk.language": "go",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	p.Shutdown(t.Context()) // the span never ended: nothing to send
}
