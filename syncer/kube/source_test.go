package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
)

// serve starts an API server that answers with handle.
func serve(t *testing.T, o kube.Options, handle http.HandlerFunc) *kube.Source {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	o.Config = &rest.Config{Host: server.URL, BearerToken: "s3cret-token"}
	s, err := kube.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answerJSON(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body))
}

func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":%q,"reason":%q,"code":%d}`, message, reason, code)
}

func pod(name string, rv int) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"n","resourceVersion":"%d"}}`, name, rv)
}

func page(rv int, next string, metaFirst bool, items ...string) string {
	meta := fmt.Sprintf(`"metadata":{"resourceVersion":"%d","continue":%q}`, rv, next)
	list := `"items":[` + strings.Join(items, ",") + `]`
	if metaFirst {
		return "{" + meta + "," + list + "}"
	}
	return "{" + list + "," + meta + "}"
}

// list runs a list and returns the keys.
func list(s *kube.Source, cell syncer.Cell) (keys []string, rv uint64, err error) {
	rv, err = s.List(context.Background(), cell, func(b *syncer.Batch) error {
		defer b.Release()
		for i := range b.Objects {
			keys = append(keys, string(b.Objects[i].Key))
		}
		if b.ResourceVersion == 0 {
			return errors.New("batch without version")
		}
		return nil
	})
	return keys, rv, err
}

func TestListStitchesPages(t *testing.T) {
	for _, metaFirst := range []bool{true, false} {
		s := serve(t, kube.Options{BatchObjects: 2, PageSize: 3}, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if r.URL.Path != "/api/v1/namespaces/n/pods" || q.Get("limit") != "3" || q.Has("resourceVersion") || q.Get("labelSelector") != "app=web" {
				t.Errorf("got request %s", r.URL)
			}
			if got := r.Header.Get("Accept"); got != "application/json" || !strings.HasPrefix(r.UserAgent(), "sidemirror/") || r.Header.Get("Accept-Encoding") == "gzip" {
				t.Errorf("got headers %v", r.Header)
			}
			switch q.Get("continue") {
			case "":
				answerJSON(w, 200, page(9, "two", metaFirst, pod("a", 1), pod("b", 2), pod("c", 3)))
			case "two":
				answerJSON(w, 200, page(9, "three", metaFirst))
			case "three":
				answerJSON(w, 200, page(9, "", metaFirst, pod("d", 4)))
			}
		})
		cell := pods
		cell.Namespace, cell.Resource.LabelSelector = "n", "app=web"
		keys, rv, err := list(s, cell)
		if d := cmp.Diff([]string{"n/a", "n/b", "n/c", "n/d"}, keys); d != "" || rv != 9 || err != nil {
			t.Errorf("metadata first %v: got version %d, error %v, keys (-want +got):\n%s", metaFirst, rv, err, d)
		}
	}
}

func TestListAsksForTheNextPageWhileItReads(t *testing.T) {
	asked := make(chan struct{})
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("continue") != "" {
			close(asked)
			answerJSON(w, 200, page(9, "", true))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		whole := page(9, "next", true, pod("a", 1))
		half := strings.Index(whole, `"items"`)
		_, _ = w.Write([]byte(whole[:half]))
		w.(http.Flusher).Flush()
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Error("the next page wasn't asked for")
		}
		_, _ = w.Write([]byte(whole[half:]))
	})
	if keys, _, err := list(s, pods); len(keys) != 1 || err != nil {
		t.Errorf("got %v, %v", keys, err)
	}
}

func TestListErrors(t *testing.T) {
	first := page(9, "two", true, pod("a", 1))
	cases := []struct {
		name   string
		first  http.HandlerFunc // nil: a whole first page
		second http.HandlerFunc
		reason syncer.Reason
		after  time.Duration
		text   string
	}{
		{name: "forbidden", first: func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 403, status(403, "Forbidden", "pods is forbidden"))
		}, reason: syncer.ReasonForbidden, text: "list pods: pods is forbidden"},
		{name: "unauthorized", first: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 401, `nope`) }, reason: syncer.ReasonUnauthorized, text: "list pods: the server answered 401 Unauthorized"},
		{name: "not found", first: func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) }, reason: syncer.ReasonNotFound, text: "404"},
		{name: "throttled", first: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			answerJSON(w, 429, status(429, "TooManyRequests", "too many requests"))
		}, reason: syncer.ReasonThrottled, after: 7 * time.Second, text: "too many requests"},
		{name: "unavailable by date", first: func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 503, `{"kind":"Status","details":{"retryAfterSeconds":3},"message":"starting"}`)
		}, reason: syncer.ReasonUnavailable, after: 3 * time.Second, text: "starting"},
		{name: "bad request", first: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 400, status(400, "BadRequest", "no\nway")) }, reason: syncer.ReasonInvalid, text: "no way"},
		{name: "login page", first: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>"))
		}, reason: syncer.ReasonInvalid, text: `"text/html"`},
		{name: "broken", first: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, page(9, "", true, `{]`)) }, reason: syncer.ReasonInvalid, text: "list pods: item 0: invalid character"},
		{name: "hung up", first: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, reason: syncer.ReasonUnavailable, text: "EOF"},
		{name: "expired", second: func(w http.ResponseWriter, _ *http.Request) {
			answerJSON(w, 410, status(410, "Expired", "The provided continue parameter is too old"))
		}, reason: syncer.ReasonExpired, text: "too old"},
		{name: "other version", second: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, page(10, "", true)) }, reason: syncer.ReasonExpired, text: "changed version between pages, from 9 to 10"},
		{name: "same page", second: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, page(9, "two", true)) }, reason: syncer.ReasonInvalid, text: "same page twice"},
		{name: "truncated", second: func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 200, page(9, "", true, pod("b", 2))[:60]) }, reason: syncer.ReasonUnavailable, text: "unexpected end at byte 60"},
		{name: "cut off", second: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(page(9, "", true, pod("b", 2))[:60]))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, reason: syncer.ReasonUnavailable, text: "unexpected EOF at byte 60"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Query().Get("continue") != "":
					c.second(w, r)
				case c.first != nil:
					c.first(w, r)
				default:
					answerJSON(w, 200, first)
				}
			})
			_, _, err := list(s, pods)
			se, ok := errors.AsType[*syncer.SourceError](err)
			if !ok || se.Reason != c.reason || se.RetryAfter != c.after || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %#v: %v\nwant reason %s, retry after %s, text %q", err, err, c.reason, c.after, c.text)
			}
			if !strings.HasPrefix(err.Error(), "list pods: ") || strings.Count(err.Error(), "list pods") != 1 || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "127.0.0.1:") && c.name != "hung up" {
				t.Errorf("got text %q", err)
			}
		})
	}
}

func TestListRepeatsABusyPage(t *testing.T) {
	tries := 0
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("continue") == "" {
			answerJSON(w, 200, page(9, "two", true, pod("a", 1)))
			return
		}
		if tries++; tries == 1 {
			w.Header().Set("Retry-After", "1")
			answerJSON(w, 429, "")
			return
		}
		answerJSON(w, 200, page(9, "", true, pod("b", 1)))
	})
	if keys, _, err := list(s, pods); len(keys) != 2 || err != nil || tries != 2 {
		t.Errorf("got %v, %v after %d tries", keys, err, tries)
	}
}

func TestListEndsWithItsCaller(t *testing.T) {
	hold := make(chan struct{})
	s := serve(t, kube.Options{BatchObjects: 1}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("continue") != "" {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
			return
		}
		answerJSON(w, 200, page(9, "two", true, pod("a", 1), pod("b", 2)))
	})
	t.Cleanup(func() { close(hold) })
	mine := errors.New("enough")
	if _, err := s.List(context.Background(), pods, func(b *syncer.Batch) error { b.Release(); return mine }); err != mine {
		t.Errorf("got %v, want the error of yield as it is", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := s.List(ctx, pods, func(b *syncer.Batch) error { b.Release(); cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that of the context", err)
	}
	s.SetStall(50 * time.Millisecond)
	_, err = s.List(context.Background(), pods, func(b *syncer.Batch) error { b.Release(); return nil })
	if syncer.ReasonOf(err) != syncer.ReasonUnavailable || !strings.Contains(fmt.Sprint(err), "fell silent") {
		t.Errorf("got %v, want that the server fell silent", err)
	}
}

type watcher struct {
	log  []string
	fail error
}

func (w *watcher) Connected() { w.log = append(w.log, "connected") }
func (w *watcher) Event(t syncer.EventType, o *syncer.Object) error {
	w.log = append(w.log, fmt.Sprintf("%s %s %d", t, o.Key, o.RV))
	return w.fail
}
func (w *watcher) Bookmark(rv uint64) error {
	w.log = append(w.log, fmt.Sprintf("BOOKMARK %d", rv))
	return nil
}

func TestWatch(t *testing.T) {
	event := func(kind, object string) string { return fmt.Sprintf(`{"type":%q,"object":%s}`+"\n", kind, object) }
	mine := errors.New("enough")
	cases := []struct {
		name, body string
		fail       error
		log        []string
		reason     syncer.Reason // "" is nil, or fail
		text       string
	}{
		{name: "in order", body: event("ADDED", pod("a", 5)) + event("BOOKMARK", `{"metadata":{"resourceVersion":"8"}}`) + event("DELETED", pod("a", 9)), log: []string{"ADDED n/a 5", "BOOKMARK 8", "DELETED n/a 9"}},
		{name: "empty"},
		{name: "expired", body: event("ERROR", status(410, "Expired", "too old resource version: 1 (9)")), reason: syncer.ReasonExpired, text: "watch pods: too old"},
		{name: "gone", body: event("ERROR", status(410, "Gone", "gone")), reason: syncer.ReasonExpired, text: "gone"},
		{name: "throttled", body: event("ERROR", status(429, "TooManyRequests", "slow down")), reason: syncer.ReasonThrottled, text: "slow down"},
		{name: "internal", body: event("ERROR", status(500, "InternalError", "etcd")), reason: syncer.ReasonUnavailable, text: "etcd"},
		{name: "cut off", body: event("ADDED", pod("a", 5)) + event("ADDED", pod("b", 6))[:30], log: []string{"ADDED n/a 5"}, reason: syncer.ReasonUnavailable, text: "unexpected end"},
		{name: "broken", body: event("ADDED", `{"metadata":{"name":"a"}}`), reason: syncer.ReasonInvalid, text: "no resourceVersion"},
		{name: "refused", body: event("ADDED", pod("a", 5)), fail: mine, log: []string{"ADDED n/a 5"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
				want := "allowWatchBookmarks=true&resourceVersion=4&timeoutSeconds=1&watch=1"
				if r.URL.Path != "/api/v1/pods" || r.URL.RawQuery != want {
					t.Errorf("got request %s", r.URL)
				}
				answerJSON(w, 200, c.body)
			})
			w := &watcher{fail: c.fail}
			err := s.Watch(context.Background(), pods, syncer.WatchOptions{ResourceVersion: 4}, w)
			if d := cmp.Diff(append([]string{"connected"}, c.log...), w.log); d != "" {
				t.Errorf("calls (-want +got):\n%s", d)
			}
			if c.reason == "" {
				if err != c.fail {
					t.Errorf("got error %v, want %v", err, c.fail)
				}
				return
			}
			if syncer.ReasonOf(err) != c.reason || !strings.Contains(fmt.Sprint(err), c.text) {
				t.Errorf("got error %v, want reason %s and %q", err, c.reason, c.text)
			}
		})
	}
}

func TestWatchRefused(t *testing.T) {
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, 410, status(410, "Expired", "too old")) })
	w := &watcher{}
	err := s.Watch(context.Background(), pods, syncer.WatchOptions{ResourceVersion: 1}, w)
	if syncer.ReasonOf(err) != syncer.ReasonExpired || len(w.log) != 0 {
		t.Errorf("got %v, calls %v", err, w.log)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := s.Watch(ctx, pods, syncer.WatchOptions{ResourceVersion: 1, Timeout: time.Minute}, &watcher{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that of the context", err)
	}
}

func TestNewRefuses(t *testing.T) {
	cfg := &rest.Config{Host: "http://127.0.0.1:1"}
	cases := map[string]kube.Options{
		"no cluster":         {},
		"namespace":          {Config: cfg, Namespaces: []string{"a/b"}},
		"namespace twice":    {Config: cfg, Namespaces: []string{"a", "a"}},
		"selector":           {Config: cfg, LabelSelectors: map[string]string{"pods": "a in ("}},
		"selector name":      {Config: cfg, LabelSelectors: map[string]string{"p/ds": "a"}},
		"resource":           {Config: cfg, Resources: []string{"pods/status"}},
		"empty resource":     {Config: cfg, Resources: []string{""}},
		"secrets":            {Config: cfg, Resources: []string{"Secrets"}},
		"short key":          {Config: cfg, SecretsKey: []byte("short")},
		"negative page size": {Config: cfg, PageSize: -1},
		"address":            {Config: &rest.Config{Host: "http://[::1"}},
	}
	for name, o := range cases {
		if _, err := kube.New(o); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if _, err := kube.New(kube.Options{Config: cfg, Resources: []string{"secrets"}, SecretsKey: make([]byte, 32)}); err != nil {
		t.Error(err)
	}
}

// api is a server's resources in aggregated discovery, as far as they matter.
type api struct{ group, version, plural, singular, kind, short, verbs string }

var offered = []api{
	{"", "v1", "pods", "pod", "Pod", "po", "list,watch"},
	{"", "v1", "events", "event", "Event", "ev", "list,watch"},
	{"", "v1", "namespaces", "namespace", "Namespace", "ns", "list,watch"},
	{"", "v1", "secrets", "secret", "Secret", "", "list,watch"},
	{"", "v1", "bindings", "binding", "Binding", "", "create"},
	{"apps", "v1", "deployments", "deployment", "Deployment", "deploy", "list,watch"},
	{"apps", "v1beta1", "deployments", "deployment", "Deployment", "deploy", "list,watch"},
	{"apps", "v1beta1", "oldthings", "oldthing", "OldThing", "", "list,watch"},
	{"events.k8s.io", "v1", "events", "event", "Event", "ev", "list,watch"},
	{"metrics.k8s.io", "v1beta1", "pods", "pod", "PodMetrics", "", "list"},
}

// discovery answers as a server without aggregated discovery; groups in broken fail.
func discovery(broken func(group string) bool) http.HandlerFunc {
	groups := []string{"apps", "events.k8s.io", "metrics.k8s.io"}
	resources := func(group, version string) map[string]any {
		var list []any
		for _, a := range offered {
			if a.group != group || a.version != version {
				continue
			}
			r := map[string]any{"name": a.plural, "singularName": a.singular, "kind": a.kind, "namespaced": a.plural != "namespaces", "verbs": strings.Split(a.verbs, ",")}
			if a.short != "" {
				r["shortNames"] = []string{a.short}
			}
			list = append(list, r, map[string]any{"name": a.plural + "/status", "kind": a.kind, "verbs": []string{"get"}})
		}
		gv := version
		if group != "" {
			gv = group + "/" + version
		}
		return map[string]any{"kind": "APIResourceList", "groupVersion": gv, "resources": list}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		var body any
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		switch {
		case r.URL.Path == "/api":
			body = map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
		case r.URL.Path == "/api/v1":
			body = resources("", "v1")
		case r.URL.Path == "/apis":
			var list []any
			for _, g := range groups {
				var versions []any
				seen := map[string]bool{}
				for _, a := range offered {
					if a.group == g && !seen[a.version] {
						seen[a.version] = true
						versions = append(versions, map[string]any{"groupVersion": g + "/" + a.version, "version": a.version})
					}
				}
				list = append(list, map[string]any{"name": g, "versions": versions, "preferredVersion": versions[0]})
			}
			body = map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": list}
		case len(parts) == 3 && !broken(parts[1]):
			body = resources(parts[1], parts[2])
		default:
			answerJSON(w, 503, status(503, "ServiceUnavailable", "the server is currently unable to handle the request"))
			return
		}
		data, _ := json.Marshal(body)
		answerJSON(w, 200, string(data))
	}
}

// discovered writes what was found as version and name, "?" where it is missing.
func discovered(found []syncer.Discovered) []string {
	var out []string
	for _, d := range found {
		text := d.Cell.Resource.Version + " " + d.Cell.Resource.Kind + " " + d.Cell.String()
		if d.Cell.Resource.LabelSelector != "" {
			text += " " + d.Cell.Resource.LabelSelector
		}
		if d.Missing {
			text += "?"
		}
		out = append(out, text)
	}
	return out
}

func TestDiscover(t *testing.T) {
	key := make([]byte, 32)
	cases := []struct {
		name string
		o    kube.Options
		want []string
	}{
		{"names", kube.Options{Resources: []string{"Deployment", "po", "pods", "namespaces", "events.events.k8s.io", "oldthings.apps", "deployments.v1beta1.apps"}}, []string{
			"v1 Deployment deployments.apps", "v1 Pod pods", "v1 Namespace namespaces", "v1 Event events.events.k8s.io", "v1beta1 OldThing oldthings.apps"}},
		{"version", kube.Options{Resources: []string{"deployments.v1beta1.apps", "pods.v1"}}, []string{"v1beta1 Deployment deployments.apps", "v1 Pod pods"}},
		{"missing", kube.Options{Resources: []string{"widgets.example.com", "policies.v2.example.com", "gone.apps"}}, []string{
			"v1 Widget widgets.example.com?", "v2 Policy policies.example.com?", "v1 Gone gone.apps?"}},
		{"all", kube.Options{Resources: []string{"*", "-ns"}}, []string{"v1 Pod pods", "v1 Event events", "v1 Deployment deployments.apps", "v1beta1 OldThing oldthings.apps"}},
		{"all with secrets", kube.Options{Resources: []string{"secrets", "*", "-deploy", "-events", "-oldthings.apps"}, SecretsKey: key}, []string{"v1 Secret secrets", "v1 Pod pods", "v1 Namespace namespaces"}},
		{"namespaces and selectors", kube.Options{Resources: []string{"pods", "ns", "deploy"}, Namespaces: []string{"b", "a"}, LabelSelectors: map[string]string{"*": "x", "po": "b=1,a=2"}}, []string{
			"v1 Pod pods/b a=2,b=1", "v1 Pod pods/a a=2,b=1", "v1 Namespace namespaces x", "v1 Deployment deployments.apps/b x", "v1 Deployment deployments.apps/a x"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.o, discovery(func(string) bool { return false }))
			found, err := s.Discover(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, discovered(found.Cells)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestDiscoverErrors(t *testing.T) {
	cases := map[string]struct {
		o    kube.Options
		text string
	}{
		"unknown":     {kube.Options{Resources: []string{"deploymnts"}}, "did you mean deployments.apps?"},
		"excluded":    {kube.Options{Resources: []string{"*", "-secretz"}}, "unknown resource secretz"},
		"selector":    {kube.Options{LabelSelectors: map[string]string{"podz": "a"}, Resources: []string{"pods"}}, "unknown resource podz"},
		"unwatchable": {kube.Options{Resources: []string{"bindings"}}, "listed and watched"},
		"secrets":     {kube.Options{Resources: []string{"secrets.v1"}}, "needs a key"},
		"nothing":     {kube.Options{Resources: []string{"pods", "-po"}}, "nothing is left"},
	}
	for name, c := range cases {
		s := serve(t, c.o, discovery(func(string) bool { return false }))
		if _, err := s.Discover(context.Background()); !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: got error %v, want %q", name, err, c.text)
		}
	}
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 401, status(401, "Unauthorized", "Unauthorized"))
	})
	if _, err := s.Discover(context.Background()); syncer.ReasonOf(err) != syncer.ReasonUnauthorized {
		t.Errorf("got %v, want unauthorized", err)
	}
}

func TestDiscoverRemembersAGroupThatFails(t *testing.T) {
	broken := false
	s := serve(t, kube.Options{Resources: []string{"*"}}, discovery(func(group string) bool { return broken && group == "apps" }))
	before, err := s.Discover(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	broken = true
	after, err := s.Discover(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(discovered(before.Cells), discovered(after.Cells)); d != "" || len(after.Unread) != 0 {
		t.Errorf("unread %v, -before +after:\n%s", after.Unread, d)
	}
	fresh := serve(t, kube.Options{Resources: []string{"pods", "deployments.apps"}}, discovery(func(group string) bool { return group == "apps" }))
	found, err := fresh.Discover(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"v1 Pod pods", "v1beta1 Deployment deployments.apps?"}, discovered(found.Cells)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"apps"}, found.Unread); d != "" {
		t.Errorf("unread groups (-want +got):\n%s", d)
	}
	unknown := serve(t, kube.Options{Resources: []string{"deployments"}}, discovery(func(group string) bool { return group == "apps" }))
	if _, err := unknown.Discover(context.Background()); syncer.ReasonOf(err) != syncer.ReasonUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
}
