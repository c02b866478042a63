package main_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// BenchmarkPeakMemory runs the daemon as a process of its own, and reports its
// largest resident size during the first sync beside that a while later, for a
// fifth of the Pods, all of them and their double.
func BenchmarkPeakMemory(b *testing.B) {
	n := benchPods(b)
	for _, pods := range []int{n / 5, n, 2 * n} {
		b.Run(fmt.Sprintf("Pods%d", pods), func(b *testing.B) {
			c := kubetest.Start(b)
			c.Fill("--pods", strconv.Itoa(pods))
			for b.Loop() {
				peak, steady := memoryOfFirstSync(b, c)
				b.ReportMetric(peak, "peak-MiB")
				b.ReportMetric(steady, "steady-MiB")
			}
		})
	}
}

func memoryOfFirstSync(b *testing.B, c *kubetest.Cluster) (peak, steady float64) {
	d := newDaemon(b, c)
	d.start()
	d.command(10*time.Minute, "wait", "--server", d.server, "--for", "completed", "--timeout", "10m")
	peak = residentMiB(b, d.cmd.Process.Pid, "VmHWM")
	for range 5 { // the steady state is what is left once the heap has been collected
		resp, err := http.Get(d.server + "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		resp.Body.Close()
		time.Sleep(time.Second)
	}
	steady = residentMiB(b, d.cmd.Process.Pid, "VmRSS")
	d.stop()
	return peak, steady
}

// residentMiB reads a field of proc_pid_status(5).
func residentMiB(b *testing.B, pid int, field string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skipf("resident size can't be read on this system: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		var kib float64
		if _, err := fmt.Sscanf(line, field+": %g kB", &kib); err == nil {
			return kib / 1024
		}
	}
	b.Fatalf("no %s in the process' status", field)
	return 0
}
