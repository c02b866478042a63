package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestCompletions(t *testing.T) {
	kube := writeFile(t, "k", kubeconfig)
	tests := []struct {
		words string
		want  []string
	}{
		{"s", []string{
			"start\tCompare the mirror of a running Sidemirror with the cluster anew",
			"status\tPrint how far the mirror of a running Sidemirror is", ":4",
		}},
		{"run --log-level ", []string{"trace", "debug", "info", "warn", "error", "off", ":4"}},
		{"run --log-format ", []string{"text", "json", ":4"}},
		{"--mongo-keys ", []string{"plain", "escaped", ":4"}},
		{"verify --secrets ", []string{"redacted", "plain", ":4"}},
		{"run --store ", []string{"sqlite:", "mongodb://", "mongodb+srv://", ":6"}},
		{"run --config ", []string{"yaml", "yml", ":8"}},
		{"run --page-size ", []string{":4"}},
		{"run --kubeconfig " + kube + " --context ", []string{"dev", "prod", ":4"}},
		{"status --output ", []string{"text", "json", "yaml", ":4"}},
		{"wait --for ", []string{"completed", "terminal", "live", "paused", ":4"}},
		{"pause --output ", []string{"text", "json", ":4"}},
		{"cancel --reason ", []string{":4"}},
		{"history -o ", []string{"text", "json", "yaml", ":4"}},
		{"history --limit ", []string{":4"}},
		{"wait --server ", []string{":4"}},
		{"version -o ", []string{"text", "json", ":4"}},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			stdout, _, err := sidemirror(t, append([]string{"__complete"}, strings.Split(tt.words, " ")...)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Split(strings.TrimSpace(stdout), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		stdout, _, err := sidemirror(t, "completion", shell)
		if err != nil || !strings.Contains(stdout, "sidemirror") {
			t.Errorf("%s: got %v and %d bytes", shell, err, len(stdout))
		}
	}
}

// Every command says in its help which exit codes it has.
func TestHelp(t *testing.T) {
	for command, want := range map[string]string{
		"": "Exit codes: 0 done", "run": "Exit codes: 0 stopped", "status": "Exit codes: 0 the status",
		"wait": "124 not reached in time", "verify": "Exit codes: 0 no difference", "get": "Exit codes: 0 printed",
		"history": "Exit codes: 0 the history", "namespaces": "Exit codes: 0 the progress", "start": "124 with --wait, not in time",
		"pause": "Exit codes: 0 accepted", "resume": "1 refused, no answer", "cancel": "2 usage", "retry": "Exit codes: 0 accepted",
	} {
		stdout, _, err := sidemirror(t, strings.Fields(command+" --help")...)
		if err != nil || !strings.Contains(stdout, want) {
			t.Errorf("%s --help: got %v and\n%s\nwant %q in it", command, err, stdout, want)
		}
	}
}

func TestVersion(t *testing.T) {
	stdout, _, err := sidemirror(t, "version")
	if err != nil || !strings.HasPrefix(stdout, "sidemirror ") {
		t.Errorf("got %v and %q", err, stdout)
	}
	stdout, _, err = sidemirror(t, "version", "--output", "json")
	var got buildVersion
	if jsonErr := json.Unmarshal([]byte(stdout), &got); err != nil || jsonErr != nil || got != version() {
		t.Errorf("got %v, %v and %+v, want %+v", err, jsonErr, got, version())
	}
}

func TestVerifyReport(t *testing.T) {
	report := syncer.VerifyReport{Resources: []syncer.VerifyResource{
		{Name: "pods", Compared: 12_000, Missing: 1, Extra: 1, Different: 102},
		{Name: "nodes", Compared: 3},
		{Name: "secrets", Err: errors.New("list secrets:\nforbidden")},
	}}
	differences := []syncer.Difference{
		{Cell: "pods", Key: "shop/web-2", Kind: syncer.Extra, StoredRV: 9},
		{Cell: "pods", Key: "shop/web-1", Kind: syncer.Missing, ClusterRV: 10},
		{Cell: "pods", Key: "shop/web-3", Kind: syncer.Different, ClusterRV: 10, StoredRV: 8},
		{Cell: "pods", Key: "shop/web-4", Kind: syncer.Different, ClusterRV: 8, StoredRV: 8},
	}
	var out bytes.Buffer
	if err := printReport(&out, report, differences); err != nil {
		t.Fatal(err)
	}
	golden(t, "verify.txt", out.String())
}

func TestVerdict(t *testing.T) {
	same := syncer.VerifyResource{Name: "nodes", Compared: 1}
	differs := syncer.VerifyResource{Name: "pods", Missing: 1}
	broken := syncer.VerifyResource{Name: "jobs", Err: errors.New("x")}
	tests := []struct {
		name      string
		resources []syncer.VerifyResource
		code      int
	}{
		{"nothing", nil, 0},
		{"same", []syncer.VerifyResource{same}, 0},
		{"differs", []syncer.VerifyResource{same, differs}, 1},
		{"not compared", []syncer.VerifyResource{same, broken}, 2},
		{"not compared counts more", []syncer.VerifyResource{broken, differs}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := verdict(syncer.VerifyReport{Resources: tt.resources})
			if got := exitCode(err); got != tt.code {
				t.Errorf("got %v with code %d, want %d", err, got, tt.code)
			}
		})
	}
}
