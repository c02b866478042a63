package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// shelf is a mirror of objects by resource and key.
type shelf map[string]map[string]string

func (s shelf) Read(_ context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	var keys []string
	for key := range s[r.String()] {
		_, name := syncer.SplitKey(key)
		if key > q.After && (q.Before == "" || key < q.Before) && (q.Key == "" || key == q.Key) && (q.Name == "" || name == q.Name) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys[:min(len(keys), q.Limit)] {
		if err := yield(&syncer.Object{Key: []byte(key), JSON: []byte(s[r.String()][key])}); err != nil {
			return err
		}
	}
	return nil
}

func onShelf(kind, apiVersion, key string) string {
	namespace, name := syncer.SplitKey(key)
	text, _ := json.Marshal(map[string]any{
		"apiVersion": apiVersion, "kind": kind, "text": "two\nlines\n\nand \"quotes\"",
		"metadata": map[string]any{"name": name, "namespace": namespace, "creationTimestamp": "2026-01-07T12:00:00Z"},
	})
	return string(text)
}

// serveShelf serves status and two resources: 7 carts in three namespaces, and a node.
func serveShelf(t *testing.T, s *syncer.Status) string {
	t.Helper()
	mirrored := *s
	mirrored.ResourceStatus = []syncer.ResourceStatus{
		{Resource: "Cart", Name: "carts.shop.test", Group: "shop.test", Version: "v1", Namespaced: true, ResourceVersion: "7"},
		{Resource: "Node", Name: "nodes", Version: "v1"},
	}
	objects := shelf{"carts.shop.test": {}, "nodes": {"/n1": onShelf("Node", "v1", "/n1")}}
	for i := range 7 {
		key := fmt.Sprintf("ns%d/cart-%d", i%3, i/3)
		objects["carts.shop.test"][key] = onShelf("Cart", "shop.test/v1", key)
	}
	server := httptest.NewServer(api.NewHandler(api.Options{Status: func() *syncer.Status { return &mirrored }, Objects: objects}))
	t.Cleanup(server.Close)
	return server.URL
}

func whole() *syncer.Status {
	s := completed()
	s.Partial = false
	return s
}

func TestGetPrintsWhatIsAskedFor(t *testing.T) {
	server := serveShelf(t, whole())
	for _, tt := range []struct{ args, want string }{
		{"carts -o name", "cart.shop.test/cart-0\ncart.shop.test/cart-1\ncart.shop.test/cart-2\ncart.shop.test/cart-0\ncart.shop.test/cart-1\ncart.shop.test/cart-0\ncart.shop.test/cart-1\n"},
		{"carts -o name --chunk-size 2 -n ns0", "cart.shop.test/cart-0\ncart.shop.test/cart-1\ncart.shop.test/cart-2\n"},
		{"carts -o name --chunk-size 0 -A --field-selector metadata.name=cart-2", "cart.shop.test/cart-2\n"},
		{"cart cart-1 -o name", "cart.shop.test/cart-1\ncart.shop.test/cart-1\ncart.shop.test/cart-1\n"},
		{"cart/cart-1 -n ns1 -o name", "cart.shop.test/cart-1\n"},
		{"node n1 -o name", "node/n1\n"},
		{"carts -l none=here -o name", ""},
	} {
		stdout, stderr, err := sidemirror(t, append(strings.Fields("get "+tt.args), "--server", server)...)
		if err != nil || stdout != tt.want {
			t.Errorf("get %s: %v, got\n%s%s\nwant\n%s", tt.args, err, stdout, stderr, tt.want)
		}
	}
}

func TestGetPrintsListsThatParse(t *testing.T) {
	server := serveShelf(t, whole())
	for args, want := range map[string]int{"carts": 7, "carts --chunk-size 2": 7, "carts -l none=here": 0, "cart cart-1": 3} {
		for form, unmarshal := range map[string]func([]byte, any) error{
			"json": json.Unmarshal, "yaml": func(b []byte, v any) error { return yaml.UnmarshalStrict(b, v) },
		} {
			stdout, _, err := sidemirror(t, append(strings.Fields("get -o "+form+" "+args), "--server", server)...)
			var got map[string]any
			if err == nil {
				err = unmarshal([]byte(stdout), &got)
			}
			items, _ := got["items"].([]any)
			if err != nil || got["kind"] != "List" || got["apiVersion"] != "v1" || len(items) != want || items == nil {
				t.Errorf("get -o %s %s: %v, %d items, want %d\n%s", form, args, err, len(items), want, stdout)
				continue
			}
			for _, item := range items {
				if text := item.(map[string]any)["text"]; text != "two\nlines\n\nand \"quotes\"" {
					t.Errorf("get -o %s %s: text = %q", form, args, text)
				}
			}
		}
	}
	for _, form := range []string{"json", "yaml"} {
		stdout, _, err := sidemirror(t, "get", "-o", form, "cart", "cart-1", "-n", "ns1", "--server", server)
		golden(t, "get_object."+form, stdout)
		if err != nil {
			t.Error(err)
		}
		stdout, _, err = sidemirror(t, "get", "-o", form, "cart", "-n", "ns2", "--server", server)
		golden(t, "get_list."+form, stdout)
		if err != nil {
			t.Error(err)
		}
	}
}

func TestGetSaysWhatTheMirrorIsNotSureOf(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status *syncer.Status
		args   string
		want   string
	}{
		{"whole", whole(), "carts", ""},
		{"in progress", inProgress(), "carts", "warning: the mirror isn't complete: a sync is in progress, 1/7 resources are done\n"},
		{"failed", failed(), "carts", "warning: the mirror isn't complete: the last run failed: connect to mongodb://***@db/: timed out\n"},
		{"not started", notStarted(), "carts", "warning: the mirror isn't complete: no sync has started\n"},
		{"not synced yet", whole(), "nodes", "warning: nodes may be incomplete or old: not synced yet since the mirror started\n"},
		{"nothing", whole(), "carts -n none", "no carts found in the namespace none\n"},
	} {
		args := append(strings.Fields("get --chunk-size 1 "+tt.args), "--server", serveShelf(t, tt.status))
		if _, stderr, err := sidemirror(t, args...); err != nil || stderr != tt.want {
			t.Errorf("%s: %v, got %q, want %q", tt.name, err, stderr, tt.want)
		}
	}
}

