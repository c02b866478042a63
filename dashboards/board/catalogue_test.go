package board_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// family is the label sets of one series name.
type family []map[string]string

// series is every name that a scrape of Sidemirror brings, with its labels.
type series map[string]family

// catalogue gathers every collector that the exporter has, each having seen
// something, so that all labels and all their values are there.
func catalogue(t *testing.T) series {
	t.Helper()
	now := time.Now()
	s := &syncer.Status{
		Status: syncer.Completed, StartTime: &now, LastSuccessAt: &now, LastProgressAt: &now,
		ResourceStatus: []syncer.ResourceStatus{{Name: "pods", Status: syncer.ResourceCompleted}},
	}
	status := func() *syncer.Status { return s }
	durations, requests := exporter.NewDurations(status), exporter.NewRequests()
	clients, _ := exporter.NewStreamClients([]string{"sse"})
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(
		exporter.NewCollector(status), durations, requests, clients, exporter.NewTimedStore(nil),
		exporter.NewHeartbeat(time.Now), exporter.NewBuildInfo("v1", "abc", "go1"),
		exporter.NewExportErrors(func() uint64 { return 0 }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	pods := syncer.Resource{Name: "pods"}
	durations.StoreWrite(t.Context(), pods, 1, time.Millisecond, nil)
	_, end := durations.StartResource(t.Context(), syncer.Cell{Resource: pods})
	end(syncer.ResourceResult{})
	failing := requests.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	failing.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := series{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			all.add(f, m)
		}
	}
	return all
}

// add adds the names under which Prometheus keeps a metric.
func (s series) add(f *dto.MetricFamily, m *dto.Metric) {
	name, own := f.GetName(), map[string]string{}
	for _, l := range m.GetLabel() {
		own[l.GetName()] = l.GetValue()
	}
	with := func(label, value string) map[string]string {
		all := maps.Clone(own)
		all[label] = value
		return all
	}
	s[name] = append(s[name], own) // a histogram's native form goes by this name, too
	switch f.GetType() {
	case dto.MetricType_HISTOGRAM:
		s[name+"_bucket"] = append(s[name+"_bucket"], with("le", "+Inf"))
		s[name+"_sum"] = append(s[name+"_sum"], own)
		s[name+"_count"] = append(s[name+"_count"], own)
	case dto.MetricType_SUMMARY:
		s[name] = append(s[name], with("quantile", "1"))
	}
}

// ofTarget is the labels that the scraper gives.
var ofTarget = []string{"cluster", "namespace", "job", "instance"}

// check reports what a query names and no scrape brings.
func (s series) check(expr string) (result []string, problems []string) {
	node, err := parser.NewParser(parser.Options{}).ParseExpr(asked(expr, "1m", "1h", nil))
	if err != nil {
		return nil, []string{err.Error()}
	}
	parser.Inspect(node, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			problems = append(problems, s.selects(n)...)
		case *parser.AggregateExpr:
			problems = append(problems, missing("by ("+strings.Join(n.Grouping, ", ")+")", n.Grouping, s.labelsOf(n.Expr))...)
		case *parser.BinaryExpr:
			if m := n.VectorMatching; m != nil {
				problems = append(problems, missing("on", m.MatchingLabels, s.labelsOf(n.LHS))...)
				problems = append(problems, missing("on", m.MatchingLabels, s.labelsOf(n.RHS))...)
			}
		}
		return nil
	})
	return s.labelsOf(node), problems
}

func missing(where string, wanted, there []string) (problems []string) {
	for _, l := range wanted {
		if !slices.Contains(there, l) {
			problems = append(problems, where+": no label "+l)
		}
	}
	return problems
}

