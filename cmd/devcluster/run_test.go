package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseUser(t *testing.T) {
	for _, tt := range []struct {
		flag string
		want user
		ok   bool
	}{
		{"viewer:abc", user{name: "viewer", token: "abc"}, true},
		{"viewer:abc:", user{name: "viewer", token: "abc"}, true},
		{"root:abc:system:masters,team", user{name: "root", token: "abc", groups: []string{"system:masters", "team"}}, true},
		{"viewer", user{}, false},
		{":abc", user{}, false},
		{"viewer:", user{}, false},
	} {
		got, err := parseUser(tt.flag)
		if (err == nil) != tt.ok {
			t.Errorf("parseUser(%q): got error %v, want success %t", tt.flag, err, tt.ok)
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(user{})); diff != "" {
			t.Errorf("parseUser(%q) (-want +got):\n%s", tt.flag, diff)
		}
	}
}

func TestTokenFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.csv")
	want := []user{
		{name: "system:serviceaccount:default:viewer", token: "a", groups: []string{"x", "y"}},
		{name: `odd,"name"`, token: "b"},
	}
	if err := writeTokenFile(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := readTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(user{})); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
}

func TestBadArgumentsAreNamed(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"run", "--port", "70000"}, "--port 70000"},
		{[]string{"run", "--token", "x"}, "--token"},
		{[]string{"run", "--token-auth-file", "/does/not/exist"}, "--token-auth-file"},
		{[]string{"run", "--watch-cache-sizes", "pods"}, "RESOURCE#SIZE"},
		{[]string{"run", "--apiserver-arg", "v"}, "KEY=VALUE"},
		{[]string{"run", "-v", "11"}, "--log-level 11"},
		{[]string{"rnu"}, `"rnu"`},
		{[]string{"fill", "--kubeconfig", "x"}, "nothing to fill"},
		{[]string{"fill", "--pods", "1"}, "--kubeconfig is missing"},
		{[]string{"churn", "--rate", "-1"}, "--rate -1"},
		{[]string{"compact"}, "data-dir"},
	} {
		err := run(t.Context(), tt.args, os.Stdout, os.Stderr)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want %q in it", tt.args, err, tt.want)
		}
	}
}

// TestOtherClustersAreLeftAlone holds that what writes and deletes objects only
// works with a kubeconfig of devcluster's own.
func TestOtherClustersAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	production := `
apiVersion: v1
kind: Config
clusters: [{name: prod, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: t}}]
contexts: [{name: prod, context: {cluster: prod, user: me}}]
current-context: prod
`
	if err := os.WriteFile(path, []byte(production), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"fill", "--pods", "1"}, {"churn"}, {"compact"}} {
		err := run(t.Context(), append(args, "--kubeconfig", path), os.Stdout, os.Stderr)
		if err == nil || !strings.Contains(err.Error(), "wasn't written by devcluster") {
			t.Errorf("%v: got %v, want a refusal", args, err)
		}
	}
}
