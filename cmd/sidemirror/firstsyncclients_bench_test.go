package main_test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// BenchmarkFirstSyncWithClients runs the daemon's first sync of
// SIDEMIRROR_BENCH_PODS Pods with nobody and with a thousand clients on the
// stream of events, once each. The clients, and the API server, share the
// machine with the daemon; only the daemon's own CPU time is counted.
func BenchmarkFirstSyncWithClients(b *testing.B) {
	pods := benchPods(b)
	c := kubetest.Start(b)
	c.Fill("--pods", strconv.Itoa(pods))
	fetchAll(b, c.Config()) // warms the server up
	for _, clients := range []int{0, 1000} {
		b.Run(fmt.Sprintf("Clients%d", clients), func(b *testing.B) {
			for b.Loop() {
				wall, cpu, received := firstSyncWatched(b, c, pods, clients)
				b.ReportMetric(wall, "wall-s")
				b.ReportMetric(cpu, "cpu-s")
				b.ReportMetric(received/(1<<20), "sent-MiB")
			}
		})
	}
}

// firstSyncWatched returns how long the run took by its own account, what the
// daemon used in all its life, and what its clients received.
func firstSyncWatched(b *testing.B, c *kubetest.Cluster, pods, clients int) (wall, cpu, received float64) {
	d := newDaemon(b, c, "--resources", "pods")
	d.start()
	d.waitFor("an answer", func(*syncer.Status) bool { return true })
	var bytes atomic.Int64
	var ended sync.WaitGroup
	addr := strings.TrimPrefix(d.server, "http://")
	for range clients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /api/v1/sync/events HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
		ended.Go(func() {
			defer conn.Close()
			n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{conn}, make([]byte, 4096))
			bytes.Add(n)
		})
	}
	d.command(10*time.Minute, "wait", "--server", d.server, "--for", "completed", "--timeout", "10m")
	s := d.status()
	if s.Progress.Objects.Synced != int64(pods) || s.DurationMs == nil {
		b.Fatalf("synced %d objects, want %d", s.Progress.Objects.Synced, pods)
	}
	d.stop()
	ended.Wait()
	state := d.cmd.ProcessState
	return float64(*s.DurationMs) / 1000, (state.UserTime() + state.SystemTime()).Seconds(), float64(bytes.Load())
}
