package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

func TestListIsTheAPIServersList(t *testing.T) {
	m := newMirror(t)
	m.fill()
	l := m.list("/api/v1/pods")
	if l.Kind != "PodList" || l.APIVersion != "v1" || l.Metadata.ResourceVersion != "100" || l.Metadata.Continue != "" {
		t.Errorf("list = %+v", l)
	}
	if diff := cmp.Diff(podKeys(func(_, _ string) bool { return true }), l.keys()); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got, want := string(l.Items[0]), string(pod("a/cart-0", pods["a/cart-0"]).JSON); got != want {
		t.Errorf("item = %s, want %s", got, want)
	}
	if l := m.list("/api/v1/deployments.apps"); l.Kind != "DeploymentList" || l.APIVersion != "apps/v1" || len(l.Items) != 1 {
		t.Errorf("list = %+v", l)
	}
	if _, body := m.get("/api/v1/namespaces/none/pods"); !strings.Contains(body, `"items":[]`) {
		t.Errorf("list of no items = %s", body)
	}
}

func TestObjectRoutes(t *testing.T) {
	m := newMirror(t)
	m.fill()
	for _, tt := range []struct {
		path string
		code int
		want string // in the body
	}{
		{"/api/v1/namespaces/a/pods/web-0", 200, `"name":"web-0","namespace":"a"`},
		{"/api/v1/namespaces/a/pods", 200, `"PodList"`},
		{"/api/v1/namespaces", 200, `"NamespaceList"`},
		{"/api/v1/namespaces/a", 200, `"kind":"Namespace"`},
		{"/api/v1/nodes/n1", 200, `"kind":"Node"`},
		{"/api/v1/pod", 200, `"PodList"`},
		{"/api/v1/Deployment", 200, `"DeploymentList"`},
		{"/api/v1/deployments", 200, `"DeploymentList"`},
		{"/api/v1/deployment.apps", 200, `"DeploymentList"`},
		{"/api/v1/namespaces/a/carts.shop.test/x", 200, `"kind":"Cart"`},
		{"/api/v1/carts", 404, "carts.other.test, carts.shop.test"},
		{"/api/v1/nothing", 404, "mirrored are carts.other.test, carts.shop.test, deployments.apps, namespaces, nodes, pods"},
		{"/api/v1/namespaces/a/nothing/x", 404, "isn't mirrored"},
		{"/api/v1/pods/web-0", 404, "/api/v1/namespaces/NAMESPACE/pods/NAME"},
		{"/api/v1/namespaces/a/nodes", 404, "ask for /api/v1/nodes"},
		{"/api/v1/namespaces/a/pods/none", 404, `no pods \"none\" in the namespace \"a\"`},
		{"/api/v1/nodes/none", 404, `no nodes \"none\"`},
		{"/api/v1/namespaces/c/carts.shop.test", 404, "only in the namespaces a, b"},
		{"/api/v1/namespaces/a/pods/web-0/status", 404, "no such route"},
		{"/api/v1/pods/", 404, "no such route"},
		{"/api/v1/sync", 404, "no such route"},
		{"/api/v1/sync/pods", 404, "no such route"},
		{"/api/v1/health", 200, `"timestamp"`},
		{"/api/v1/sync/status", 200, `"schemaVersion"`},
	} {
		res, body := m.get(tt.path)
		if res.StatusCode != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s = %d %s, want %d with %s", tt.path, res.StatusCode, body, tt.code, tt.want)
		}
		if want := "application/json"; tt.code == 200 && res.Header.Get("Content-Type") != want {
			t.Errorf("%s: Content-Type = %q", tt.path, res.Header.Get("Content-Type"))
		}
		head, err := http.Head(m.URL + tt.path)
		if err != nil || head.StatusCode != tt.code {
			t.Errorf("HEAD %s = %v, %v, want %d", tt.path, head, err, tt.code)
		}
		head.Body.Close()
	}
	res, err := http.Post(m.URL+"/api/v1/pods", "application/json", strings.NewReader("{}"))
	if err != nil || res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST = %v, %v, want 405", res, err)
	}
	res.Body.Close()
}

func TestWithoutAStoreThereAreNoObjectRoutes(t *testing.T) {
	s := completed()
	s.ResourceStatus = resources()
	if res := do(newHandler(s), "GET", "/api/v1/pods"); res.StatusCode != http.StatusNotFound || !strings.Contains(read(t, res), "no such route") {
		t.Errorf("code = %d, want 404", res.StatusCode)
	}
}

