package exporter_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/exporter"
)

// front is a server as the daemon has one: its own routes behind something that
// passes the rest on.
func front(requests *exporter.Requests) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sync/{action}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("/data/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") })
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "123")
		panic(http.ErrAbortHandler)
	})
	own := requests.Route(mux)
	return requests.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/app/"):
			http.NotFound(w, r)
		case strings.HasPrefix(r.URL.Path, "/traced/"):
			span := trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{9}, SpanID: trace.SpanID{9}, TraceFlags: trace.FlagsSampled,
			})
			http.StripPrefix("/traced", own).ServeHTTP(w, r.WithContext(trace.ContextWithSpanContext(r.Context(), span)))
		default:
			own.ServeHTTP(w, r)
		}
	}))
}

func ask(h http.Handler, method, path string) {
	defer func() { _ = recover() }() // as a server does
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
}

// series are the histograms of a family by their labels' values, in the order of names.
func series(f *dto.MetricFamily) map[string]*dto.Histogram {
	out := map[string]*dto.Histogram{}
	for _, m := range f.GetMetric() {
		var key []string
		for _, l := range m.GetLabel() {
			key = append(key, l.GetValue())
		}
		out[strings.Join(key, " ")] = m.GetHistogram()
	}
	return out
}

func TestRequestsAreToldByRouteWhateverIsAsked(t *testing.T) {
	requests := exporter.NewRequests()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(requests)
	h := front(requests)
	for i := range 50 {
		ask(h, http.MethodGet, fmt.Sprintf("/data/%d", i))
		ask(h, http.MethodGet, fmt.Sprintf("/sync/%d", i))
		ask(h, http.MethodPost, fmt.Sprintf("/app/%d", i))
		ask(h, fmt.Sprintf("M%d", i), "/data/x")
	}
	ask(h, http.MethodGet, "/cut")
	ask(h, http.MethodGet, "/nowhere")
	got := map[string]uint64{}
	families := gather(t, reg)
	for key, hist := range series(families["http_request_duration_seconds"]) {
		got[key] = hist.GetSampleCount()
	}
	want := map[string]uint64{ // code, method, route
		"2xx GET /data/": 50, "2xx GET /sync/{action}": 50, "4xx POST application": 50, "2xx other /data/": 50,
		"aborted GET /cut": 1, "4xx GET none": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	sizes := series(families["http_response_size_bytes"])
	if got := sizes["/data/"].GetSampleSum(); got != 500 {
		t.Errorf("bytes of /data/ = %v, want 500", got)
	}
	if got := sizes["/cut"].GetSampleSum(); got != 3 {
		t.Errorf("bytes of an answer that was cut off = %v, want those that were sent, 3", got)
	}
	if got := families["http_requests_in_flight"].GetMetric()[0].GetGauge().GetValue(); got != 0 {
		t.Errorf("%v requests in flight after all have ended", got)
	}
}

func TestARequestsExemplarIsTheTraceThatItGotOnItsWay(t *testing.T) {
	requests := exporter.NewRequests()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(requests)
	ask(front(requests), http.MethodGet, "/traced/data/x")
	hist := series(gather(t, reg)["http_request_duration_seconds"])
	want := trace.TraceID{9}.String()
	for key, h := range hist {
		for _, b := range h.GetBucket() {
			if e := b.GetExemplar(); e != nil && e.GetLabel()[0].GetValue() == want {
				return
			}
		}
		t.Errorf("%s has no exemplar of the trace", key)
	}
	t.Errorf("no exemplar among %v", slices.Collect(maps.Keys(hist)))
}

func TestStreamsStillReachTheConnectionThroughTheMetrics(t *testing.T) {
	requests := exporter.NewRequests()
	flushed := make(chan error, 1)
	server := httptest.NewServer(requests.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		flushed <- http.NewResponseController(w).Flush()
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("a WebSocket can't take over the connection")
		}
	})))
	defer server.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := <-flushed; err != nil {
		t.Errorf("flush: %v", err)
	}
}
