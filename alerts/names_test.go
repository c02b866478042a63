package alerts_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// declared are the metrics of a daemon, as its own collectors have them.
func declared(t *testing.T) metrics {
	t.Helper()
	pods := syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}
	status := func() *syncer.Status {
		return &syncer.Status{ResourceStatus: []syncer.ResourceStatus{{Name: "pods"}}}
	}
	durations := exporter.NewDurations(status)
	durations.EventStored(pods, time.Second)
	clients, _ := exporter.NewStreamClients([]string{"sse", "websocket"})
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		clients, exporter.NewTimedStore(nil), exporter.NewExportErrors(func() uint64 { return 0 }),
		exporter.NewCollector(status), durations, exporter.NewBuildInfo("v1", "abc", "go1"), exporter.NewHeartbeat(time.Now),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := metrics{"up": labels{}}
	for _, f := range families {
		has := labelsOf(f)
		all[f.GetName()] = has
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				all[f.GetName()+suffix] = has
			}
		}
	}
	return all
}

// labelsOf lists the values that each label of f has. Those of resource, version and
// the like are the user's.
func labelsOf(f *dto.MetricFamily) labels {
	has := labels{}
	for _, m := range f.GetMetric() {
		for _, l := range m.GetLabel() {
			has[l.GetName()] = append(has[l.GetName()], l.GetValue())
		}
	}
	for _, open := range []string{"resource", "version", "revision", "goversion"} {
		if _, ok := has[open]; ok {
			has[open] = nil
		}
	}
	return has
}

var labelInText = regexp.MustCompile(`\$labels\.(\w+)`)

// A metric that is renamed fails here, and doesn't leave an alert that is quiet for
// ever behind.
func TestRulesAskOnlyForWhatTheExporterHas(t *testing.T) {
	known := declared(t)
	for _, r := range rules(t) {
		used, wrong := read(known, r.Expr)
		for _, problem := range wrong {
			t.Errorf("%s: %s", r.name(), problem)
		}
		if r.Record != "" {
			known[r.Record] = used
		}
		for where, text := range r.Annotations {
			for _, m := range labelInText.FindAllStringSubmatch(text, -1) {
				if _, ok := used[m[1]]; !ok && !slices.Contains(targetLabels, m[1]) {
					t.Errorf("%s: the %s speaks of the label %s, which no metric of it has", r.name(), where, m[1])
				}
			}
		}
	}
}

// Runbooks are read when there is no time to find out that a query is out of date.
func TestRunbooksNameOnlyMetricsThatThereAre(t *testing.T) {
	known := declared(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			known[r.Record] = labels{}
		}
	}
	mention := regexp.MustCompile(`\bsidemirror[_:][a-z0-9_:]+`)
	for path, text := range runbookTexts(t) {
		for _, word := range mention.FindAllString(text, -1) {
			if _, ok := known[strings.TrimSuffix(word, ":")]; !ok {
				t.Errorf("%s: no metric %s", path, word)
			}
		}
	}
}
