package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// sink is a response that costs nothing itself.
type sink struct{ header http.Header }

func (s sink) Header() http.Header         { return s.header }
func (s sink) Write(p []byte) (int, error) { return len(p), nil }
func (s sink) WriteHeader(int)             {}

func large() *syncer.Status {
	s := inProgress()
	s.ResourceStatus = make([]syncer.ResourceStatus, 100)
	return s
}

func statusRead() func() {
	h := newHandler(large())
	w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, statusPath, nil)
	return func() { h.ServeHTTP(w, r) }
}

func middleware() func() {
	s := inProgress()
	h := api.NewHeaders(func() *syncer.Status { return s }).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, "/", nil)
	return func() { h.ServeHTTP(w, r) }
}

func TestAllocations(t *testing.T) {
	if got := testing.AllocsPerRun(1000, middleware()); got != 0 {
		t.Errorf("middleware allocates %v times, want 0", got)
	}
	// One is the wrapper of the response.
	if got := testing.AllocsPerRun(1000, statusRead()); got > 1 {
		t.Errorf("status read allocates %v times, want at most 1", got)
	}
}

func BenchmarkStatus(b *testing.B) {
	read := statusRead()
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}

func BenchmarkStatusChanged(b *testing.B) {
	s := large()
	h := api.NewHandler(api.Options{Status: func() *syncer.Status { next := *s; return &next }})
	w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, statusPath, nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func BenchmarkHeaders(b *testing.B) {
	serve := middleware()
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
