package alerts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	rulesFile  = "sidemirror.rules.yaml"
	runbooks   = "../docs/runbooks"
	runbookURL = "https://github.com/sidemirror/sidemirror/blob/main/docs/runbooks/"

	// The binaries to use; without one, what it would check isn't.
	promtoolEnv = "SIDEMIRROR_PROMTOOL"
	pintEnv     = "SIDEMIRROR_PINT"
)

// rule is one of the file's rules, of either kind.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func (r rule) name() string { return r.Record + r.Alert }

// rules reads every rule of the file.
func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	parse(t, rulesFile, &file)
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no rules", rulesFile)
	}
	return all
}

func alertNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range rules(t) {
		if r.Alert != "" {
			names = append(names, r.Alert)
		}
	}
	return names
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}
}

// tool runs the binary that a variable names.
func tool(t *testing.T, env string, args ...string) {
	t.Helper()
	path := os.Getenv(env)
	if path == "" {
		t.Skipf("%s names no binary", env)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
}

func TestRulesAreValid(t *testing.T) {
	tool(t, promtoolEnv, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

// Pint knows mistakes that are valid PromQL, such as labels that an aggregation has
// removed before a text asks for them.
func TestRulesHaveNoKnownMistakes(t *testing.T) {
	tool(t, pintEnv, "--offline", "--no-color", "lint", "--min-severity", "info", "--fail-on", "info", rulesFile)
}

func unitTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("tests/*.test.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("tests of the rules: %v, %v", files, err)
	}
	return files
}

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	tool(t, promtoolEnv, append([]string{"test", "rules"}, unitTests(t)...)...)
}

// unitTest is what this package reads of promtool's test files.
type unitTest struct {
	Tests []struct {
		AlertRuleTest []struct {
			Alertname string
			ExpAlerts []any `json:"exp_alerts"`
		} `json:"alert_rule_test"`
	}
}

func TestEachAlertIsTestedBothFiringAndQuiet(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, path := range unitTests(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file unitTest
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatalf("parse %s: %v", path, err)
		}
		for _, test := range file.Tests {
			for _, one := range test.AlertRuleTest {
				if len(one.ExpAlerts) > 0 {
					fires[one.Alertname] = true
				} else {
					quiet[one.Alertname] = true
				}
			}
		}
	}
	for _, name := range alertNames(t) {
		if !fires[name] || !quiet[name] {
			t.Errorf("%s: tested firing %v, quiet %v, want both", name, fires[name], quiet[name])
		}
	}
}

func TestEachAlertSaysWhatIsWrongHowBadAndWhatToDo(t *testing.T) {
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q, want critical or warning", r.Alert, s)
		}
		if got, want := r.Annotations["runbook_url"], runbookURL+r.Alert+".md"; got != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, got, want)
		}
		for _, name := range []string{"summary", "description"} {
			if !strings.Contains(r.Annotations[name], "{{ $") {
				t.Errorf("%s: the %s doesn't say of what it speaks: %q", r.Alert, name, r.Annotations[name])
			}
		}
	}
}

// runbookTexts returns the pages by path.
func runbookTexts(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(runbooks, "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("runbooks: %v, %v", files, err)
	}
	texts := map[string]string{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(text)
	}
	return texts
}

func TestEachAlertHasItsRunbookAndEachRunbookItsAlert(t *testing.T) {
	texts, alerts := runbookTexts(t), alertNames(t)
	for path, text := range texts {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if !slices.Contains(alerts, name) {
			t.Errorf("%s is of no alert", path)
		}
		at := -1
		for _, heading := range []string{"# " + name + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"} {
			next := strings.Index(text, heading)
			if next <= at {
				t.Errorf("%s: no %q, or not in its place", path, strings.TrimSpace(heading))
			}
			at = next
		}
	}
	for _, name := range alerts {
		if _, ok := texts[filepath.Join(runbooks, name+".md")]; !ok {
			t.Errorf("%s has no page in %s", name, runbooks)
		}
	}
}
