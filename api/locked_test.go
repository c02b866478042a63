package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// nowhere is a source that can't be reached.
type nowhere struct{ syncer.Source }

func (nowhere) Discover(context.Context) (syncer.Discovery, error) {
	return syncer.Discovery{}, errors.New("nowhere")
}

// nothing is a store that isn't there.
type nothing struct{ syncer.Store }

func (nothing) Control(context.Context) (syncer.Control, error) {
	return syncer.Control{}, errors.New("nothing")
}

// lockedTracker returns a tracker whose writer, an engine, holds the lock that
// writers share until the test ends: the tracker asks for the time below it.
func lockedTracker(t testing.TB) *syncer.Tracker {
	var block atomic.Bool
	held, let := make(chan struct{}), make(chan struct{})
	tracker := syncer.NewTracker(syncer.TrackerOptions{Now: func() time.Time {
		if block.CompareAndSwap(true, false) {
			close(held)
			<-let
		}
		return time.Now()
	}})
	block.Store(true)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- syncer.NewEngine(syncer.Options{Source: nowhere{}, Store: nothing{}, Tracker: tracker}).Run(ctx)
	}()
	<-held
	t.Cleanup(func() {
		stop()
		close(let)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return tracker
}

func readLocked(t testing.TB) func() {
	h := api.NewHandler(api.Options{Status: lockedTracker(t).Status})
	w, r := sink{http.Header{}}, httptest.NewRequest(http.MethodGet, statusPath, nil)
	return func() { h.ServeHTTP(w, r) }
}

func TestStatusIsReadWithoutTheLockOfItsWriters(t *testing.T) {
	answered := make(chan struct{})
	read := readLocked(t)
	go func() {
		read()
		close(answered)
	}()
	select {
	case <-answered:
	case <-time.After(10 * time.Second):
		t.Fatal("the status waits for a writer that holds its lock")
	}
}

// BenchmarkStatusWhileLocked costs what BenchmarkStatus costs.
func BenchmarkStatusWhileLocked(b *testing.B) {
	read := readLocked(b)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}
