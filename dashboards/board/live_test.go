package board_test

import (
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// alwaysZero are the queries that stay at 0 in the story, or have no answer, and why.
var alwaysZero = map[string]string{
	"overview/annotation Leader changes": oneWriter,
	"mirror/annotation Leader changes":   oneWriter,
	"history/annotation Leader changes":  oneWriter,
	"mirror/Resources/K":                 takesAll, // dead letters
	"mirror/Refused objects/A":           takesAll,
	"mirror/Dead letters/A":              takesAll,
}

const (
	oneWriter = "whoever runs an engine writes, so it never changes"
	takesAll  = "SQLite takes every object that etcd does"
)

// story makes a mirror go through everything that a panel is there for.
func story(t *testing.T, c *kubetest.Cluster, d *daemon, p *scraper) {
	t.Helper()
	// A first sync, without the resource that is forbidden.
	d.start()
	p.seen(`sidemirror_sync_status{status="completed"} == 1`)
	p.seen(`sidemirror_sync_partial == 1`)
	closed := d.follow()
	defer closed()
	p.seen(`sidemirror_stream_clients{transport="sse"} == 1`)

	c.Churn("--rate", "50", "--count", "300")
	p.seen(`sidemirror_sync_objects_total{operation="deleted"} > 0`)

	d.refuses.Store(true)
	p.seen(`sidemirror_otel_export_errors_total > 0`)
	d.refuses.Store(false)

	// A store that somebody else holds up, once nothing is under way.
	p.seen(`sum by (job) (increase(sidemirror_events_total[5s])) == 0`)
	release := d.holdStore()
	c.Churn("--rate", "50", "--count", "50", "--seed", "3")
	p.seen(`sidemirror_watch_buffer_bytes > 0`)
	release()
	p.seen(`sidemirror_watch_buffer_bytes == 0`)

	// Paused for so long that a version expires.
	d.control("pause")
	p.seen(`sidemirror_sync_paused == 1`)
	c.Churn("--rate", "0", "--count", "200", "--seed", "7")
	c.Compact()
	d.control("resume")
	p.seen(`sidemirror_relists_total{reason="expired"} > 0`)
	p.seen(`sidemirror_sync_state{state="live"} == 1`)

	// Runs that someone asked for.
	for i := 1; i <= 2; i++ {
		d.control("start")
		p.seen(fmt.Sprintf(`sidemirror_sync_runs_total{outcome="completed",trigger="manual"} >= %d`, i))
	}
	d.visit("/api/v1/pods?limit=100")
	d.visit("/api/v1/sync/status")

	// A run that fails, with the cluster away.
	c.Stop()
	p.seen(`sidemirror_watch_connected == 0`)
	d.control("start")
	p.seen(`sidemirror_sync_status{status="failed"} == 1`)
	p.seen(`sidemirror_sync_consecutive_failures > 0`)

	// Another process, which isn't ready until the cluster is back, and then goes on
	// where the first one was.
	closed()
	d.process.stop()
	d.start()
	p.seen(`rate(sidemirror_http_request_duration_seconds_count{code="5xx"}[6s]) > 0 or
		histogram_count(rate(sidemirror_http_request_duration_seconds{code="5xx"}[6s])) > 0`,
		func() { d.visit("/readyz") })
	c.Restart()
	p.seen(`changes(process_start_time_seconds[2m]) > 0 and on (instance, job) sidemirror_sync_state{state="live"} == 1`)
	c.Churn("--rate", "50", "--count", "100", "--seed", "9")
	p.seen(`sidemirror_events_total{type="modified"} > 0`)
}

func TestQueriesAnswerOnARealPrometheus(t *testing.T) {
	binary := os.Getenv("SIDEMIRROR_PROMETHEUS")
	if binary == "" {
		t.Skip("SIDEMIRROR_PROMETHEUS names no Prometheus; make test-observability does")
	}
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken), kubetest.WithAPIServerArgs("watch-cache-sizes=pods#0"))
	c.Fill("--pods", "300", "--mixed", "100")
	d := newDaemon(t, c)
	p := startPrometheus(t, binary, d.listen)
	m := moments{from: time.Now()}
	story(t, c, d, p)
	m.to = time.Now()

	for _, job := range []string{"classic", "native"} {
		t.Run(job, func(t *testing.T) { answers(t, p, m, job) })
	}
	t.Run("variables", func(t *testing.T) { variablesHaveValues(t, p, m) })
	t.Run("ConfigMaps", func(t *testing.T) { serverTakes(t, c) })
}

// answers asks everything, of one of the jobs.
func answers(t *testing.T, p *scraper, m moments, job string) {
	span := fmt.Sprintf("%ds", int(m.to.Sub(m.from).Seconds()))
	for _, f := range dashboards(t) {
		for _, q := range append(f.questions(), f.marks()...) {
			expr := asked(q.expr, "6s", span, map[string]string{"job": job})
			number, other, err := p.found(expr, m)
			_, zero := alwaysZero[q.where]
			switch {
			case err != nil:
				t.Errorf("%s: %v\n%s", q.where, err, expr)
			case !number && !zero:
				t.Errorf("%s has no data:\n%s", q.where, expr)
			case number && !other && !zero:
				t.Errorf("%s is always 0:\n%s", q.where, expr)
			case other && zero:
				t.Errorf("%s isn't always 0, as was said: %s", q.where, alwaysZero[q.where])
			}
			// Of native histograms Prometheus drops exemplars that it holds to be out of order.
			if q.exemplar && job == "classic" {
				if n, err := p.traces(expr, m); err != nil || n == 0 {
					t.Errorf("%s has no exemplar that leads to a trace: %v\n%s", q.where, err, expr)
				}
			}
		}
	}
}

func variablesHaveValues(t *testing.T, p *scraper, m moments) {
	for _, f := range dashboards(t) {
		for _, v := range f.Templating.List {
			if v.Type != "query" {
				continue
			}
			selected, label := v.values(t)
			form := m.form("")
			form["match[]"] = []string{asked(selected, "", "", nil)}
			var a struct{ Data []string }
			if err := p.get("label/"+url.PathEscape(label)+"/values", form, &a); err != nil || len(a.Data) == 0 {
				t.Errorf("%s: variable %s has no values: %v", f.name, v.Name, err)
			}
		}
	}
}

// serverTakes creates the ConfigMaps as kubectl apply --server-side would.
func serverTakes(t *testing.T, c *kubetest.Cluster) {
	for _, m := range manifests(t) {
		created, err := c.Client().CoreV1().ConfigMaps("default").Create(t.Context(), &m,
			metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		if err != nil || len(created.Data) != 1 {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}
