package exporter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// BenchmarkScrape answers whole scrapes of what a daemon with eleven resources has,
// in each of the formats.
func BenchmarkScrape(b *testing.B) {
	s := cells(11)
	status := func() *syncer.Status { return s }
	reg := prometheus.NewRegistry()
	d := exporter.NewDurations(status)
	reg.MustRegister(exporter.NewCollector(status), d, exporter.NewTimedStore(nil), exporter.NewRequests(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for i := range 11 {
		work(d, b.Context(), syncer.Resource{Group: "example.com", Name: fmt.Sprintf("r%d", i)}, nil)
	}
	h := exporter.Handler(reg, nil)
	for _, format := range []struct{ name, accept, encoding string }{
		{"Text", "text/plain", "identity"},
		{"OpenMetrics", "application/openmetrics-text;version=1.0.0", "identity"},
		{"OpenMetricsGzip", "application/openmetrics-text;version=1.0.0", "gzip"},
		{"Protobuf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "identity"},
	} {
		b.Run(format.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header.Set("Accept", format.accept)
			r.Header.Set("Accept-Encoding", format.encoding)
			b.ReportAllocs()
			var size int
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				size = w.Body.Len()
			}
			b.ReportMetric(float64(size)/1024, "KiB")
		})
	}
}
