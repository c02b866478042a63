package api_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
)

// pages follows the continue tokens of path to their end.
func (m *mirror) pages(path string, each func(listed)) {
	m.t.Helper()
	token := ""
	for {
		l := m.list(path + "&continue=" + url.QueryEscape(token))
		each(l)
		if token = l.Metadata.Continue; token == "" {
			return
		}
	}
}

func TestPagesMakeTheWholeWhateverTheirSize(t *testing.T) {
	m := newMirror(t)
	m.fill()
	for _, query := range []string{"/api/v1/pods?", "/api/v1/pods?labelSelector=app%3Dweb&", "/api/v1/pods?fieldSelector=metadata.namespace!%3Da&"} {
		want := m.list(strings.TrimSuffix(query, "&")).keys()
		for limit := 1; limit <= len(want)+1; limit++ {
			var got []string
			m.pages(fmt.Sprintf("%slimit=%d", query, limit), func(l listed) {
				got = append(got, l.keys()...)
				if len(l.Items) != limit && l.Metadata.Continue != "" || len(l.Items) == 0 {
					t.Errorf("%slimit=%d: a page of %d objects", query, limit, len(l.Items))
				}
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%slimit=%d (-want +got):\n%s", query, limit, diff)
			}
		}
	}
}

func TestRemainingItemsAreEstimatedWhereTheyAreCounted(t *testing.T) {
	m := newMirror(t)
	m.fill()
	var got []int64
	m.pages("/api/v1/pods?limit=5", func(l listed) {
		if n := l.Metadata.RemainingItemCount; n != nil {
			got = append(got, *n)
		}
	})
	if diff := cmp.Diff([]int64{7, 2}, got); diff != "" {
		t.Errorf("remaining items (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/api/v1/pods?limit=1&labelSelector=app", "/api/v1/namespaces/a/pods?limit=1"} {
		if l := m.list(path); l.Metadata.RemainingItemCount != nil || l.Metadata.Continue == "" {
			t.Errorf("%s: metadata = %+v, want no count", path, l.Metadata)
		}
	}
}

func TestPagesUnderWritesHaveEachStableObjectOnce(t *testing.T) {
	m := newMirror(t)
	var stable []string
	var objects []syncer.Object
	for i := range 200 {
		key := fmt.Sprintf("ns%d/stable-%03d", i%3, i)
		stable = append(stable, key)
		objects = append(objects, pod(key, ""))
	}
	slices.Sort(stable)
	m.write(podResource, objects...)

	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for rv := uint64(2); ; rv++ {
			select {
			case <-stop:
				return
			default:
			}
			key := fmt.Sprintf("ns%d/passing-%03d", rand.IntN(3), rand.IntN(50))
			ops := []syncer.Op{
				{Object: syncer.Object{Key: []byte(key), RV: rv}, Delete: rv%2 == 0},
				{Object: stored("Pod", "v1", stable[rand.IntN(len(stable))], "", rv)},
			}
			if rv%2 == 1 {
				ops[0].Object = stored("Pod", "v1", key, "", rv)
			}
			if _, err := m.store.Write(t.Context(), podResource, ops); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5 {
		var got []string
		m.pages("/api/v1/pods?limit=7", func(l listed) {
			for _, key := range l.keys() {
				if strings.Contains(key, "stable") {
					got = append(got, key)
				}
			}
		})
		if diff := cmp.Diff(stable, got); diff != "" {
			t.Errorf("stable objects (-want +got):\n%s", diff)
		}
	}
	close(stop)
	writer.Wait()
}

func TestContinueTokensBelongToTheirQuery(t *testing.T) {
	m := newMirror(t)
	m.fill()
	token := m.list("/api/v1/pods?limit=3&labelSelector=app").Metadata.Continue
	good := func(query string) bool {
		res, body := m.get(query + "&continue=" + url.QueryEscape(token))
		if res.StatusCode == http.StatusBadRequest && !strings.Contains(body, "start over") {
			t.Errorf("%s = %s", query, body)
		}
		return res.StatusCode == http.StatusOK
	}
	for query, want := range map[string]bool{
		"/api/v1/pods?labelSelector=app":                                       true,
		"/api/v1/pods?labelSelector=app&limit=1":                               true,
		"/api/v1/pods?labelSelector=%20app%20":                                 true,
		"/api/v1/pods?labelSelector=!app":                                      false,
		"/api/v1/pods?":                                                        false,
		"/api/v1/namespaces/a/pods?labelSelector=app":                          false,
		"/api/v1/deployments.apps?labelSelector=app":                           false,
		"/api/v1/pods?labelSelector=app&fieldSelector=metadata.namespace!%3Dx": false,
	} {
		if got := good(query); got != want {
			t.Errorf("%s takes the token: %v, want %v", query, got, want)
		}
	}
	whole := token
	for i := range whole {
		token = whole[:i] + string("AB"[b2i(whole[i] == 'A')]) + whole[i+1:]
		if good("/api/v1/pods?labelSelector=app") {
			t.Errorf("a token with another byte %d is taken", i)
		}
		token = whole[:i]
		if i > 0 && good("/api/v1/pods?labelSelector=app") {
			t.Errorf("a token of %d bytes is taken", i)
		}
	}
	token = strings.Repeat(whole, 100)
	if good("/api/v1/pods?labelSelector=app") {
		t.Error("a long token is taken")
	}
	token = whole
	other := *m.status.Load()
	other.Cluster = "other"
	m.status.Store(&other)
	if good("/api/v1/pods?labelSelector=app") {
		t.Error("a token of another cluster is taken")
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
