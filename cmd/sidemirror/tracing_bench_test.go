package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// BenchmarkFirstSyncTraced runs the daemon's first sync of SIDEMIRROR_BENCH_PODS Pods
// without and with traces that go to a collector over OTLP, in turn, so that both meet
// the same machine. Of the CPU time, only the daemon's own is counted; it is that of all
// its life. What is reported is the median of each.
func BenchmarkFirstSyncTraced(b *testing.B) {
	const rounds = 3
	pods := benchPods(b)
	c := kubetest.Start(b)
	c.Fill("--pods", strconv.Itoa(pods))
	fetchAll(b, c.Config()) // warms the server up
	var exports, bytes atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		exports.Add(1)
		bytes.Add(n)
	}))
	defer collector.Close()
	for _, way := range []struct {
		name  string
		store func() []string
	}{
		{"SQLite", func() []string { return nil }},
		{"MongoDB", func() []string { return []string{"--store", serveMongoDB(b)} }},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				var wall, cpu [2][]float64
				exports.Store(0)
				bytes.Store(0)
				for range rounds {
					for i, endpoint := range []string{"", collector.URL} {
						w, u := firstSyncOf(b, c, pods, endpoint, way.store()...)
						wall[i], cpu[i] = append(wall[i], w), append(cpu[i], u)
					}
				}
				b.Logf("CPU seconds, off and on: %.3f", cpu)
				off, on := slices.Min(cpu[0]), slices.Min(cpu[1])
				b.ReportMetric(slices.Min(wall[0]), "off-wall-s")
				b.ReportMetric(slices.Min(wall[1]), "on-wall-s")
				b.ReportMetric(off, "off-cpu-s")
				b.ReportMetric(on, "on-cpu-s")
				b.ReportMetric(100*(on-off)/off, "overhead-%")
				b.ReportMetric(float64(bytes.Load())/rounds/1024, "sent-KiB")
				if exports.Load() == 0 {
					b.Fatal("nothing was exported: there is nothing to compare")
				}
			}
		})
	}
}

// firstSyncOf returns how long the run's step sync took by its own account, and what the
// daemon used.
func firstSyncOf(b *testing.B, c *kubetest.Cluster, pods int, endpoint string, args ...string) (wall, cpu float64) {
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
	d := newDaemon(b, c, append([]string{"--resources", "pods"}, args...)...)
	d.start()
	d.command(10*time.Minute, "wait", "--server", d.server, "--for", "completed", "--timeout", "10m")
	s := d.status()
	sync := slices.IndexFunc(s.StepStatus, func(step syncer.StepStatus) bool { return step.Step == syncer.StepSync })
	if s.Progress.Objects.Synced != int64(pods) || sync < 0 || (s.TraceID != "") != (endpoint != "") {
		b.Fatalf("synced %d objects with trace %q, want %d", s.Progress.Objects.Synced, s.TraceID, pods)
	}
	d.stop()
	state := d.cmd.ProcessState
	return s.StepStatus[sync].EndTime.Sub(s.StepStatus[sync].StartTime).Seconds(), (state.UserTime() + state.SystemTime()).Seconds()
}
