package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

// source is a store with rows without end: before decides of each whether it comes.
type source struct {
	before func(ctx context.Context, n int) error
	end    int // rows that there are; 0 for no end
	json   []byte
	n      int
}

func (s *source) Read(ctx context.Context, _ syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	o := syncer.Object{Key: []byte("a/00000000"), JSON: s.json}
	for range q.Limit {
		if s.n == s.end && s.end > 0 {
			return nil
		}
		s.n++
		if s.before != nil {
			if err := s.before(ctx, s.n); err != nil {
				return err
			}
		}
		for at, n := len(o.Key)-1, s.n; n > 0; at, n = at-1, n/10 {
			o.Key[at] = '0' + byte(n%10)
		}
		if err := yield(&o); err != nil {
			return err
		}
	}
	return nil
}

func handlerOf(objects api.Objects) http.Handler {
	s := completed()
	s.ResourceStatus = resources()
	return api.NewHandler(api.Options{Status: func() *syncer.Status { return s }, Objects: objects})
}

var kilobyte = []byte(`{"pad":"` + strings.Repeat("x", 1000) + `"}`)

func TestGzipIsForThoseWhoAskForIt(t *testing.T) {
	m := newMirror(t)
	m.fill()
	_, plain := m.get("/api/v1/pods", "Accept-Encoding", "identity")
	for accept, want := range map[string]string{
		"gzip": "gzip", "br, gzip;q=0.1": "gzip", "GZIP": "gzip", "zstd, gzip": "gzip",
		"gzip;q=0": "", "br": "", "identity": "", "zstd": "",
	} {
		res, body := m.get("/api/v1/pods", "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding = %q, want %q", accept, got, want)
		}
		if !strings.Contains(strings.Join(res.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("Accept-Encoding %q: Vary = %q", accept, res.Header.Values("Vary"))
		}
		if want == "gzip" {
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			unzipped, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			body = string(unzipped)
		}
		if body != plain {
			t.Errorf("Accept-Encoding %q: body differs from the plain one", accept)
		}
	}
}

func TestStoreErrorBeforeTheAnswerBeginsIsAProblem(t *testing.T) {
	for _, path := range []string{"/api/v1/pods", "/api/v1/pods?limit=5", "/api/v1/namespaces/a/pods/x"} {
		res := do(handlerOf(&source{json: kilobyte, before: func(context.Context, int) error {
			return errors.New("dial mongodb://root:hunter2@db: refused")
		}}), "GET", path)
		if body := read(t, res); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "mongodb") || !strings.Contains(body, "the log says why") {
			t.Errorf("%s = %d %s, want 503 without the store's own words", path, res.StatusCode, body)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: Content-Type = %q", path, got)
		}
	}
}

func TestStoreErrorWithinTheAnswerCutsItOff(t *testing.T) {
	server := httptest.NewServer(handlerOf(&source{json: kilobyte, before: func(_ context.Context, n int) error {
		if n%1000 == 0 {
			return errors.New("gone")
		}
		return nil
	}}))
	defer server.Close()
	for _, accept := range []string{"identity", "gzip"} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/pods", nil)
		r.Header.Set("Accept-Encoding", accept)
		res, err := server.Client().Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
		if err == nil {
			t.Errorf("Accept-Encoding %s: the answer looks whole", accept)
		}
	}
}

func TestClientThatHangsUpEndsTheRead(t *testing.T) {
	ended := make(chan error, 1)
	source := &source{json: kilobyte}
	server := httptest.NewServer(handlerOf(reading(func(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
		err := source.Read(ctx, r, q, yield)
		if err != nil {
			ended <- err
		}
		return err
	})))
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/pods", nil)
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, res.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	hangUp()
	res.Body.Close()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the store is still read")
	}
}

type reading func(context.Context, syncer.Resource, syncer.Query, func(*syncer.Object) error) error

func (f reading) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	return f(ctx, r, q, yield)
}

func TestListMayTakeLongerThanTheServersWriteTimeout(t *testing.T) {
	server := httptest.NewUnstartedServer(handlerOf(&source{json: bytes.Repeat(kilobyte, 64), end: 12, before: func(context.Context, int) error {
		time.Sleep(25 * time.Millisecond)
		return nil
	}}))
	server.Config.WriteTimeout = 100 * time.Millisecond
	server.Start()
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/api/v1/pods")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("cut off after %d bytes: %v", n, err)
	}
}

// heapPeak is the most that lives while the list is written.
type heapPeak struct {
	sink
	writes int
	peak   uint64
}

func (h *heapPeak) Write(p []byte) (int, error) {
	if h.writes++; h.writes%20 == 0 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		h.peak = max(h.peak, m.HeapAlloc)
	}
	return len(p), nil
}

func TestMemoryDoesNotGrowWithTheList(t *testing.T) {
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(t.TempDir(), "mirror.db"), Cluster: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	h := handlerOf(store)
	peak := func() uint64 {
		w := &heapPeak{sink: sink{http.Header{}}}
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/pods", nil))
		if w.peak == 0 {
			t.Fatalf("the list took %d writes, too few to look", w.writes)
		}
		return w.peak
	}
	fillPages(t, store, 0, 1000)
	small := peak()
	fillPages(t, store, 1000, 5000)
	large := peak()
	if grown := int64(large) - int64(small); grown > 2<<20 {
		t.Errorf("a list of 48 MB takes %d bytes more than one of 8 MB", grown)
	}
}

func TestAllocationsDoNotGrowWithTheList(t *testing.T) {
	allocations := func(rows int) float64 {
		s := &source{json: kilobyte, end: rows}
		h := handlerOf(s)
		r := httptest.NewRequest(http.MethodGet, "/api/v1/pods?labelSelector=!x", nil)
		return testing.AllocsPerRun(10, func() {
			s.n = 0
			h.ServeHTTP(sink{http.Header{}}, r)
		})
	}
	few, many := allocations(100), allocations(10_100)
	if perRow := (many - few) / 10_000; perRow > 0.2 {
		t.Errorf("%v allocations for 100 rows, %v for 10,100: %v a row", few, many, perRow)
	}
}

// fillPages writes n Pods of 8 KiB behind the first ones.
func fillPages(t testing.TB, store *sqlite.Store, first, n int) {
	t.Helper()
	if err := store.Prepare(t.Context(), podResource); err != nil {
		t.Fatal(err)
	}
	pad := strings.Repeat("x", 8<<10)
	ops := make([]syncer.Op, n)
	for i := range ops {
		ops[i].Object = pod(fmt.Sprintf("shop/web-%06d", first+i), "app=web,pod-template-hash=5d8f7c9b6")
		ops[i].Object.JSON = fmt.Appendf(nil, `{"kind":"Pod","pad":"%s"}`, pad)
	}
	if _, err := store.Write(t.Context(), podResource, ops); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkPage reads a page of 500 objects of 8 KiB out of 5,000 from SQLite,
// without the network.
func BenchmarkPage(b *testing.B) {
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(b.TempDir(), "mirror.db"), Cluster: "test"})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close(context.Background())
	fillPages(b, store, 0, 5000)
	h := handlerOf(store)
	for _, bb := range []struct{ name, query, accept string }{
		{"all", "limit=500", ""}, {"labels", "limit=500&labelSelector=app%3Dweb,!canary", ""},
		{"none match", "labelSelector=app%3Dnone", ""}, {"gzip", "limit=500", "gzip"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/pods?"+bb.query, nil)
			r.Header.Set("Accept-Encoding", bb.accept)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(sink{http.Header{}}, r)
			}
		})
	}
}