// selects reports a name that isn't there, or matchers that match nothing of it.
func (s series) selects(v *parser.VectorSelector) []string {
	have, ok := s[v.Name]
	if !ok {
		return []string{"no metric " + v.Name}
	}
	own := slices.DeleteFunc(slices.Clone(v.LabelMatchers), func(m *labels.Matcher) bool {
		return m.Name == model.MetricNameLabel || slices.Contains(ofTarget, m.Name)
	})
	for _, m := range own {
		if !slices.ContainsFunc(have, func(set map[string]string) bool { _, ok := set[m.Name]; return ok }) {
			return []string{v.Name + " has no label " + m.Name}
		}
	}
	for _, set := range have {
		if !slices.ContainsFunc(own, func(m *labels.Matcher) bool { return !m.Matches(set[m.Name]) }) {
			return nil
		}
	}
	return []string{"nothing matches " + v.String()}
}

// labelsOf is the labels that the result of an expression may have.
func (s series) labelsOf(e parser.Expr) []string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return s.labelsOf(e.Expr)
	case *parser.MatrixSelector:
		return s.labelsOf(e.VectorSelector)
	case *parser.VectorSelector:
		all := slices.Clone(ofTarget)
		for _, set := range s[e.Name] {
			all = slices.AppendSeq(all, maps.Keys(set))
		}
		slices.Sort(all)
		return slices.Compact(all)
	case *parser.AggregateExpr:
		return e.Grouping
	case *parser.BinaryExpr:
		if e.LHS.Type() == parser.ValueTypeScalar || e.Op == parser.LOR && e.RHS.Type() == parser.ValueTypeVector && len(s.labelsOf(e.LHS)) == 0 {
			return s.labelsOf(e.RHS)
		}
		return s.labelsOf(e.LHS)
	case *parser.Call:
		var all []string
		for _, a := range e.Args {
			all = append(all, s.labelsOf(a)...)
		}
		if e.Func.Name == "histogram_quantile" {
			all = slices.DeleteFunc(all, func(l string) bool { return l == "le" })
		}
		return all
	}
	return nil
}

var inLegend = regexp.MustCompile(`{{\s*(\w+)\s*}}`)

func TestQueriesNameWhatTheExporterHas(t *testing.T) {
	all := catalogue(t)
	for _, f := range dashboards(t) {
		for _, q := range append(f.questions(), f.marks()...) {
			result, problems := all.check(q.expr)
			for _, m := range inLegend.FindAllStringSubmatch(q.legend, -1) {
				problems = append(problems, missing("legend", m[1:], result)...)
			}
			for _, p := range problems {
				t.Errorf("%s: %s", q.where, p)
			}
		}
		for _, v := range f.Templating.List {
			if v.Type != "query" {
				continue
			}
			selected, label := v.values(t)
			result, problems := all.check(selected)
			for _, p := range append(problems, missing("label_values", []string{label}, result)...) {
				t.Errorf("%s: variable %s: %s", f.name, v.Name, p)
			}
		}
	}
}

// A table joins its columns by all labels that they have.
func TestColumnsOfATableHaveTheSameLabels(t *testing.T) {
	all := catalogue(t)
	for _, f := range dashboards(t) {
		first := map[string][]string{}
		for _, q := range f.questions() {
			if !q.table {
				continue
			}
			got, _ := all.check(q.expr)
			got = slices.Sorted(slices.Values(got))
			want, ok := first[q.panel.Title]
			if !ok {
				first[q.panel.Title] = got
			} else if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: labels (-first column +this):\n%s", q.where, diff)
			}
		}
	}
}

func TestCheckOfNamesCatchesWhatIsWrong(t *testing.T) {
	all := catalogue(t)
	for _, expr := range []string{
		`sidemirror_sync_stati`,
		`sidemirror_sync_status{status="done"}`,
		`sidemirror_sync_status{resource="pods"}`,
		`sum by (resource) (sidemirror_sync_status)`,
		`histogram_quantile(0.9, sum by (le) (rate(sidemirror_sync_duration_seconds[1m])))`,
		`sidemirror_leader and on (pod) sidemirror_build_info`,
		`sum(`,
	} {
		if _, problems := all.check(expr); len(problems) == 0 {
			t.Errorf("%s passes", expr)
		}
	}
}
