package main_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

const (
	clientTrace  = "0af7651916cd43dd8448eb211c80319c"
	clientParent = "00-" + clientTrace + "-b7ad6b7169203331-01"
)

// newTracedDaemon prepares a daemon whose spans go to j. It may read namespaces and
// Pods, and no ConfigMaps.
func newTracedDaemon(t *testing.T, j *jaeger, protocol string, args ...string) *daemon {
	t.Helper()
	endpoint := map[string]string{"grpc": j.otlpGRPC, "http/protobuf": j.otlpHTTP}[protocol]
	for name, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
		"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
		"POD_NAME": "mirror-0", "POD_NAMESPACE": "ops", "NODE_NAME": "node-1",
	} {
		t.Setenv(name, value)
	}
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken))
	c.Fill("--pods", "2000", "--mixed", "50")
	allow(t, c, "", "pods", "namespaces")
	return newDaemon(t, c, append([]string{
		"--kubeconfig", kubeconfigFor(t, c.Config(), viewerToken), "--resources", "namespaces,pods,configmaps", "--page-size", "200",
		"--trace-url-template", j.query + "/api/traces/{trace_id}",
	}, args...)...)
}

// askTraced sends a request below the client's trace.
func (d *daemon) askTraced(method, path string) int {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.server+path, http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Traceparent", clientParent)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// print runs a command that asks the daemon.
func (d *daemon) print(command string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, d.path, command, "--server", d.server).CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		d.t.Fatal(err)
	}
	return string(out)
}

func TestJaegerShowsARunAsItWas(t *testing.T) {
	for _, way := range []struct {
		protocol, store, write string
		args                   func(t *testing.T) []string
	}{
		{"grpc", "sqlite", "BATCH INSERT pods", func(*testing.T) []string { return nil }},
		{"http/protobuf", "mongodb", "update pods", func(t *testing.T) []string {
			return []string{"--store", mongotest.Start(t).URI()}
		}},
	} {
		t.Run(way.protocol+" "+way.store, func(t *testing.T) {
			j := startJaeger(t)
			d := newTracedDaemon(t, j, way.protocol, way.args(t)...)
			d.start()
			d.waitFor("a run that is partial", func(s *syncer.Status) bool { return s.Status == syncer.Completed && s.Partial })
			s := d.status()
			tr := j.trace(s.TraceURL, "sync run")
			wantRun(t, tr, s)
			wantTimesThatAddUp(t, tr)
			wantCalls(t, tr, way.store, way.write)
			wantRed(t, tr)
			root := tr.span("sync run")
			if want := fmt.Sprintf("span_id=%s trace_id=%s", root.SpanID, s.TraceID); !strings.Contains(d.log.String(), want) {
				t.Errorf("no line of the log has %q", want)
			}
			for _, command := range []string{"status", "history"} {
				if out := d.print(command); !strings.Contains(out, s.TraceURL) {
					t.Errorf("sidemirror %s has no link to the trace %s:\n%s", command, s.TraceURL, out)
				}
			}
			wantRequests(t, j, d, s.RunID)
			d.stop()
			wantNames(t, j)
		})
	}
}

// wantRun holds the tree against the status document.
func wantRun(t *testing.T, tr *jaegerTrace, s *syncer.Status) {
	t.Helper()
	root := tr.span("sync run")
	process := tr.Processes[root.ProcessID]
	for key, got := range map[string]string{
		"mirror-0": tag(process.Tags, "k8s.pod.name"), "ops": tag(process.Tags, "k8s.namespace.name"), "node-1": tag(process.Tags, "k8s.node.name"),
		"e2e": tag(process.Tags, "k8s.cluster.name"), "sidemirror": process.ServiceName, s.RunID: root.tag("sidemirror.run.id"),
		"startup": root.tag("sidemirror.run.trigger"), "true": root.tag("sidemirror.run.partial"),
		strconv.FormatInt(s.Epoch, 10): root.tag("sidemirror.run.epoch"), "completed": root.tag("sidemirror.outcome"),
	} {
		if got != key {
			t.Errorf("got %q, want %q", got, key)
		}
	}
	if revision, _ := strconv.ParseUint(root.tag("sidemirror.run.revision"), 10, 64); revision == 0 || revision > s.Revision {
		t.Errorf("revision %d, want one up to %d", revision, s.Revision)
	}
	var steps []string
	for _, step := range tr.children(root) {
		steps = append(steps, step.OperationName)
	}
	slices.Sort(steps)
	if got, want := strings.Join(steps, ", "), "sync step cleanup, sync step informer, sync step sync"; got != want {
		t.Errorf("below the run: %s; want %s", got, want)
	}
	for _, name := range []string{"namespaces", "pods", "configmaps"} {
		span := tr.span("sync resource " + name)
		if span == nil || tr.parent(span) != tr.span("sync step sync") || span.tag("sidemirror.resource.name") != name {
			t.Fatalf("%s isn't below its step: %+v", name, span)
		}
	}
	if got, want := tr.span("sync resource pods").tag("sidemirror.objects"), strconv.FormatInt(resource(s, "pods").Objects, 10); got != want {
		t.Errorf("pods: %s objects, want %s", got, want)
	}
}

