package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/syncer"
)

// serveNamespaces starts a server that has them on two pages, and a status.
func serveNamespaces(t *testing.T) string {
	part := func(name string, status syncer.ResourceOutcome, objects int64) syncer.NamespaceResource {
		return syncer.NamespaceResource{Name: name, Status: status, Objects: objects}
	}
	all := []syncer.NamespaceProgress{
		{Namespace: "default", Status: syncer.ResourceCompleted, Objects: 3, Resources: []syncer.NamespaceResource{part("pods", syncer.ResourceCompleted, 3)}},
		{Namespace: "shop", Status: syncer.ResourceForbidden, Objects: 12_001, Resources: []syncer.NamespaceResource{
			part("pods", syncer.ResourceCompleted, 12_000), part("configmaps", syncer.ResourceInProgress, 1), part("secrets", syncer.ResourceForbidden, 0),
		}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page := map[string]any{"revision": 7, "namespaces": all[1:]}
		switch {
		case r.URL.Path == statusPath:
			_ = json.NewEncoder(w).Encode(inProgress())
			return
		case r.URL.Query().Get("continue") == "":
			page = map[string]any{"revision": 6, "namespaces": all[:1], "continue": "default"}
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestNamespaces(t *testing.T) {
	url := serveNamespaces(t)
	tests := []struct{ name, args, want string }{
		{"all", "", `NAMESPACE  STATUS     OBJECTS  RESOURCES  NOT COMPLETED
default    completed        3        1/1
shop       forbidden   12,001        1/3  configmaps, secrets
`},
		{"one", "shop", `RESOURCE    STATUS       OBJECTS
pods        completed     12,000
configmaps  in_progress        1
secrets     forbidden          0
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stdout, _, err := sidemirror(t, append([]string{"namespaces", "--server", url}, strings.Fields(tt.args)...)...)
			if diff := cmp.Diff(tt.want, stdout); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	for _, output := range []string{"json", "yaml"} {
		stdout, _, err := sidemirror(t, "namespaces", "--server", url, "-o", output)
		var got namespacesDocument
		if yamlErr := yaml.Unmarshal([]byte(stdout), &got); err != nil || yamlErr != nil || got.Revision != 7 || len(got.Namespaces) != 2 {
			t.Errorf("%s: got %v, %v and %+v, want both pages in one", output, err, yamlErr, got)
		}
	}
	_, _, err := sidemirror(t, "namespaces", "--server", url, "x")
	if want := `nothing of the namespace "x" was listed since the last run began`; fmt.Sprint(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	stdout, _, err := sidemirror(t, "namespaces", "--server", answer(t, 200, "application/json", `{"revision":1,"namespaces":[]}`))
	if err != nil || !strings.HasPrefix(stdout, "No namespace was listed") {
		t.Errorf("got %v and %q of none", err, stdout)
	}
}

// The shell asks the server for names, and offers none when there is no answer.
func TestNamesAreCompletedFromTheServer(t *testing.T) {
	url := serveNamespaces(t)
	t.Setenv("SIDEMIRROR_SERVER", url)
	names := []string{"pods", "configmaps", "nodes", "secrets", "certificaterequests.cert-manager.io", "deployments.apps", "events"}
	tests := []struct {
		words string
		want  []string
	}{
		{"start --resources ", names},
		{"start --resources pods,n", []string{"pods,nodes"}},
		{"retry --resources ", nil},
		{"start --namespaces ", []string{"default", "shop"}},
		{"start --namespaces default,", []string{"default,shop"}},
		{"namespaces ", []string{"default", "shop"}},
		{"namespaces shop ", nil},
		{"namespaces --server http://127.0.0.1:1 ", nil},
	}
	for _, tt := range tests {
		t.Run(tt.words, func(t *testing.T) {
			stdout, _, err := sidemirror(t, append([]string{"__complete"}, strings.Split(tt.words, " ")...)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append(tt.want, ":4"), strings.Split(strings.TrimSpace(stdout), "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
