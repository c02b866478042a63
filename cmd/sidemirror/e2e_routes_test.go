package main_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/api/openapitest"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

// targets are requests for the paths that need more than themselves to be asked
// for something that is there, and for something that isn't.
var targets = map[string][]string{
	"/api/v1/sync/status":                              {"", "?wait=completed&timeout=5s", "?wait=change&since=0", "?fields=status,eta", "?fields=nothing", "?wait=always"},
	"/api/v1/sync/events":                              {"?until=terminal", "?until=never"},
	"/api/v1/sync/history":                             {"", "?limit=1", "?limit=0"},
	"/api/v1/sync/namespaces":                          {"", "?limit=1", "?continue=kube-system", "?page=1"},
	"/api/v1/{resource}":                               {"/api/v1/pods", "/api/v1/deployments.apps?limit=3", "/api/v1/nodes", "/api/v1/podz", "/api/v1/pods?labelSelector=(", "/api/v1/pods?watch=1"},
	"/api/v1/{resource}/{name}":                        {"/api/v1/namespaces/default", "/api/v1/nodes/nobody"},
	"/api/v1/namespaces/{namespace}/{resource}":        {"/api/v1/namespaces/default/services", "/api/v1/namespaces/default/configmaps?limit=1&fieldSelector=metadata.name%3Dx", "/api/v1/namespaces/nowhere/pods", "/api/v1/namespaces/default/pods?continue=x"},
	"/api/v1/namespaces/{namespace}/{resource}/{name}": {"/api/v1/namespaces/default/services/kubernetes", "/api/v1/namespaces/default/services/none"},
	"/livez": {"", "?verbose"},
}

func TestEveryRouteOfTheDaemonAnswersAsDescribedForBothStores(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "50", "--mixed", "60")
	for store, d := range map[string]*daemon{"SQLite": newDaemon(t, c), "MongoDB": newMongoDaemon(t, c, mongotest.Start(t))} {
		d.start()
		d.waitCompleted()
		t.Run(store, func(t *testing.T) { everyRoute(t, d) })
		d.stop()
	}
}

func everyRoute(t *testing.T, d *daemon) {
	get := func(target string, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.server+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := get("/api/v1/openapi.json")
	description := openapitest.Read(t, res.Body)
	res.Body.Close()
	codes := map[int]int{}
	for _, path := range description.Paths() {
		if item, _ := description.At("paths", path, "get"); item == nil {
			continue
		}
		wanted := targets[path]
		if wanted == nil {
			wanted = []string{""}
		}
		for _, target := range wanted {
			if !strings.HasPrefix(target, "/") {
				target = path + target
			}
			first := get(target)
			description.Answer(path, "get", first)
			first.Body.Close()
			codes[first.StatusCode]++
			if etag := first.Header.Get("Etag"); etag != "" {
				again := get(target, "If-None-Match", etag)
				description.Answer(path, "get", again)
				again.Body.Close()
				codes[again.StatusCode]++
			}
		}
	}
	for _, action := range []syncer.Action{syncer.ActionResume, syncer.ActionPause, syncer.ActionPause, syncer.ActionResume} {
		for _, body := range []string{`{"reason":"a test"}`, `{"reasons":1}`} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.server+"/api/v1/sync/"+string(action), strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			description.Answer("/api/v1/sync/"+string(action), "post", res)
			res.Body.Close()
			codes[res.StatusCode]++
		}
	}
	for _, code := range []int{200, 202, 304, 400, 404, 409} {
		if codes[code] == 0 {
			t.Errorf("no answer was %d: %v", code, codes)
		}
	}
	if unknown := slices.DeleteFunc(slices.Collect(maps.Keys(targets)), func(path string) bool { return slices.Contains(description.Paths(), path) }); len(unknown) > 0 {
		t.Errorf("paths that aren't described: %v", unknown)
	}
}