func TestSelectorsTakeWhatTheAPIServersTake(t *testing.T) {
	m := newMirror(t)
	m.fill()
	for query, want := range map[string]string{
		"labelSelector=app=cart":                                          "a/cart-0 a/cart-1",
		"labelSelector=app==cart,tier=back,!canary":                       "a/cart-0",
		"labelSelector=app in (cart, db),app!=db":                         "a/cart-0 a/cart-1",
		"labelSelector=app notin (web,cart,db)":                           "b/cart-0 b/odd b/plain",
		"labelSelector=!app":                                              "b/odd b/plain",
		"labelSelector=canary":                                            "a/cart-1",
		"labelSelector=canary=":                                           "a/cart-1",
		"labelSelector=a.b/c":                                             "b/web-0",
		"labelSelector=weight>7":                                          "a/db-0",
		"labelSelector=weight<8":                                          "a/web-1",
		"labelSelector=app=none":                                          "",
		"labelSelector=":                                                  strings.Join(podKeys(func(_, _ string) bool { return true }), " "),
		"fieldSelector=metadata.name=web-0":                               "a/web-0 b/web-0 c-d/web-0 c.d/web-0 c/web-0",
		"fieldSelector=metadata.name==web-0,metadata.namespace!=a":        "b/web-0 c-d/web-0 c.d/web-0 c/web-0",
		"fieldSelector=metadata.namespace=c":                              "c/web-0",
		"fieldSelector=metadata.namespace=c,metadata.name=web-0":          "c/web-0",
		"fieldSelector=metadata.namespace=c,metadata.name!=web-0":         "",
		"fieldSelector=metadata.name=web-0,metadata.name=web-1":           "",
		"fieldSelector=metadata.name=":                                    "",
		"fieldSelector=metadata.namespace=a&labelSelector=tier in (back)": "a/cart-0 a/cart-1",
	} {
		values, err := url.ParseQuery(strings.ReplaceAll(query, ">", "%3E"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(m.list("/api/v1/pods?"+values.Encode()).keys(), " "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if got := strings.Join(m.list("/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dweb-0").keys(), " "); got != "a/web-0" {
		t.Errorf("name in a namespace: %s", got)
	}
	if got := strings.Join(m.list("/api/v1/nodes?fieldSelector=metadata.name%3Dn1").keys(), " "); got != "/n1" {
		t.Errorf("name of a node: %s", got)
	}
}

func TestWrongQueriesAreRefusedWithWhatToDo(t *testing.T) {
	m := newMirror(t)
	m.fill()
	const pods = "/api/v1/pods?"
	for target, want := range map[string]string{
		pods + "limit=x":                                    "whole number from 1 to 10000",
		pods + "limit=-1":                                   "whole number",
		pods + "limit=10001":                                "whole number",
		pods + "limit=1&limit=2":                            "more than once",
		pods + "labelSelector=a%20b":                        "labelSelector: ",
		pods + "labelSelector=-a%3Dx":                       "labelSelector: ",
		pods + "fieldSelector=x":                            "fieldSelector: ",
		pods + "fieldSelector=spec.nodeName%3Dx":            "metadata.name and metadata.namespace, not spec.nodeName",
		pods + "continue=x":                                 "start over",
		pods + "watch=true":                                 "/api/v1/sync/events",
		pods + "resourceVersion=0":                          "leave it out",
		pods + "resourceVersionMatch=Exact":                 "leave it out",
		pods + "pretty=true&b=1":                            "unknown query parameters: b, pretty; this route has labelSelector",
		pods + "a=%zz":                                      "well-formed",
		"/api/v1/namespaces/a/pods/web-0?limit=1":           "unknown query parameters: limit; this route has none",
		"/api/v1/namespaces/a/pods/web-0?resourceVersion=0": "leave it out",
	} {
		res, body := m.get(target)
		var p struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(p.Detail, want) {
			t.Errorf("%s = %d %s, want 400 with %q", target, res.StatusCode, body, want)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type = %q", target, got)
		}
	}
}

func TestAnswersSayHowFreshTheirResourceIs(t *testing.T) {
	m := newMirror(t)
	m.fill()
	for _, tt := range []struct{ path, version, lag, warning string }{
		{"/api/v1/pods", "100", "1234ms", ""},
		{"/api/v1/namespaces/a/pods/web-0", "100", "1234ms", ""},
		{"/api/v1/namespaces/a/pods/none", "100", "1234ms", ""},
		{"/api/v1/pods?limit=x", "100", "1234ms", ""},
		{"/api/v1/deployments.apps", "95", "", ""},
		{"/api/v1/nodes", "", "", `299 - "nodes may be incomplete or old: not synced yet since the mirror started"`},
		{"/api/v1/carts.shop.test", "70", "2000ms", `299 - "carts.shop.test are mirrored only in the namespaces a, b"`},
		{"/api/v1/namespaces/a/carts.shop.test", "80", "500ms", ""},
	} {
		res, _ := m.get(tt.path)
		got := []string{res.Header.Get(api.HeaderResourceVersion), res.Header.Get(api.HeaderLag), res.Header.Get("Warning")}
		if diff := cmp.Diff([]string{tt.version, tt.lag, tt.warning}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.path, diff)
		}
		if res.Header.Get(api.HeaderStatus) != "completed" || res.Header.Get(api.HeaderRevision) != "43" {
			t.Errorf("%s: headers = %v", tt.path, res.Header)
		}
		for _, name := range []string{api.HeaderResourceVersion, api.HeaderLag, "Warning"} {
			if !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), name) {
				t.Errorf("%s isn't exposed", name)
			}
		}
	}
	m.status.Store(&syncer.Status{Status: syncer.NotStarted})
	if res, body := m.get("/api/v1/pods"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "isn't known yet") {
		t.Errorf("before discovery = %d %s, want 503", res.StatusCode, body)
	}
}
