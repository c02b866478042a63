package syncer_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/statustest"
)

// checkSnapshots holds every snapshot that it gets hold of against the promises
// of the status document, until the engine has stopped.
func checkSnapshots(t *testing.T, tracker *syncer.Tracker, done <-chan struct{}) (checked int) {
	var last *syncer.Status
	for {
		changed := tracker.Changed()
		s := tracker.Status()
		err := statustest.Check(s)
		if err == nil && last != nil {
			err = statustest.CheckSuccession(last, s)
		}
		if err != nil {
			t.Error(err)
			return checked
		}
		last = s
		checked++
		select {
		case <-changed:
		case <-done:
			return checked
		}
	}
}

func TestEverySnapshotKeepsThePromisesOfTheDocument(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			c, m := newCluster(pods, services), newMemory()
			rnd := rand.New(rand.NewPCG(seed, 3))
			fill(c, pods, 60)
			fill(c, services, 9)
			faults := rand.New(rand.NewPCG(seed, 4)) // used under the store's lock
			m.fault = func(string, int) (bool, error) {
				if faults.IntN(4) == 0 {
					return faults.IntN(2) == 0, errors.New("connection lost")
				}
				return true, nil
			}
			r := startMirror(t, c, m)
			done, checked := make(chan struct{}), make(chan int, 1)
			go func() { checked <- checkSnapshots(t, r.tracker, done) }()
			reasons := []syncer.Reason{"", syncer.ReasonForbidden, syncer.ReasonUnavailable, syncer.ReasonNotFound}
			for range 8 {
				c.setRefusal(pods, reasons[rnd.IntN(len(reasons))])
				c.setRefusal(services, reasons[rnd.IntN(len(reasons))])
				churn(c, pods, 20, rnd.Uint64())
				settle(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
			}
			r.end()
			close(done)
			if n := <-checked; n < 5 {
				t.Errorf("only %d snapshots were seen", n)
			}
		})
	}
}

func TestPhasesMoveOnlyAsTheTableAllows(t *testing.T) {
	if syncer.Allowed(syncer.PhasePending, syncer.PhaseWatching) {
		t.Error("a resource that was never synced may not be watching")
	}
	if !syncer.Allowed(syncer.PhaseWatching, syncer.PhaseListing) {
		t.Error("a watch that expired must be able to list")
	}
}

func TestReadingTheStatusDoesNotAllocate(t *testing.T) {
	tracker := syncer.NewTracker(syncer.TrackerOptions{Cluster: "test"})
	if n := testing.AllocsPerRun(100, func() { _ = tracker.Status() }); n != 0 {
		t.Errorf("%v allocations a read, want 0", n)
	}
}
