package board_test

import (
	"regexp"
	"strings"
	"testing"
)

// units are the ids of Grafana's units that are used; one with a typo would be
// shown as a suffix.
var units = map[string]bool{
	"none": true, "short": true, "s": true, "percentunit": true,
	"bytes": true, "Bps": true, "cps": true, "ops": true, "reqps": true,
}

// types are those that Grafana 10 and the newest both have.
var types = map[string]bool{"stat": true, "timeseries": true, "state-timeline": true, "heatmap": true, "table": true, "row": true}

func TestDashboardsTellWhatTheyAre(t *testing.T) {
	uids := map[string]string{"overview": "sidemirror-overview", "mirror": "sidemirror-mirror", "history": "sidemirror-history"}
	for _, f := range dashboards(t) {
		if f.UID != uids[f.name] {
			t.Errorf("%s has the uid %q, want %q: links to it would break", f.name, f.UID, uids[f.name])
		}
		if f.Schema != 38 {
			t.Errorf("%s has schemaVersion %d, want 38, which Grafana 10 knows", f.name, f.Schema)
		}
		if f.Title == "" || f.Description == "" || f.Refresh == "" || f.Time.From == "" || len(f.Tags) == 0 {
			t.Errorf("%s lacks a title, description, refresh, time or tags", f.name)
		}
	}
}

func TestPanelsAreReadable(t *testing.T) {
	for _, f := range dashboards(t) {
		ids, titles := map[int]bool{}, map[string]bool{}
		for _, p := range f.Panels {
			where := f.name + "/" + p.Title
			if p.Title == "" || !types[p.Type] || ids[p.ID] || p.ID == 0 {
				t.Errorf("%s has no title, the type %q, or the id %d for the second time", where, p.Type, p.ID)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			if titles[p.Title] {
				t.Errorf("%s is there twice", where)
			}
			titles[p.Title] = true
			if !strings.HasSuffix(p.Description, ".") || len(p.Description) < 20 || len(p.Description) > 260 {
				t.Errorf("%s has the description %q", where, p.Description)
			}
			if !units[p.FieldConfig.Defaults.Unit] {
				t.Errorf("%s has the unit %q", where, p.FieldConfig.Defaults.Unit)
			}
			checkLegend(t, where, p)
			checkColumns(t, where, p)
		}
	}
}

// checkLegend holds legends to what isn't cut off: numbers beside the names take
// the right half of a wide panel, narrow ones have names alone, below.
func checkLegend(t *testing.T, where string, p panel) {
	t.Helper()
	l := p.Options.Legend
	switch p.Type {
	case "timeseries":
		wide := p.GridPos.W >= 12
		if !l.ShowLegend || (l.Placement == "right") != wide || (len(l.Calcs) > 0) != wide || (l.DisplayMode == "table") != wide {
			t.Errorf("%s is %d wide and has the legend %+v", where, p.GridPos.W, l)
		}
	case "state-timeline":
		if !l.ShowLegend || l.Placement != "bottom" || len(l.Calcs) > 0 {
			t.Errorf("%s has the legend %+v", where, l)
		}
		if len(p.FieldConfig.Defaults.Mappings) == 0 {
			t.Errorf("%s shows numbers for states", where)
		}
	}
}

func checkColumns(t *testing.T, where string, p panel) {
	t.Helper()
	if p.Type != "table" {
		return
	}
	declared := map[string]string{}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if property.ID == "unit" {
				declared[o.Matcher.Options] = strings.Trim(string(property.Value), `"`)
			}
		}
	}
	for _, q := range p.Targets {
		if !q.Instant || q.Format != "table" || !units[declared[q.LegendFormat]] {
			t.Errorf("%s: column %q is instant %v, format %q, unit %q", where, q.LegendFormat, q.Instant, q.Format, declared[q.LegendFormat])
		}
	}
	if len(p.Transformations) != 2 || p.Transformations[0].ID != "merge" || p.Transformations[1].ID != "organize" {
		t.Errorf("%s doesn't join its columns: %v", where, p.Transformations)
	}
}