// wantTimesThatAddUp checks that every span is within the one that it is below, and
// that the steps are all that a run is made of.
func wantTimesThatAddUp(t *testing.T, tr *jaegerTrace) {
	t.Helper()
	const slack = 1000 // microseconds: ends are taken one after the other
	for _, s := range tr.Spans {
		if p := tr.parent(s); p != nil && (s.StartTime < p.StartTime-slack || s.StartTime+s.Duration > p.StartTime+p.Duration+slack) {
			t.Errorf("%s at %d for %d µs isn't within %s at %d for %d µs", s.OperationName, s.StartTime, s.Duration, p.OperationName, p.StartTime, p.Duration)
		}
	}
	root := tr.span("sync run")
	var sum int64
	for _, step := range tr.children(root) {
		sum += step.Duration
	}
	if rest := root.Duration - sum; rest < -3*slack || rest > root.Duration/20+20*slack {
		t.Errorf("the steps took %d µs of the run's %d: %d are nobody's", sum, root.Duration, rest)
	}
}

// wantCalls checks what is below the Pods: ten pages of the list, and batches.
func wantCalls(t *testing.T, tr *jaegerTrace, store, write string) {
	t.Helper()
	pages, batches := 0, 0
	for _, s := range tr.children(tr.span("sync resource pods")) {
		switch s.OperationName {
		case "GET":
			pages++
			for key, want := range map[string]string{
				"span.kind": "client", "http.request.method": "GET", "http.response.status_code": "200", "server.address": "127.0.0.1",
			} {
				if got := s.tag(key); got != want {
					t.Errorf("GET: %s = %q, want %q", key, got, want)
				}
			}
			address := s.tag("url.full")
			if !strings.Contains(address, "/api/v1/pods?") || !strings.Contains(address, "limit=200") ||
				regexp.MustCompile(`continue=[^R&]`).MatchString(address) {
				t.Errorf("url.full = %q, want the list's, without its continue token", address)
			}
		case write:
			batches++
			size, _ := strconv.Atoi(s.tag("db.operation.batch.size"))
			if s.tag("span.kind") != "client" || s.tag("db.system.name") != store || s.tag("db.collection.name") != "pods" ||
				s.tag("db.operation.name")+" pods" != s.OperationName || size < 2 {
				t.Errorf("%s: %v", s.OperationName, s.Tags)
			}
		}
	}
	if pages < 10 || batches < 1 {
		t.Errorf("%d pages and %d batches below the Pods, want 10 and some", pages, batches)
	}
}

// wantRed checks that the forbidden resource is what a reader's eye is led to.
func wantRed(t *testing.T, tr *jaegerTrace) {
	t.Helper()
	for _, s := range tr.Spans {
		forbidden := s.OperationName == "sync resource configmaps" || s.tag("http.response.status_code") == "403"
		if s.red() != forbidden {
			t.Errorf("%s is red: %v; %v", s.OperationName, s.red(), s.Tags)
		}
	}
	failed := tr.span("sync resource configmaps")
	if failed.tag("error.type") != "forbidden" || len(failed.Logs) != 1 || !strings.Contains(tag(failed.Logs[0].Fields, "exception.message"), "forbidden") {
		t.Errorf("configmaps: %s with %v, want the error recorded once", failed.tag("error.type"), failed.Logs)
	}
}

