package main_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api/client"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

func TestFollowerHoldsTheDaemonsDocumentThroughSyncChurnAndRestart(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "2000", "--mixed", "200")
	d := newDaemon(t, c)
	running := 0 // documents of a run in progress; owned by Run's goroutine until it has ended
	f, err := client.New(client.Options{URL: d.server, OnStatus: func(s *syncer.Status) {
		if s.Status == syncer.InProgress {
			running++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	for range 2 {
		d.start()
		d.waitCompleted()
		c.Churn("--rate", "0", "--count", "500")
		awaitSame(t, f, d)
		d.stop() // within its five seconds, though a client streams
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if running == 0 {
		t.Error("the follower never saw a run in progress")
	}
}

// awaitSame waits until the follower holds what GET answers; both change meanwhile.
func awaitSame(t *testing.T, f *client.Follower, d *daemon) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		changed := f.Changed()
		want, got := d.status(), f.Status()
		if want.Revision == got.Revision && want.RunID == got.RunID {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("revision %d (-GET +followed):\n%s", want.Revision, diff)
			}
			return
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond): // the daemon may be quiet since
		case <-deadline:
			t.Fatalf("follower at revision %d (%v), daemon at %d after a minute", got.Revision, f.Err(), want.Revision)
		}
	}
}