func TestPanelsNeitherOverlapNorLeaveTheGrid(t *testing.T) {
	const columns = 24
	for _, f := range dashboards(t) {
		taken := map[[2]int]string{}
		for _, p := range f.Panels {
			g := p.GridPos
			if g.X < 0 || g.X+g.W > columns || g.W <= 0 || g.H <= 0 {
				t.Errorf("%s/%s is at %+v", f.name, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %s lies over %s", f.name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
		for _, p := range f.Panels {
			last := p.GridPos.Y + p.GridPos.H - 1
			for x := range columns {
				if p.Type != "row" && taken[[2]int{x, last}] == "" {
					t.Fatalf("%s: there is a hole beside %s, in column %d", f.name, p.Title, x)
				}
			}
		}
	}
}

var (
	rangeOf    = regexp.MustCompile(`\b(rate|irate|increase|delta|changes|max_over_time)\([^\[]*\[([^\]]*)\]`)
	anyRange   = regexp.MustCompile(`\[[^\]]*\]`)
	fixedMatch = regexp.MustCompile(`\b(job|instance|namespace|cluster)(=|=~|!=|!~)"([^"]*)"`)
)

func TestQueriesFollowTheDashboard(t *testing.T) {
	for _, f := range dashboards(t) {
		for _, q := range append(f.questions(), f.marks()...) {
			ranges := rangeOf.FindAllStringSubmatch(q.expr, -1)
			if len(ranges) != len(anyRange.FindAllString(q.expr, -1)) {
				t.Errorf("%s has a range that isn't a known function's: %s", q.where, q.expr)
			}
			for _, m := range ranges {
				whole := m[2] == "$__range" && m[1] != "rate" && q.instant
				if m[2] != "$__rate_interval" && !whole {
					t.Errorf("%s: %s over %s, want $__rate_interval", q.where, m[1], m[2])
				}
			}
			for _, m := range fixedMatch.FindAllStringSubmatch(q.expr, -1) {
				if m[2] != "=~" || m[3] != "$"+m[1] {
					t.Errorf("%s narrows down to %s, want what is picked", q.where, m[0])
				}
			}
			if q.legend == "" && !strings.Contains(q.where, "/annotation ") {
				t.Errorf("%s has no legend", q.where)
			}
		}
		for _, p := range f.Panels {
			for _, q := range p.Targets {
				if p.Datasource != q.Datasource || q.Datasource != (datasource{"prometheus", "${datasource}"}) {
					t.Errorf("%s/%s asks %+v", f.name, p.Title, q.Datasource)
				}
			}
		}
		for _, a := range f.Annotations.List {
			if a.Datasource != (datasource{"prometheus", "${datasource}"}) {
				t.Errorf("%s: annotation %s asks %+v", f.name, a.Name, a.Datasource)
			}
		}
	}
}

func TestLinksKeepTimeAndVariables(t *testing.T) {
	all := dashboards(t)
	known := map[string]bool{}
	for _, f := range all {
		known["/d/"+f.UID] = true
	}
	for _, f := range all {
		to := map[string]bool{}
		for _, l := range f.Links {
			path, query, _ := strings.Cut(l.URL, "?")
			if !strings.HasPrefix(path, "/") {
				continue // a runbook
			}
			if !known[path] {
				t.Errorf("%s links to %s, which isn't a dashboard", f.name, path)
			}
			if !l.KeepTime || !l.IncludeVars && !strings.Contains(query, "${job:queryparam}") {
				t.Errorf("%s: link to %s loses the time or what is picked", f.name, path)
			}
			to[path] = true
		}
		for _, other := range all {
			if other.UID != f.UID && !to["/d/"+other.UID] {
				t.Errorf("%s doesn't link to %s", f.name, other.name)
			}
		}
		for _, p := range f.Panels {
			for _, q := range p.Targets {
				if q.Exemplar && len(p.Links) == 0 && p.Type == "heatmap" {
					t.Errorf("%s/%s has exemplars and no link to traces", f.name, p.Title)
				}
			}
		}
	}
}
