package main_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

// traces is a collector that knows which traces there are.
type traces struct {
	mu  sync.Mutex
	ids map[string]bool // guarded by mu
}

// collectTraces makes daemons that are started later send their traces here.
func collectTraces(t *testing.T) *traces {
	c := &traces{ids: map[string]bool{}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", s.URL+"/v1/traces")
	return c
}

func (c *traces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	var export collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &export)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range export.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.ids[hex.EncodeToString(span.GetTraceId())] = true
			}
		}
	}
}

func (c *traces) have(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[id]
}

// unaccounted is what was received and hasn't become anything, by resource.
const unaccounted = `sidemirror_sync_received_total{job="text"} - sum without (operation) (sidemirror_sync_objects_total{job="text", operation!="swept"})`

func TestARealPrometheusSeesEveryRunAsItIs(t *testing.T) {
	program := tool(t, "SIDEMIRROR_PROMETHEUS")
	spans := collectTraces(t)
	c := kubetest.Start(t)
	c.Fill("--pods", "4000", "--mixed", "300")
	d := newDaemon(t, c, "--page-size", "20")
	p := startPrometheus(t, program, strings.TrimPrefix(d.server, "http://"))
	d.start()
	p.await("progress in the middle of a run", func() bool {
		ratio, there := p.value(`sidemirror_sync_progress_ratio{job="text"}`)
		return there && ratio > 0
	})
	d.waitCompleted()
	c.Churn("--rate", "0", "--count", "500")
	if code := d.ask(syncer.ActionStart, ""); code != http.StatusAccepted {
		t.Fatalf("start: %d", code)
	}
	p.is(`sum(sidemirror_sync_runs_total{job="text", outcome="completed"})`, 2)
	c.Churn("--rate", "0", "--count", "500", "--seed", "3")
	p.is(`sum(sidemirror_sync_resource_objects{job="text"}) == bool `+countOf(t, c, d), 1)
	p.is(`sum(`+unaccounted+`)`, 0)
	p.is(`min(up)`, 1) // the formats are all read

	checkScrapes(t, p)
	for promql, want := range map[string]float64{
		`histogram_count(sidemirror_sync_duration_seconds{job="native", outcome="completed"})`:        2,
		`sidemirror_sync_duration_seconds_count{job="openmetrics", outcome="completed"}`:              2,
		`sum(sidemirror_http_request_duration_seconds_count{job="text", route="/metrics"}) > bool 10`: 1,
		`sum(sidemirror_store_operation_duration_seconds_count{job="text", operation="next_epoch"})`:  2,
	} {
		p.is(promql, want)
	}
	if series := p.query(`{__name__=~"sidemirror_.+_created"}`); len(series) != 0 {
		t.Errorf("%d series of _created, want none", len(series))
	}
	exemplars := p.exemplars()
	d.stop() // sends the spans that are left
	for _, name := range []string{"sync_duration", "sync_step_duration", "sync_resource_duration", "store_operation_duration", "event_lag"} {
		ids := exemplars["sidemirror_"+name+"_seconds"]
		if len(ids) == 0 {
			t.Errorf("%s has no exemplar", name)
		}
		for _, id := range ids {
			if !spans.have(id) {
				t.Errorf("exemplar of %s: there is no trace %q", name, id)
			}
		}
	}
}

// checkScrapes holds every scrape that Prometheus made against what each promises.
func checkScrapes(t *testing.T, p *prometheus) {
	t.Helper()
	ratios, starts := p.scrapes(`sidemirror_sync_progress_ratio{job="text"}`), p.scrapes(`sidemirror_sync_start_timestamp_seconds{job="text"}`)
	var run, last float64
	var runs, during int
	for _, at := range slices.Sorted(maps.Keys(ratios)) {
		ratio, start := ratios[at][""], starts[at][""]
		if start != run {
			run, last = start, 0
			runs++
		}
		if ratio < last || ratio > 1 {
			t.Errorf("progress %v after %v in one run", ratio, last)
		}
		if ratio > 0 && ratio < 1 {
			during++
		}
		last = ratio
	}
	if runs < 2 || during < 3 {
		t.Errorf("%d runs with %d scrapes in their middle, want 2 with more: the test saw too little", runs, during)
	}
	for _, name := range []string{"sync_status", "sync_state"} {
		for at, samples := range p.scrapes(`sidemirror_`+name+`{job="text"}`, strings.TrimPrefix(name, "sync_")) {
			checkOneHot(t, name, at, slices.Collect(maps.Values(samples)))
		}
	}
	for at, samples := range p.scrapes(`sidemirror_sync_resource_status{job="text"}`, "resource", "status") {
		of := map[string][]float64{}
		for key, v := range samples {
			resource, _, _ := strings.Cut(key, " ")
			of[resource] = append(of[resource], v)
		}
		for resource, values := range of {
			checkOneHot(t, resource, at, values)
		}
	}
	received := p.scrapes(`sidemirror_sync_received_total{job="text"}`, "resource")
	for at, samples := range p.scrapes(`sidemirror_sync_objects_total{job="text", operation!="swept"}`, "resource", "operation") {
		if received[at] == nil {
			continue // scraped since the question before
		}
		for key, v := range samples {
			resource, _, _ := strings.Cut(key, " ")
			received[at][resource] -= v
		}
	}
	for at, left := range received {
		for resource, n := range left {
			if n < 0 {
				t.Errorf("%s at %s: %v objects became something that never came", resource, at, -n)
			}
		}
	}
}

func checkOneHot(t *testing.T, name, at string, values []float64) {
	t.Helper()
	slices.Sort(values)
	if n := len(values); n < 4 || values[n-1] != 1 || values[n-2] != 0 || values[0] != 0 {
		t.Errorf("%s at %s = %v, want a 1 and zeros", name, at, values)
	}
}

// countOf counts the rows in the daemon's own file, by asking the file.
func countOf(t *testing.T, c *kubetest.Cluster, d *daemon) string {
	t.Helper()
	d.verify() // the mirror has caught up
	path := strings.TrimPrefix(d.args[slices.Index(d.args, "--store")+1], "sqlite:")
	store, err := sqlite.New(sqlite.Options{Path: path, Cluster: "e2e"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	var sum int64
	for _, r := range d.status().ResourceStatus {
		name := strings.TrimSuffix(r.Name, "."+r.Group)
		n, err := store.Count(t.Context(), syncer.Cell{Resource: syncer.Resource{Group: r.Group, Version: r.Version, Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return strconv.FormatInt(sum, 10)
}

func TestPromtoolFindsNothingInAScrape(t *testing.T) {
	promtool := tool(t, "SIDEMIRROR_PROMTOOL")
	c := kubetest.Start(t)
	c.Fill("--pods", "100", "--mixed", "50")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	c.Churn("--rate", "0", "--count", "50")
	d.verify()
	resp, err := http.Get(d.server + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cmd := exec.Command(promtool, "check", "metrics", "--extended")
	cmd.Stdin = resp.Body
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
	d.stop()
}
