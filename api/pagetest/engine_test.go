package pagetest

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

// mirror is a real engine on a cluster that does as it is told, a real store and
// the real handler.
type mirror struct {
	tracker *syncer.Tracker
	engine  *syncer.Engine
	handler http.Handler
	url     string
}

// startMirror serves the mirror of c, and runs it until the test ends.
func startMirror(t *testing.T, c *cluster) *mirror {
	t.Helper()
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(t.TempDir(), "mirror.db"), Cluster: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	m := &mirror{tracker: syncer.NewTracker(syncer.TrackerOptions{Cluster: "shop", Instance: "pod-a"})}
	m.engine = syncer.NewEngine(syncer.Options{
		Source: c, Store: store, Tracker: m.tracker, GiveUpAfter: 1, Parallel: 1, MinBackoff: 4 * time.Second, MaxBackoff: 8 * time.Second,
	})
	m.handler = api.NewHandler(api.Options{Status: m.tracker.Status, Changed: m.tracker.Changed, Control: m.engine, History: store, Namespaces: m.tracker.Namespaces})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := m.engine.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	m.url = "http://" + listen(t, "127.0.0.1:0", m.handler).address + "/"
	return m
}

// await waits until the state is as it should be.
func (m *mirror) await(t *testing.T, what string, ok func(*syncer.Status) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := m.tracker.Changed()
		if ok(m.tracker.Status()) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not seen within %s: %s", patience, what)
		}
	}
}

// listener serves until stop, or the test's end.
type listener struct {
	address string
	stop    func()
}

func listen(t *testing.T, address string, h http.Handler) *listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until stop closes it
	}()
	stop := sync.OnceFunc(func() {
		_ = server.Close()
		<-done
	})
	t.Cleanup(stop)
	return &listener{address: l.Addr().String(), stop: stop}
}
