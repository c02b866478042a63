package main_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo"
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
// server, and what for. The CPU seconds are this process' own, without those of
// the API server and of MongoDB's double, which has a process of its own.
//
//   - PlainHTTP throws the pages away: the floor.
//   - Discard mirrors into a store that throws away, SQLite onto the disk,
//     MongoDB through the driver into the double.
//   - Informer is the ordinary way: client-go's dynamic informer, whose objects
//     become BSON, are gathered as a bulk write and thrown away. InformerMongoDB
//     hands the same bulk writes to the driver and the double.
//   - Alone writes the rows that a sync has collected, without API server and
//     engine: through the store, by plain inserts, and into a plain file.
func BenchmarkFirstSync(b *testing.B) {
	pods := benchPods(b)
	c := kubetest.Start(b)
	c.Fill("--pods", strconv.Itoa(pods))
	fetchAll(b, c.Config()) // warms the server up
	var rows recorder
	for _, way := range []struct {
		name string
		run  func(b *timed, config *rest.Config)
	}{
		{"PlainHTTP", func(b *timed, config *rest.Config) { fetchAll(b.B, config) }},
		{"Discard", func(b *timed, config *rest.Config) { firstSync(b.B, config, discard{}, pods) }},
		{"SQLite", func(b *timed, config *rest.Config) { syncIntoSQLite(b.B, config, pods) }},
		{"MongoDB", func(b *timed, config *rest.Config) { syncIntoMongoDB(b, config, pods) }},
		{"Informer", func(b *timed, config *rest.Config) { informerSync(b.B, config, pods) }},
		{"InformerMongoDB", func(b *timed, config *rest.Config) { informerSyncIntoMongoDB(b, config, pods) }},
		{"Alone/Store", func(b *timed, config *rest.Config) { writeAlone(b.B, rows.collect(b, config, pods)) }},
		{"Alone/Inserts", func(b *timed, config *rest.Config) { insertAlone(b.B, rows.collect(b, config, pods)) }},
		{"Alone/File", func(b *timed, config *rest.Config) { fileAlone(b.B, rows.collect(b, config, pods)) }},
	} {
		b.Run(way.name, func(b *testing.B) {
			(&timed{B: b}).measure(pods, func(b *timed) { way.run(b, c.Config()) })
		})
	}
}

// timed is a benchmark that counts CPU seconds as well as time.
type timed struct {
	*testing.B
	unmeasuredCPU float64
}

// measure runs b.N times and reports.
func (b *timed) measure(pods int, run func(*timed)) {
	before := cpuSeconds(b.B)
	b.ResetTimer()
	for range b.N {
		run(b)
	}
	b.StopTimer()
	n, wall := float64(b.N), b.Elapsed().Seconds()
	b.ReportMetric(float64(pods)*n/wall, "objects/s")
	b.ReportMetric((cpuSeconds(b.B)-before-b.unmeasuredCPU)/n, "cpu-s")
	b.ReportMetric(wall/n, "wall-s")
}

// unmeasured does what belongs to no measurement.
func (b *timed) unmeasured(prepare func()) {
	b.StopTimer()
	before := cpuSeconds(b.B)
	prepare()
	b.unmeasuredCPU += cpuSeconds(b.B) - before
	b.StartTimer()
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

func syncIntoMongoDB(b *timed, config *rest.Config, pods int) {
	var uri string
	b.unmeasured(func() { uri = serveMongoDB(b.B) })
	store, err := mongo.New(mongo.Options{URI: uri, Cluster: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close(context.Background())
	firstSync(b.B, config, store, pods)
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
