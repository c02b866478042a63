package alerts_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const manifestFile = "../deploy/prometheusrule.yaml"

var update = flag.Bool("update", false, "write the manifest instead of comparing it")

const manifestHead = `# Made from alerts/sidemirror.rules.yaml by
#
#   go test ./alerts -run Manifest -update
#
# Give it the labels that the ruleSelector of your Prometheus asks for.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: sidemirror
  labels:
    app.kubernetes.io/name: sidemirror
    app.kubernetes.io/component: alerts
spec:
`

// manifest is the rules as an object of the Prometheus Operator. The text is taken
// as it is: rules read the same in both files.
func manifest(rules string) string {
	_, groups, _ := strings.Cut(rules, "\ngroups:\n")
	var b strings.Builder
	b.WriteString(manifestHead + "  groups:\n")
	for line := range strings.Lines(groups) {
		if line != "\n" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestManifestIsMadeFromTheRules(t *testing.T) {
	text, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	want := manifest(string(text))
	if *update {
		if err := os.WriteFile(manifestFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is out of date; go test ./alerts -run Manifest -update writes it (-want +got):\n%s", manifestFile, diff)
	}
}

// The text above is indented by hand: what a server reads must be the same rules.
func TestManifestHoldsTheRulesOfTheFile(t *testing.T) {
	var file, object map[string]any
	parse(t, rulesFile, &file)
	parse(t, manifestFile, &object)
	if object["apiVersion"] != "monitoring.coreos.com/v1" || object["kind"] != "PrometheusRule" {
		t.Errorf("the manifest is a %v %v, want a PrometheusRule of monitoring.coreos.com/v1", object["apiVersion"], object["kind"])
	}
	if diff := cmp.Diff(map[string]any{"groups": file["groups"]}, object["spec"]); diff != "" {
		t.Errorf("rules of the file and the manifest differ:\n%s", diff)
	}
}
