package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

// benchPods is the size of the cluster that the first sync is measured on;
// SIDEMIRROR_BENCH_PODS sets another.
func benchPods(b *testing.B) int {
	text := os.Getenv("SIDEMIRROR_BENCH_PODS")
	if text == "" {
		return 50_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("SIDEMIRROR_BENCH_PODS=%q: want a number of Pods", text)
	}
	return n
}

const benchPageSize = 500

// BenchmarkFirstSync measures how long it takes to read all Pods of a real API
// server, and what for: thrown away by a plain HTTP client (the floor), mirrored
// into a store that throws away, mirrored into SQLite on disk, and through a
// client-go informer whose objects become BSON (the baseline). One run each.
func BenchmarkFirstSync(b *testing.B) {
	pods := benchPods(b)
	c := kubetest.Start(b)
	c.Fill("--pods", strconv.Itoa(pods))
	fetchAll(b, c.Config()) // warms the server up
	for _, way := range []struct {
		name string
		run  func(b *testing.B, config *rest.Config, pods int)
	}{
		{"PlainHTTP", func(b *testing.B, config *rest.Config, _ int) { fetchAll(b, config) }},
		{"Discard", func(b *testing.B, config *rest.Config, pods int) { firstSync(b, config, discard{}, pods) }},
		{"SQLite", syncIntoSQLite},
		{"Informer", informerSync},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				before := cpuSeconds(b)
				began := time.Now()
				way.run(b, c.Config(), pods)
				took := time.Since(began).Seconds()
				b.ReportMetric(float64(pods)/took, "objects/s")
				b.ReportMetric(cpuSeconds(b)-before, "cpu-s")
				b.ReportMetric(took, "wall-s")
			}
		})
	}
}

// cpuSeconds is what this process has used so far, in user and kernel mode.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// fetchAll reads the list in the same pages as the mirror, and keeps nothing but
// the continue token.
func fetchAll(b *testing.B, config *rest.Config) {
	b.Helper()
	config.DisableCompression = true
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		b.Fatal(err)
	}
	token := ""
	for {
		query := url.Values{"limit": {strconv.Itoa(benchPageSize)}, "continue": {token}}
		resp, err := client.Get(config.Host + "/api/v1/pods?" + query.Encode())
		if err != nil {
			b.Fatal(err)
		}
		if resp.StatusCode != http.StatusOK {
			b.Fatalf("list: %s", resp.Status)
		}
		token = continueToken(b, resp.Body)
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
		if token == "" {
			return
		}
	}
}

// continueToken reads it from the metadata at the head of a list.
func continueToken(b *testing.B, body io.Reader) string {
	head := make([]byte, 4096)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		b.Fatal(err)
	}
	_, rest, found := strings.Cut(string(head[:n]), `"continue":"`)
	if !found {
		return ""
	}
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// firstSync runs the engine from nothing until its sync of Pods is done.
func firstSync(b *testing.B, config *rest.Config, store syncer.Store, pods int) {
	b.Helper()
	source, err := kube.New(kube.Options{Config: config, Resources: []string{"pods"}, PageSize: benchPageSize})
	if err != nil {
		b.Fatal(err)
	}
	tracker := syncer.NewTracker(syncer.TrackerOptions{Cluster: "bench"})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- syncer.NewEngine(syncer.Options{Source: source, Store: store, Tracker: tracker}).Run(ctx)
	}()
	for {
		changed := tracker.Changed()
		if s := tracker.Status(); s.Step == syncer.StepInformer || s.Status == syncer.Failed {
			break
		}
		<-changed
	}
	s := tracker.Status()
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if s.Progress.Objects.Synced != int64(pods) {
		b.Fatalf("synced %d objects, want %d", s.Progress.Objects.Synced, pods)
	}
}

func syncIntoSQLite(b *testing.B, config *rest.Config, pods int) {
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db"), Cluster: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close(context.Background())
	firstSync(b, config, store, pods)
}

// informerSync is the ordinary way: a dynamic informer, whose objects are
// marshalled to BSON as a bulk write would.
func informerSync(b *testing.B, config *rest.Config, pods int) {
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		b.Fatal(err)
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Informer()
	var stored atomic.Int64
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(o any) {
		if _, err := bson.Marshal(o.(*unstructured.Unstructured).Object); err != nil {
			b.Error(err)
		}
		stored.Add(1)
	}})
	if err != nil {
		b.Fatal(err)
	}
	stop := make(chan struct{})
	defer factory.Shutdown()
	defer close(stop)
	factory.Start(stop)
	cache.WaitForCacheSync(stop, registration.HasSynced)
	if got := stored.Load(); got != int64(pods) {
		b.Fatalf("informer delivered %d objects, want %d", got, pods)
	}
}

// discard is a store that takes everything and has nothing.
type discard struct{}

func (discard) Prepare(context.Context, syncer.Resource) error             { return nil }
func (discard) FinishFill(context.Context, syncer.Resource) error          { return nil }
func (discard) Resources(context.Context) ([]string, error)                { return nil, nil }
func (discard) Drop(context.Context, string) error                         { return nil }
func (discard) Count(context.Context, syncer.Cell) (int64, error)          { return 0, nil }
func (discard) Checkpoints(context.Context) ([]syncer.Checkpoint, error)   { return nil, nil }
func (discard) SaveCheckpoints(context.Context, []syncer.Checkpoint) error { return nil }
func (discard) DeleteCheckpoints(context.Context, []string) error          { return nil }
func (discard) NextEpoch(context.Context) (int64, error)                   { return 1, nil }
func (discard) Control(context.Context) (syncer.Control, error)            { return syncer.Control{}, nil }
func (discard) SaveControl(context.Context, syncer.Control) error          { return nil }
func (discard) SaveRun(context.Context, syncer.Run) error                  { return nil }
func (discard) Runs(context.Context, string, int) ([]syncer.Run, error)    { return nil, nil }
func (discard) Close(context.Context) error                                { return nil }
func (discard) Write(_ context.Context, _ syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	return syncer.WriteResult{Created: len(ops)}, nil
}
func (discard) Versions(_ context.Context, _ syncer.Resource, _, _ string, _ int, dst []syncer.Version) ([]syncer.Version, error) {
	return dst, nil
}
func (discard) Read(context.Context, syncer.Resource, syncer.Query, func(*syncer.Object) error) error {
	return nil
}

// BenchmarkPeakMemory runs the daemon as a process of its own, and reports its
// largest resident size during the first sync beside that a while later.
func BenchmarkPeakMemory(b *testing.B) {
	for _, pods := range []int{10_000, 50_000, 100_000} {
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
