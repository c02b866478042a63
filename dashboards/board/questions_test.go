package board_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// file is what the tests read of a dashboard as Grafana would, from its JSON.
type file struct {
	name        string
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Refresh     string   `json:"refresh"`
	Schema      int      `json:"schemaVersion"`
	Time        struct{ From, To string }
	Panels      []panel `json:"panels"`
	Links       []link  `json:"links"`
	Templating  struct{ List []variable }
	Annotations struct{ List []annotation }
}

type panel struct {
	ID              int
	Type            string
	Title           string
	Description     string
	Interval        string
	Datasource      datasource
	GridPos         struct{ X, Y, W, H int }
	Targets         []target
	Links           []link
	Options         struct{ Legend legend }
	Transformations []struct{ ID string }
	FieldConfig     struct {
		Defaults struct {
			Unit     string
			Mappings []mapping
		}
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	} `json:"fieldConfig"`
}

type target struct {
	RefID        string `json:"refId"`
	Expr         string
	LegendFormat string
	Format       string
	Instant      bool
	Exemplar     bool
	Datasource   datasource
}

type (
	datasource struct{ Type, UID string }
	link       struct {
		Title, URL, Tooltip   string
		IncludeVars, KeepTime bool
	}
	legend struct {
		ShowLegend             bool
		DisplayMode, Placement string
		Calcs                  []string
	}
	mapping struct {
		Options map[string]struct{ Text, Color string }
	}
	variable struct {
		Name, Type, Label, AllValue string
		Multi, IncludeAll           bool
		Refresh                     int
		Query                       json.RawMessage
		Datasource                  datasource
	}
	annotation struct {
		Name, Expr string
		Datasource datasource
	}
)

const root = "../.."

// dashboards reads the files that are shipped.
func dashboards(t *testing.T) []file {
	t.Helper()
	var all []file
	for _, name := range []string{"overview", "mirror", "history"} {
		text, err := os.ReadFile(filepath.Join(root, "dashboards", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		f := file{name: name}
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

// question is a query and where it is asked.
type question struct {
	where    string // "overview/Progress/A"
	panel    panel
	expr     string
	legend   string
	table    bool
	instant  bool
	exemplar bool
}

func (f file) questions() []question {
	var all []question
	for _, p := range f.Panels {
		for _, q := range p.Targets {
			all = append(all, question{
				where: f.name + "/" + p.Title + "/" + q.RefID, panel: p, expr: q.Expr, legend: q.LegendFormat,
				table: q.Format == "table", instant: q.Instant, exemplar: q.Exemplar,
			})
		}
	}
	return all
}

func (f file) marks() []question {
	var all []question
	for _, a := range f.Annotations.List {
		all = append(all, question{where: f.name + "/annotation " + a.Name, expr: a.Expr})
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

// values is the query of a variable: the label whose values it has, and of which series.
func (v variable) values(t *testing.T) (series, label string) {
	t.Helper()
	var q struct{ Query string }
	if err := json.Unmarshal(v.Query, &q); err != nil {
		t.Fatalf("variable %s: %v", v.Name, err)
	}
	m := labelValues.FindStringSubmatch(q.Query)
	if m == nil {
		t.Fatalf("variable %s asks for %q, which isn't label_values(series, label)", v.Name, q.Query)
	}
	return m[1], m[2]
}

// asked is a query as Grafana would send it, with everything picked but what
// picked says.
func asked(expr, rateInterval, span string, picked map[string]string) string {
	for _, name := range []string{"cluster", "job", "namespace", "instance", "resource"} {
		value, ok := picked[name]
		if !ok {
			value = ".*"
		}
		expr = strings.ReplaceAll(expr, `"$`+name+`"`, `"`+value+`"`)
	}
	return strings.NewReplacer("$__rate_interval", rateInterval, "$__range", span).Replace(expr)
}

func TestQueriesHaveNoVariableThatTheDashboardLacks(t *testing.T) {
	for _, f := range dashboards(t) {
		known := map[string]bool{}
		for _, v := range f.Templating.List {
			known[v.Name] = true
		}
		for _, q := range append(f.questions(), f.marks()...) {
			for _, m := range regexp.MustCompile(`"\$(\w+)"`).FindAllStringSubmatch(q.expr, -1) {
				if !known[m[1]] {
					t.Errorf("%s asks for $%s, which the dashboard doesn't have", q.where, m[1])
				}
			}
			if rest := asked(q.expr, "1m", "1h", nil); strings.Contains(rest, "$") {
				t.Errorf("%s has a variable that isn't substituted: %s", q.where, rest)
			}
		}
	}
}

func TestVariables(t *testing.T) {
	want := map[string][]string{
		"overview": {"datasource", "tracing", "cluster", "job", "namespace", "instance"},
		"mirror":   {"datasource", "tracing", "cluster", "job", "namespace", "instance", "resource"},
		"history":  {"datasource", "tracing", "cluster", "job", "namespace", "instance", "resource"},
	}
	for _, f := range dashboards(t) {
		var got []string
		for _, v := range f.Templating.List {
			got = append(got, v.Name)
			if v.Label == "" {
				t.Errorf("%s: variable %s has no label", f.name, v.Name)
			}
			if v.Type != "query" {
				continue
			}
			if v.Datasource.UID != "${datasource}" || v.Refresh != 2 {
				t.Errorf("%s: variable %s asks %q, refresh %d", f.name, v.Name, v.Datasource.UID, v.Refresh)
			}
			one := f.name == "mirror" && v.Name == "instance"
			if v.Multi == one || v.IncludeAll == one || (v.AllValue == ".*") == one {
				t.Errorf("%s: variable %s takes several %v, all %v as %q", f.name, v.Name, v.Multi, v.IncludeAll, v.AllValue)
			}
		}
		if diff := cmp.Diff(want[f.name], got); diff != "" {
			t.Errorf("%s: variables (-want +got):\n%s", f.name, diff)
		}
	}
}
