package exporter_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
)

// update writes docs/metrics.md anew: go test ./exporter -run Docs -update
var update = flag.Bool("update", false, "write docs/metrics.md from the catalogue")

const (
	docsFile  = "../docs/metrics.md"
	docsBegin = "<!-- The catalogue: written by go test ./exporter -run Docs -update -->\n"
	docsEnd   = "<!-- end of the catalogue -->\n"
)

// openLabels have values that aren't a closed set of words; the text tells of them.
var openLabels = []string{"resource", "route", "method", "code", "version", "revision", "goversion"}

func TestDocsAreTheCatalogue(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), docsBegin)
	have, after, ended := strings.Cut(rest, docsEnd)
	if !begun || !ended {
		t.Fatalf("%s has no place for the catalogue", docsFile)
	}
	want := catalogueText(t)
	if *update {
		if err := os.WriteFile(docsFile, []byte(before+docsBegin+want+docsEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("%s isn't what is declared; write it anew with -update (-catalogue +file):\n%s", docsFile, diff)
	}
}

// catalogueText is the table, with the values that each label has in a registry
// where everything has happened once.
func catalogueText(t *testing.T) string {
	values := labelValues(t)
	var b strings.Builder
	b.WriteString("\n| metric | type | labels | what it tells |\n|---|---|---|---|\n")
	for _, m := range exporter.Catalogue() {
		var labels []string
		for _, l := range m.Labels {
			label := "`" + l + "`"
			if !slices.Contains(openLabels, l) {
				label += " (" + strings.Join(values[m.Name][l], ", ") + ")"
			}
			labels = append(labels, label)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(labels, ", "), m.Help)
	}
	b.WriteString("\n")
	return b.String()
}

// labelValues are the values by metric and label, in their order.
func labelValues(t *testing.T) map[string]map[string][]string {
	reg, d := registry(t, cells(1))
	work(d, t.Context(), syncer.Resource{Group: "example.com", Name: "r0"}, nil)
	clients, _ := exporter.NewStreamClients([]string{"sse", "websocket"})
	requests := exporter.NewRequests()
	reg.MustRegister(clients, requests, exporter.NewTimedStore(nil), exporter.NewExportErrors(func() uint64 { return 0 }))
	h := requests.Handler(http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]map[string]map[string]bool{}
	for _, f := range families {
		seen[f.GetName()] = map[string]map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if seen[f.GetName()][l.GetName()] == nil {
					seen[f.GetName()][l.GetName()] = map[string]bool{}
				}
				seen[f.GetName()][l.GetName()][l.GetValue()] = true
			}
		}
	}
	out := map[string]map[string][]string{}
	for name, labels := range seen {
		out[name] = map[string][]string{}
		for label, values := range labels {
			out[name][label] = slices.Sorted(maps.Keys(values))
		}
	}
	return out
}

// What is declared is registered, and what is registered is declared: with the same
// type, help and labels.
func TestCatalogueIsWhatThereIs(t *testing.T) {
	values := labelValues(t)
	for _, m := range exporter.Catalogue() {
		got, there := values[m.Name]
		if !there {
			t.Errorf("%s is declared, and nothing has it", m.Name)
			continue
		}
		want := slices.Sorted(slices.Values(m.Labels))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got)), cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("labels of %s (-declared +there):\n%s", m.Name, diff)
		}
		delete(values, m.Name)
	}
	for name := range values {
		t.Errorf("%s is there, and nowhere declared", name)
	}
}