// wantRequests asks for a run and for objects below a trace of the client's, and
// looks for both there.
func wantRequests(t *testing.T, j *jaeger, d *daemon, before string) {
	t.Helper()
	if code := d.askTraced("POST", "/api/v1/sync/start"); code != http.StatusAccepted {
		t.Fatalf("start = %d", code)
	}
	d.waitFor("the run that was asked for", func(s *syncer.Status) bool { return s.RunID != before && s.Status == syncer.Completed })
	if code := d.askTraced("GET", "/api/v1/namespaces/default/pods?limit=5"); code != http.StatusOK {
		t.Errorf("list = %d", code)
	}
	d.askTraced("GET", "/api/v1/sync/status")
	const list = "GET /api/v1/namespaces/{namespace}/{resource}"
	j.trace(clientTrace, list)
	requests := j.trace(clientTrace, "POST /api/v1/sync/start")
	if n := len(requests.children(requests.span(list))); n == 0 {
		t.Error("what the store was asked for isn't below the request")
	}
	request := requests.span("POST /api/v1/sync/start")
	if request.tag("span.kind") != "server" || request.tag("http.route") != "/api/v1/sync/start" {
		t.Errorf("request: %v", request.Tags)
	}
	run := j.trace(d.status().TraceURL, "sync run").span("sync run")
	if len(run.References) != 1 || run.References[0].RefType != "FOLLOWS_FROM" || run.References[0].SpanID != request.SpanID || run.tag("sidemirror.run.trigger") != "manual" {
		t.Errorf("the run is linked to %v, want the request %s", run.References, request.SpanID)
	}
}

// wantNames checks that names are few and hold nothing of what is mirrored.
func wantNames(t *testing.T, j *jaeger) {
	t.Helper()
	known := regexp.MustCompile(`^(sync (run|step (cleanup|sync|informer)|resource (namespaces|pods|configmaps))|GET|stream flush \w+|` +
		`POST /api/v1/sync/start|GET /api/v1/sync/history|GET /api/v1/namespaces/\{namespace\}/\{resource\}|` +
		`(BATCH |BATCH INSERT |BATCH DELETE |INSERT |DELETE |SELECT )(namespaces|pods|configmaps)|` +
		`[a-z][A-Za-z]+ (namespaces|pods|configmaps|mirror|admin))$`)
	for _, name := range j.operations() {
		if !known.MatchString(name) {
			t.Errorf("there are spans called %q", name)
		}
	}
	if n := len(j.search("sync run")); n != 2 {
		t.Errorf("%d runs were traced, want 2", n)
	}
}

func TestACollectorThatGoesAwayHurtsNothingAndShows(t *testing.T) {
	j := startJaeger(t)
	d := newTracedDaemon(t, j, "grpc")
	d.start()
	d.waitFor("a run", func(s *syncer.Status) bool { return s.Status == syncer.Completed })
	before := d.status()
	j.trace(before.TraceURL, "sync run")
	j.stop()
	d.askTraced("POST", "/api/v1/sync/start")
	d.waitFor("another run, without the collector", func(s *syncer.Status) bool {
		return s.RunID != before.RunID && s.Status == syncer.Completed
	})
	counted := regexp.MustCompile(`sidemirror_otel_export_errors_total\{signal="traces"\} [1-9]`)
	j.eventually("the failures in the metrics", func() bool {
		_, metrics := d.get("/metrics")
		return counted.MatchString(metrics)
	})
	d.stop() // with 0, within its five seconds
	if n := strings.Count(d.log.String(), "trace export fails"); n < 1 || n > 2 {
		t.Errorf("the log tells of it %d times, want once a minute", n)
	}
}

// The application is below the proxy's span where there is a trace, and hears what
// the client sent where there is none.
func TestATraceGoesThroughTheProxy(t *testing.T) {
	j := startJaeger(t)
	heard := make(chan string, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Get("Traceparent") }))
	t.Cleanup(app.Close)
	d := newTracedDaemon(t, j, "grpc", "--upstream", app.URL)
	d.start()
	d.waitFor("a run", func(s *syncer.Status) bool { return s.Status == syncer.Completed })
	d.askTraced("GET", "/orders")
	span := j.trace(clientTrace, "GET").span("GET")
	if got, want := <-heard, "00-"+clientTrace+"-"+span.SpanID+"-01"; got != want {
		t.Errorf("the application got %q, want %q", got, want)
	}
	if _, _ = d.get("/orders"); len(<-heard) != 0 {
		t.Error("the proxy has begun a trace of its own")
	}
	d.stop()
}
