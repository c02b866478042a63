package exporter_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/sdk/resource"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// receiver is a collector of metrics, over both protocols.
type receiver struct {
	collector.UnimplementedMetricsServiceServer
	refuse atomic.Bool

	mu     sync.Mutex
	newest map[string]*metricspb.Metric // by name; guarded by mu
	from   map[string]string            // the resource's attributes; guarded by mu
	more   chan struct{}                // closed and replaced at each export; guarded by mu
}

func newReceiver() *receiver { return &receiver{more: make(chan struct{})} }

func (r *receiver) Export(_ context.Context, req *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	if r.refuse.Load() {
		return nil, errors.New("refused")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newest, r.from = map[string]*metricspb.Metric{}, map[string]string{}
	for _, of := range req.GetResourceMetrics() {
		for _, a := range of.GetResource().GetAttributes() {
			r.from[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, scope := range of.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				r.newest[m.GetName()] = m
			}
		}
	}
	close(r.more)
	r.more = make(chan struct{})
	return &collector.ExportMetricsServiceResponse{}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err == nil && req.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	var export collector.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &export)
	}
	if err == nil {
		_, err = r.Export(req.Context(), &export)
	}
	if err != nil || req.URL.Path != "/v1/metrics" {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// await returns the export that is the first to be as it should.
func (r *receiver) await(t *testing.T, what string, ok func(map[string]*metricspb.Metric) bool) map[string]*metricspb.Metric {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		newest, more := r.newest, r.more
		r.mu.Unlock()
		if newest != nil && ok(newest) {
			return newest
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("not exported in 20 s: %s", what)
		}
	}
}

func anything(map[string]*metricspb.Metric) bool { return true }

// serve takes exports over protocol and returns the endpoint.
func (r *receiver) serve(t *testing.T, protocol string) string {
	t.Helper()
	if protocol != "grpc" {
		s := httptest.NewServer(r)
		t.Cleanup(s.Close)
		return s.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterMetricsServiceServer(s, r)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-served
	})
	return "http://" + l.Addr().String()
}

// clearOTel keeps the variables of whoever runs the tests out of them.
func clearOTel(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "")
		}
	}
}

func newPush(t *testing.T, s *syncer.Status, log hclog.Logger) *exporter.Push {
	t.Helper()
	reg, d := registry(t, s)
	work(d, t.Context(), syncer.Resource{Group: "example.com", Name: "r0"}, nil)
	p, err := exporter.NewPush(t.Context(), exporter.PushOptions{Gatherer: reg, Resource: resource.Default(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		t.Fatal("nothing is pushed")
	}
	return p
}

func TestMetricsArePushedOverBothProtocols(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			clearOTel(t)
			r := newReceiver()
			t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.serve(t, protocol))
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
			s := cells(1)
			stop := newPush(t, s, nil).Start()
			got := r.await(t, "anything", anything)
			if n := got["sidemirror_sync_resource_objects"].GetGauge().GetDataPoints()[0].GetAsDouble(); n != 20 {
				t.Errorf("objects = %v, want 20", n)
			}
			if sum := got["sidemirror_sync_objects_total"].GetSum(); !sum.GetIsMonotonic() || sum.GetDataPoints()[0].GetStartTimeUnixNano() == 0 {
				t.Errorf("a counter came as %v", sum)
			}
			if got["sidemirror_sync_duration_seconds"].GetExponentialHistogram() == nil {
				t.Error("a native histogram didn't come as an exponential one")
			}
			stop(t.Context())
		})
	}
}

func TestTheLastValuesArePushedAtTheEnd(t *testing.T) {
	clearOTel(t)
	r := newReceiver()
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", r.serve(t, "http/protobuf")+"/v1/metrics")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	newPush(t, cells(1), nil).Start()(t.Context())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest["sidemirror_sync_status"] == nil {
		t.Error("nothing came before the end, and nothing at it")
	}
}

func TestACollectorThatIsAwayIsToldOfOnceAndHoldsNobodyUp(t *testing.T) {
	clearOTel(t)
	r := newReceiver()
	r.refuse.Store(true)
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.serve(t, "http/protobuf"))
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
	var log lockedBuffer
	stop := newPush(t, cells(1), hclog.New(&hclog.LoggerOptions{Output: &log})).Start()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(log.String(), "metric export fails"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log doesn't tell in 20 s:\n%s", log.String())
		}
	}
	r.refuse.Store(false)
	r.await(t, "anything after the collector came back", anything)
	stop(t.Context())
	if got := log.String(); strings.Count(got, "export fails") != 1 || strings.Count(got, "works again") != 1 {
		t.Errorf("log =\n%s\nwant one line for each change", got)
	}
}

func TestTheEndOfAPushKeepsToItsTime(t *testing.T) {
	clearOTel(t)
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	defer s.Close()
	defer close(ended)
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
	stop := newPush(t, cells(1), nil).Start()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	stop(ctx)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end took %s with a collector that never answers, want 50 ms", took)
	}
}

func TestVariablesThatDecideOnAPush(t *testing.T) {
	for _, tt := range []struct {
		name   string
		env    map[string]string
		pushes bool
		err    string
	}{
		{name: "none at all"},
		{name: "an endpoint alone", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}},
		{name: "otlp", env: map[string]string{"OTEL_METRICS_EXPORTER": "otlp"}, pushes: true},
		{name: "none", env: map[string]string{"OTEL_METRICS_EXPORTER": "none"}},
		{name: "prometheus", env: map[string]string{"OTEL_METRICS_EXPORTER": "prometheus"}},
		{name: "disabled", env: map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}},
		{name: "another exporter", env: map[string]string{"OTEL_METRICS_EXPORTER": "statsd"}, err: `OTEL_METRICS_EXPORTER: unknown value "statsd"; known are otlp, prometheus, none`},
		{name: "another protocol", env: map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
			err: `OTEL_EXPORTER_OTLP_PROTOCOL: unknown value "http/json"; known are http/protobuf, grpc`},
		{name: "its own protocol wins", env: map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, pushes: true},
		{name: "an endpoint without a scheme", env: map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "user:hunter2@collector"},
			err: "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: want a URL with its scheme, such as http://collector:4318"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clearOTel(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			p, err := exporter.NewPush(t.Context(), exporter.PushOptions{})
			if text := fmt.Sprint(err); tt.err != "" && text != tt.err || tt.err == "" && err != nil {
				t.Errorf("error = %v, want %s", err, tt.err)
			}
			if (p != nil) != tt.pushes {
				t.Errorf("pushes = %v, want %v", p != nil, tt.pushes)
			}
		})
	}
}

// lockedBuffer is written and read by several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