func TestGetErrorsSayWhatToDo(t *testing.T) {
	server := serveShelf(t, whole())
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", 2, "want RESOURCE"},
		{"a b c", 2, `unexpected argument "c"`},
		{"pods,nodes", 1, "want one name"},
		{"carts -n a/b", 1, "can't be a namespace"},
		{"carts -n a -A", 1, "no use with --namespace"},
		{"cart x -l a=b", 1, "no use with NAME"},
		{"carts --chunk-size -1", 1, "want 0 or more"},
		{"carts -l a=b=c", 1, "labelSelector: "},
		{"secrets", 1, `"secrets" isn't mirrored; mirrored are carts.shop.test, nodes`},
		{"nodes -n a", 1, "are in no namespace"},
		{"cart none", 1, `the mirror has no cart "none"`},
		{"cart none -n a -o json", 1, `in the namespace a`},
	} {
		stdout, _, err := sidemirror(t, append(strings.Fields("get "+tt.args), "--server", server)...)
		if err == nil || exitCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) || stdout != "" {
			t.Errorf("get %s: %v with %q, want code %d and %q", tt.args, err, stdout, tt.code, tt.want)
		}
	}
	_, _, err := sidemirror(t, "get", "carts", "--server", "http://me:hunter2@127.0.0.1:1")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("no server: %v", err)
	}
}

func TestGetCompletesResources(t *testing.T) {
	server := serveShelf(t, whole())
	for words, want := range map[string][]string{
		"":       {"carts.shop.test", "nodes", ":4"},
		"nodes ": {":4"},
	} {
		args := append([]string{"__complete", "get", "--server", server}, strings.Split(words, " ")...)
		stdout, _, err := sidemirror(t, args...)
		if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(stdout), "\n")); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", words, err, diff)
		}
	}
}

func TestGetTellsAnAnswerThatWasCutOff(t *testing.T) {
	s := whole()
	s.ResourceStatus = []syncer.ResourceStatus{{Resource: "Node", Name: "nodes", Version: "v1", ResourceVersion: "7"}}
	item := func() []byte { // nothing that gzip could keep back
		return fmt.Appendf(nil, `{"kind":"Node","metadata":{"name":"n"},"pad":"%s"}`, rand.Text()+rand.Text()+rand.Text()+rand.Text())
	}
	server := httptest.NewServer(api.NewHandler(api.Options{
		Status: func() *syncer.Status { return s }, Objects: breaking(func(yield func(*syncer.Object) error) error {
			for i := range 5000 {
				if err := yield(&syncer.Object{Key: fmt.Appendf(nil, "/%04d", i), JSON: item()}); err != nil {
					return err
				}
			}
			return fmt.Errorf("gone")
		}),
	}))
	defer server.Close()
	stdout, _, err := sidemirror(t, "get", "nodes", "--chunk-size", "0", "--server", server.URL)
	if err == nil || !strings.Contains(err.Error(), "isn't all") || !strings.HasPrefix(stdout, "NAME") {
		t.Errorf("got %v with %d bytes, want what there is and an error", err, len(stdout))
	}
}

type breaking func(yield func(*syncer.Object) error) error

func (f breaking) Read(_ context.Context, _ syncer.Resource, _ syncer.Query, yield func(*syncer.Object) error) error {
	return f(yield)
}
