package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sidemirror runs one command line in an environment without a kubeconfig.
func sidemirror(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	if os.Getenv("KUBECONFIG") == "" {
		t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	}
	t.Setenv("HOME", t.TempDir())
	var out, diag bytes.Buffer
	err = run(context.Background(), args, &out, &diag)
	return out.String(), diag.String(), err
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	const file = `
page-size: 10
resources: [pods, "-secrets"]
selector: {pods: "app in (a,b)"}
log-level: debug
parallel: 2
`
	tests := []struct {
		name string
		env  map[string]string
		args []string
		file string
		want []string
	}{
		{name: "default", want: []string{
			`page-size: 500 # default`, `log-level: info # default`, `resources: [] # default`,
			`store: "sqlite:sidemirror.db" # default`,
		}},
		{name: "file", file: file, want: []string{
			`page-size: 10 # file`, `log-level: debug # file`, `resources: ["pods", "-secrets"] # file`,
			`selector: ["pods=app in (a,b)"] # file`, `parallel: 2 # file`,
		}},
		{
			name: "environment over file", file: file,
			env: map[string]string{
				"SIDEMIRROR_PAGE_SIZE": "20", "SIDEMIRROR_RESOURCES": "nodes, services",
				"SIDEMIRROR_SELECTOR": "pods=a in (x,y); nodes=b=c", "SIDEMIRROR_LOG_LEVEL": "warn",
			},
			want: []string{
				`page-size: 20 # environment`, `log-level: warn # environment`, `parallel: 2 # file`,
				`resources: ["nodes", "services"] # environment`,
				`selector: ["pods=a in (x,y)", "nodes=b=c"] # environment`,
			},
		},
		{
			name: "flag over both", file: file,
			env:  map[string]string{"SIDEMIRROR_PAGE_SIZE": "20", "SIDEMIRROR_LOG_LEVEL": "nonsense"},
			args: []string{"--page-size=30", "--resources=a,b", "--resources=c", "--log-level=error"},
			want: []string{
				`page-size: 30 # flag`, `log-level: error # flag`, `resources: ["a", "b", "c"] # flag`,
			},
		},
		{
			name: "an empty variable is none", env: map[string]string{"SIDEMIRROR_PAGE_SIZE": ""},
			want: []string{`page-size: 500 # default`},
		},
		{
			name: "credentials are hidden", env: map[string]string{"SIDEMIRROR_STORE": "mongodb://me:se/cr@et@db/x"},
			want: []string{`store: "mongodb://***@db/x" # environment`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			args := append([]string{"--print-config"}, tt.args...)
			if tt.file != "" {
				t.Setenv("SIDEMIRROR_CONFIG", writeFile(t, "c.yaml", tt.file))
			}
			stdout, _, err := sidemirror(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(stdout, "\n")
			for _, want := range tt.want {
				if !contains(got, want) {
					t.Errorf("got\n%s\nwant a line %s", stdout, want)
				}
			}
		})
	}
}

func contains(lines []string, line string) bool {
	for _, l := range lines {
		if l == line {
			return true
		}
	}
	return false
}

// What --print-config prints is a file that gives the same settings.
func TestPrintedConfigReadsBack(t *testing.T) {
	first, _, err := sidemirror(t, "run", "--print-config", "--selector", "pods=a in (x,y)", "--resources", "pods,-secrets", "--parallel", "7")
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := sidemirror(t, "run", "--print-config", "--config", writeFile(t, "c.yaml", first))
	if err != nil {
		t.Fatal(err)
	}
	values := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			value, _, _ := strings.Cut(line, " # ")
			lines = append(lines, value)
		}
		return lines
	}
	if diff := cmp.Diff(values(first), values(second)); diff != "" {
		t.Errorf("printed and read back (-first +second):\n%s", diff)
	}
}

func TestConfigFileErrors(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "stoer: x", `c.yaml: unknown key "stoer" (keys are the flags of sidemirror run, without the dashes)`},
		{"a key of the command line", "print-config: true", `c.yaml: unknown key "print-config" (keys are the flags of sidemirror run, without the dashes)`},
		{"string for a number", `page-size: "10"`, `c.yaml: page-size: want a whole number, got a string`},
		{"fraction", `page-size: 1.5`, `c.yaml: page-size: want a whole number, got "1.5"`},
		{"number for a string", `cluster: 5`, `c.yaml: cluster: want a string, got a number`},
		{"boolean for a string", `cluster: on`, `c.yaml: cluster: want a string, got a boolean`},
		{"nothing", `store:`, `c.yaml: store: want a string, got nothing`},
		{"string for a list", `resources: pods`, `c.yaml: resources: want a list of strings, got a string`},
		{"mapping for a list", `resources: {a: b}`, `c.yaml: resources: want a list of strings, got a mapping`},
		{"numbers in a list", `namespaces: [1]`, `c.yaml: namespaces: want a list of strings, got a list`},
		{"wrong word", `log-level: loud`, `c.yaml: log-level: want trace, debug, info, warn, error or off, got "loud"`},
		{"list at the top", `[1]`, `c.yaml: want a mapping of settings at the top, got a list`},
		{"a key twice", "cluster: a\ncluster: b", `c.yaml: yaml: unmarshal errors:`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeFile(t, "c.yaml", tt.file)
			_, _, err := sidemirror(t, "run", "--config", path)
			if err == nil {
				t.Fatal("got no error")
			}
			got := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
			if !strings.HasPrefix(got, tt.want) || exitCode(err) != exitError {
				t.Errorf("got %q with code %d, want %q with 1", got, exitCode(err), tt.want)
			}
		})
	}
}

// A file for run serves verify too, which has fewer flags.
func TestVerifyTakesTheFileOfRun(t *testing.T) {
	path := writeFile(t, "c.yaml", "listen: 127.0.0.1:1\npage-size: 0")
	_, _, err := sidemirror(t, "verify", "--config", path)
	if want := "--page-size: want 1 or more, got 0"; err == nil || err.Error() != want || exitCode(err) != exitUncompared {
		t.Errorf("got %v with code %d, want %q with 2", err, exitCode(err), want)
	}
}

func TestUnknownVariables(t *testing.T) {
	got := unknownVariables(newRootCommand(), []string{
		"SIDEMIRROR_STORE=x", "SIDEMIRROR_STOER=x", "SIDEMIRROR_SERVER=x", "SIDEMIRROR_LOOKS=2", "OTHER=1", "SIDEMIRROR_HELP=1",
		// What Kubernetes adds for Services named sidemirror and sidemirror-metrics.
		"SIDEMIRROR_SERVICE_HOST=10.0.0.1", "SIDEMIRROR_SERVICE_PORT=80", "SIDEMIRROR_SERVICE_PORT_HTTP=80",
		"SIDEMIRROR_PORT=tcp://10.0.0.1:80", "SIDEMIRROR_PORT_80_TCP=x", "SIDEMIRROR_PORT_80_TCP_ADDR=x",
		"SIDEMIRROR_METRICS_SERVICE_HOST=10.0.0.1", "SIDEMIRROR_METRICS_PORT_80_TCP_PROTO=tcp",
	})
	if diff := cmp.Diff([]string{"SIDEMIRROR_HELP", "SIDEMIRROR_STOER"}, got); diff != "" {
		t.Errorf("unknown variables (-want +got):\n%s", diff)
	}
}
