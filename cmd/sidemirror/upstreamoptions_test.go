package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUpstreamFlags(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"--hold-until-synced", "--hold-until-synced: there is nothing to hold without --upstream"},
		{"--upstream 127.0.0.1:3000", "--upstream: want http://HOST:PORT, https://HOST:PORT or unix:///PATH of the application"},
		{"--upstream http://me:hunter2@app", "--upstream: credentials don't belong into the application's URL: clients send their own"},
		{"--upstream http://app --upstream-prefix mirror", `--upstream: the prefix "mirror" isn't like /.sidemirror: a path without a / at its end`},
		{"--upstream http://app --upstream-reserved /metrics,/", `--upstream: the reserved path "/" isn't like /metrics or /api/v1/sync/`},
		{"--upstream http://app --upstream-timeout -1s", "--upstream: the time-out of the application's headers is negative"},
		{"--upstream http://127.0.0.1:8080", "--upstream: that is Sidemirror's own address, --listen; want the application's"},
		{"--upstream http://localhost:8080/x", "--upstream: that is Sidemirror's own address, --listen; want the application's"},
		{"--upstream http://[::1]:80 --listen :80", "--upstream: that is Sidemirror's own address, --listen; want the application's"},
		{"--upstream http://localhost --listen 0.0.0.0:80", "--upstream: that is Sidemirror's own address, --listen; want the application's"},
		// What is right gets as far as the kubeconfig that isn't there.
		{"--upstream http://127.0.0.2:8080", "kubeconfig"},
		{"--upstream http://127.0.0.1:8080 --listen 192.0.2.1:8080", "kubeconfig"},
		{"--upstream http://app:8080 --listen :8080", "kubeconfig"},
		{"--upstream unix:///run/app.sock --listen :80 --hold-until-synced", "kubeconfig"},
		{"--upstream https://app --upstream-reserved= --upstream-timeout 0 --upstream-trust-forwarded", "kubeconfig"},
	} {
		_, stderr, err := sidemirror(t, append([]string{"run", "--" + openFlag}, strings.Fields(tt.args)...)...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error()+stderr, "hunter2") {
			t.Errorf("%s: got %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestUpstreamFlagsFromEnvironmentAndFile(t *testing.T) {
	t.Setenv("SIDEMIRROR_UPSTREAM", "http://me:hunter2@app")
	t.Setenv("SIDEMIRROR_UPSTREAM_RESERVED", "/a, /b/")
	t.Setenv("SIDEMIRROR_CONFIG", writeFile(t, "c.yaml", "upstream-timeout: 5s\nhold-until-synced: true\n"))
	stdout, _, err := sidemirror(t, "--print-config", "--upstream-prefix", "/x")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(stdout, "\n")
	for _, want := range []string{
		`upstream: "http://***@app" # environment`, `upstream-reserved: ["/a", "/b/"] # environment`,
		`upstream-timeout: 5s # file`, `hold-until-synced: true # file`, `upstream-prefix: "/x" # flag`,
		`upstream-trust-forwarded: false # default`,
	} {
		if !contains(got, want) {
			t.Errorf("got\n%s\nwant a line %s", stdout, want)
		}
	}
}

func TestUpstreamCompletion(t *testing.T) {
	stdout, _, err := sidemirror(t, "__complete", "run", "--upstream", "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"http://127.0.0.1:", "https://", "unix:///", ":6"}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(stdout), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
