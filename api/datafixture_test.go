package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

func ptr[T any](v T) *T { return &v }

// mirror is a handler over real HTTP with a store of SQLite behind it.
type mirror struct {
	t      testing.TB
	store  *sqlite.Store
	status atomic.Pointer[syncer.Status]
	*httptest.Server
}

// resources are the cells that the mirrors of the tests have.
func resources() []syncer.ResourceStatus {
	return []syncer.ResourceStatus{
		{Resource: "Namespace", Name: "namespaces", Version: "v1", ResourceVersion: "90"},
		{Resource: "Pod", Name: "pods", Version: "v1", Namespaced: true, ResourceVersion: "100", Objects: 12,
			Watch: syncer.Watch{LagSeconds: ptr(1.2344)}},
		{Resource: "Deployment", Name: "deployments.apps", Group: "apps", Version: "v1", Namespaced: true, ResourceVersion: "95"},
		{Resource: "Node", Name: "nodes", Version: "v1"},
		{Resource: "Cart", Name: "carts.shop.test", Group: "shop.test", Version: "v2", Namespaced: true, Namespace: "a", ResourceVersion: "80",
			Watch: syncer.Watch{LagSeconds: ptr(0.5)}},
		{Resource: "Cart", Name: "carts.shop.test", Group: "shop.test", Version: "v2", Namespaced: true, Namespace: "b", ResourceVersion: "70",
			Watch: syncer.Watch{LagSeconds: ptr(2.0)}},
		{Resource: "Cart", Name: "carts.other.test", Group: "other.test", Version: "v1", Namespaced: true},
	}
}

func newMirror(t testing.TB) *mirror {
	t.Helper()
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(t.TempDir(), "mirror.db"), Cluster: "test"})
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{t: t, store: store}
	s := completed()
	s.Cluster, s.ResourceStatus = "test", resources()
	m.status.Store(s)
	m.Server = httptest.NewServer(api.NewHandler(api.Options{Status: m.status.Load, Objects: store}))
	t.Cleanup(func() {
		m.Close()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

// stored is an object of the kind with these labels, "name=value,…".
func stored(kind, apiVersion, key, labels string, rv uint64) syncer.Object {
	namespace, name := syncer.SplitKey(key)
	o := syncer.Object{Key: []byte(key), UID: []byte("uid-" + key), RV: rv}
	set := map[string]string{}
	for one := range strings.SplitSeq(labels, ",") {
		if name, value, ok := strings.Cut(one, "="); ok {
			set[name] = value
			o.Labels = append(o.Labels, syncer.Label{Name: []byte(name), Value: []byte(value)})
		}
	}
	o.JSON, _ = json.Marshal(map[string]any{
		"kind": kind, "apiVersion": apiVersion,
		"metadata": map[string]any{"namespace": namespace, "name": name, "resourceVersion": fmt.Sprint(rv), "labels": set},
	})
	return o
}

func pod(key, labels string) syncer.Object { return stored("Pod", "v1", key, labels, 1) }

var podResource = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}

func (m *mirror) write(r syncer.Resource, objects ...syncer.Object) {
	m.t.Helper()
	if err := m.store.Prepare(m.t.Context(), r); err != nil {
		m.t.Fatal(err)
	}
	ops := make([]syncer.Op, len(objects))
	for i, o := range objects {
		ops[i].Object = o
	}
	if _, err := m.store.Write(m.t.Context(), r, ops); err != nil {
		m.t.Fatal(err)
	}
}

// pods are those of fill; the labels are easily taken for each other's.
var pods = map[string]string{
	"a/cart-0": "app=cart,tier=back", "a/cart-1": "app=cart,tier=back,canary=", "a/db-0": "app=db,weight=10",
	"a/web-0": "app=web,tier=front", "a/web-1": "app=web,tier=front,weight=7",
	"b/cart-0": "app=cart-v2,tier=back", "b/web-0": "app=web,a.b/c=1", "b/odd": "aXb/c=1", "b/plain": "",
	"c-d/web-0": "app=web", "c.d/web-0": "app=web", "c/web-0": "app=web",
}

func (m *mirror) fill() {
	m.t.Helper()
	var all []syncer.Object
	for key, labels := range pods {
		all = append(all, pod(key, labels))
	}
	m.write(podResource, all...)
	m.write(syncer.Resource{Name: "namespaces"}, stored("Namespace", "v1", "/a", "", 1), stored("Namespace", "v1", "/b", "", 1))
	m.write(syncer.Resource{Name: "nodes"}, stored("Node", "v1", "/n1", "", 1))
	m.write(syncer.Resource{Name: "deployments", Group: "apps"}, stored("Deployment", "apps/v1", "a/web", "", 1))
	m.write(syncer.Resource{Name: "carts", Group: "shop.test"}, stored("Cart", "shop.test/v2", "a/x", "", 1), stored("Cart", "shop.test/v2", "b/x", "", 1))
}

// get asks, and reads the whole answer.
func (m *mirror) get(target string, header ...string) (*http.Response, string) {
	m.t.Helper()
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.URL+target, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := m.Client().Do(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatalf("GET %s: %v", target, err)
	}
	return res, string(body)
}

// listed is a list as clients read it.
type listed struct {
	Kind, APIVersion string
	Metadata         struct {
		ResourceVersion, Continue string
		RemainingItemCount        *int64
	}
	Items []json.RawMessage
}

func (m *mirror) list(target string) listed {
	m.t.Helper()
	res, body := m.get(target)
	var l listed
	if err := json.Unmarshal([]byte(body), &l); err != nil || res.StatusCode != http.StatusOK {
		m.t.Fatalf("GET %s: %s, %v: %s", target, res.Status, err, body)
	}
	return l
}

// keys are those of the items, in their order.
func (l listed) keys() []string {
	var keys []string
	for _, item := range l.Items {
		var o struct {
			Metadata struct{ Namespace, Name string }
		}
		_ = json.Unmarshal(item, &o)
		keys = append(keys, syncer.JoinKey(o.Metadata.Namespace, o.Metadata.Name))
	}
	return keys
}

// podKeys are the keys of pods for which keep holds, in order.
func podKeys(keep func(namespace, name string) bool) []string {
	var keys []string
	for key := range pods {
		if keep(syncer.SplitKey(key)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
