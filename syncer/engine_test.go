package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
)

// mirror runs an engine within a synctest bubble until the test stops it.
type mirror struct {
	t       *testing.T
	tracker *syncer.Tracker
	engine  *syncer.Engine
	stop    context.CancelFunc
	done    chan error
}

func startMirror(t *testing.T, c *cluster, m *memory, change ...func(*syncer.Options)) *mirror {
	t.Helper()
	tracker := syncer.NewTracker(syncer.TrackerOptions{Cluster: "test"})
	o := syncer.Options{Source: c, Store: m, Tracker: tracker}
	for _, f := range change {
		f(&o)
	}
	ctx, stop := context.WithCancel(t.Context())
	run := &mirror{t: t, tracker: tracker, engine: syncer.NewEngine(o), stop: stop, done: make(chan error, 1)}
	go func() { run.done <- run.engine.Run(ctx) }()
	return run
}

func (r *mirror) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run = %v, want nil after a stop", err)
	}
}

// settle lets fake time pass until nothing but timers is left to happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wantSame holds every row of the store against the cluster.
func wantSame(t *testing.T, c *cluster, m *memory) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range c.resources {
		want, got := map[string]string{}, map[string]string{}
		for key, o := range c.objects[r.String()] {
			want[key] = o.json
		}
		for key, o := range m.rows[r.String()] {
			got[key] = o.json
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: store differs from cluster (-cluster +store):\n%s", r, diff)
		}
	}
}

func fill(c *cluster, r syncer.Resource, n int) {
	for i := range n {
		c.apply(r, fmt.Sprintf("ns%d/o%03d", i%3, i), "first")
	}
}

func churn(c *cluster, r syncer.Resource, n int, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range n {
		key := fmt.Sprintf("ns%d/o%03d", rnd.IntN(3), rnd.IntN(40))
		c.mu.Lock()
		_, exists := c.objects[r.String()][key]
		c.mu.Unlock()
		if exists && rnd.IntN(3) == 0 {
			c.remove(r, key)
			continue
		}
		c.apply(r, key, fmt.Sprint(rnd.Uint32()))
	}
}

func TestFirstSyncThenFollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 50)
		fill(c, services, 7)
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		s := r.tracker.Status()
		if s.Status != syncer.Completed || s.State != syncer.Live || s.Step != syncer.StepDone || s.Partial {
			t.Fatalf("status %s, state %s, step %s, partial %v; want completed, live, done, false", s.Status, s.State, s.Step, s.Partial)
		}
		wantSame(t, c, m)
		for i := range 10 {
			churn(c, pods, 100, uint64(i))
			settle(time.Second)
			wantSame(t, c, m)
		}
		wantAccounted(t, r.tracker.Status())
	})
}

// wantAccounted adds up what became of every object that was received.
func wantAccounted(t *testing.T, s *syncer.Status) {
	t.Helper()
	for _, r := range s.ResourceStatus {
		sum := r.Created + r.Updated + r.Unchanged + r.Deleted + r.Coalesced + r.Filtered + r.DeadLettered
		if r.Received != sum {
			t.Errorf("%s: received %d, accounted for %d: %+v", r.Name, r.Received, sum, r.Counts)
		}
	}
}

func TestRestartResumesWithoutListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		first := startMirror(t, c, m)
		settle(5 * time.Second)
		first.end()
		lists := c.lists["pods"]
		churn(c, pods, 200, 7)
		second := startMirror(t, c, m)
		defer second.end()
		settle(5 * time.Second)
		wantSame(t, c, m)
		if got := c.lists["pods"]; got != lists {
			t.Errorf("lists after the restart: %d, want none", got-lists)
		}
	})
}

func TestRowsDeletedWhileDownAreGoneWhenSyncIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, compacted := range []bool{false, true} {
			c, m := newCluster(pods), newMemory()
			fill(c, pods, 20)
			first := startMirror(t, c, m)
			settle(5 * time.Second)
			first.end()
			c.remove(pods, "ns0/o000")
			if compacted {
				c.compact()
			}
			second := startMirror(t, c, m)
			for second.tracker.Status().Step != syncer.StepInformer && second.tracker.Status().Step != syncer.StepDone {
				<-second.tracker.Changed()
			}
			wantSame(t, c, m)
			second.end()
		}
	})
}

func TestUnchangedResyncWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		first := startMirror(t, c, m)
		settle(5 * time.Second)
		first.end()
		writes := m.writes
		c.apply(services, "x/y", "moves the version on")
		c.compact()
		second := startMirror(t, c, m)
		defer second.end()
		settle(5 * time.Second)
		if m.writes != writes || c.lists["pods"] != 2 {
			t.Errorf("writes %d, lists %d; want 0 and 2", m.writes-writes, c.lists["pods"])
		}
	})
}

func TestExpiredWatchResyncsThatResourceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 20)
		fill(c, services, 5)
		r := startMirror(t, c, m)
		defer r.end()
		settle(10 * time.Second)
		run := r.tracker.Status().RunID
		// Compacting while the watches hang behind expires them.
		c.mu.Lock()
		c.rv += 10
		c.mu.Unlock()
		c.remove(pods, "ns0/o000")
		c.compact()
		settle(20 * time.Minute)
		wantSame(t, c, m)
		if s := r.tracker.Status(); s.RunID != run || s.Status != syncer.Completed {
			t.Errorf("run %s, status %s; want the same run, completed", s.RunID, s.Status)
		}
	})
}

func TestExpiriesWithAWellWatchInBetweenDontAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		defer r.end()
		settle(10 * time.Second)
		for i := range 8 {
			c.mu.Lock()
			c.rv += 10
			c.mu.Unlock()
			c.apply(pods, "ns0/o000", fmt.Sprint("while it expired ", i))
			c.compact()
			settle(11 * time.Minute) // every stream from before has ended by then
			c.apply(pods, "ns0/o000", fmt.Sprint("then ", i))
			c.compact()
			settle(5 * time.Second)
			wantSame(t, c, m)
		}
	})
}

func TestForbiddenResourceDegradesAloneAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 20)
		fill(c, services, 5)
		c.refuse["services"] = syncer.ReasonForbidden
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		s := r.tracker.Status()
		if s.Status != syncer.Completed || !s.Partial || s.ResourceStatus[1].Status != syncer.ResourceForbidden {
			t.Fatalf("status %s, partial %v, services %s", s.Status, s.Partial, s.ResourceStatus[1].Status)
		}
		c.setRefusal(services, "")
		settle(2 * time.Minute)
		wantSame(t, c, m)
		s = r.tracker.Status()
		if s.Partial || s.ResourceStatus[1].Status != syncer.ResourceCompleted || s.ResourceStatus[1].Error != nil {
			t.Errorf("after it is allowed: partial %v, services %+v", s.Partial, s.ResourceStatus[1])
		}
	})
}

func TestEverythingRefusedFailsTheRunAndIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		c.refuse["pods"] = syncer.ReasonForbidden
		r := startMirror(t, c, m)
		defer r.end()
		synctest.Wait()
		s := r.tracker.Status()
		if s.Status != syncer.Failed || s.State != syncer.Retrying || s.Error == nil || s.Retry.NextRetryAt == nil {
			t.Fatalf("status %+v, want failed, retrying, with an error and a time", s)
		}
		c.setRefusal(pods, "")
		settle(2 * time.Minute)
		if s := r.tracker.Status(); s.Status != syncer.Completed || s.Trigger != "retry" {
			t.Errorf("status %s, trigger %s; want completed by retry", s.Status, s.Trigger)
		}
	})
}

func TestListOutOfOrderIsComparedInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		c.shuffle = true
		fill(c, pods, 20)
		m.rows["pods"] = map[string]object{"ns0/stale": {rv: 1}}
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		wantSame(t, c, m)
	})
}

func TestNoChangeIsLostToWritesOfUnknownOutcome(t *testing.T) {
	faults := map[string]func(int) (bool, error){
		"failed":                 func(int) (bool, error) { return false, errors.New("connection lost") },
		"failed but was applied": func(int) (bool, error) { return true, errors.New("time-out") },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, m := newCluster(pods), newMemory()
				fill(c, pods, 40)
				m.fault = func(_ string, n int) (bool, error) {
					if n%3 == 0 {
						return fault(n)
					}
					return true, nil
				}
				r := startMirror(t, c, m)
				defer r.end()
				settle(time.Minute)
				for i := range 5 {
					churn(c, pods, 100, uint64(i))
					settle(time.Minute)
				}
				wantSame(t, c, m)
			})
		})
	}
}

func TestStoreAwayBoundsTheBufferAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		defer r.end()
		settle(10 * time.Second)
		away := true
		m.fault = func(string, int) (bool, error) {
			if away {
				return false, errors.New("store is away")
			}
			return true, nil
		}
		for i := range 3000 {
			c.apply(pods, fmt.Sprintf("ns0/p%04d", i), fmt.Sprintf("%01000d", i))
			if i%100 == 0 {
				settle(100 * time.Millisecond)
			}
		}
		settle(time.Minute)
		const bound = 33 << 20
		if got := r.tracker.Status().ResourceStatus[0].Watch.BufferBytes; got > bound {
			t.Errorf("buffered %d bytes, want at most %d", got, bound)
		}
		m.mu.Lock()
		away = false
		m.mu.Unlock()
		settle(2 * time.Minute)
		wantSame(t, c, m)
		wantAccounted(t, r.tracker.Status())
	})
}

func TestKilledAtAnyMomentTheMirrorEndsWhole(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			c, m := newCluster(pods, services), newMemory()
			fill(c, pods, 60)
			fill(c, services, 10)
			rnd := rand.New(rand.NewPCG(seed, 2))
			for round := range uint64(6) {
				// A killed process stops writing at once: its epoch is over.
				r := startMirror(t, c, m)
				churn(c, pods, 30, seed*100+round)
				settle(time.Duration(rnd.IntN(4000)) * time.Millisecond)
				m.mu.Lock()
				faults := rand.New(rand.NewPCG(seed, round)) // used under the store's lock
				m.fault = func(string, int) (bool, error) { return faults.IntN(2) == 0, errors.New("killed") }
				m.epoch++
				m.mu.Unlock()
				r.stop()
				<-r.done
				m.fault = nil
				if rnd.IntN(3) == 0 {
					c.compact()
				}
			}
			last := startMirror(t, c, m)
			defer last.end()
			settle(10 * time.Second)
			wantSame(t, c, m)
		})
	}
}

func TestRefusedObjectIsDeadLetteredAndBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		m.refuse = "ns1/o001"
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		rs := r.tracker.Status().ResourceStatus[0]
		if rs.DeadLettered != 1 || len(rs.DeadLetters) != 1 || rs.DeadLetters[0].Key != m.refuse || len(m.rows["pods"]) != 19 {
			t.Errorf("dead letters %+v, rows %d; want the one key, and 19 rows", rs.DeadLetters, len(m.rows["pods"]))
		}
		wantAccounted(t, r.tracker.Status())
	})
}

func TestResourceNoLongerConfiguredIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 5)
		fill(c, services, 5)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		c.resources = c.resources[:1]
		r = startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		if n := len(m.rows["services"]); n != 0 {
			t.Errorf("%d rows of services stay, want none", n)
		}
	})
}

func TestOldRowsStayReadableUntilTheListIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		first := startMirror(t, c, m)
		settle(5 * time.Second)
		first.end()
		for i := range 20 {
			c.remove(pods, fmt.Sprintf("ns%d/o%03d", i%3, i))
		}
		fill(c, pods, 1)
		c.compact()
		c.onBatch = func(syncer.Cell) error { return errors.New("connection lost") }
		second := startMirror(t, c, m)
		defer second.end()
		settle(5 * time.Second)
		if n := len(m.rows["pods"]); n != 20 {
			t.Errorf("%d rows while no list is complete, want the old 20", n)
		}
	})
}

func TestAnotherFormWritesEverythingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		writes := m.writes
		r = startMirror(t, c, m, func(o *syncer.Options) { o.Form = "another" })
		defer r.end()
		settle(5 * time.Second)
		if got := m.writes - writes; got != 20 {
			t.Errorf("%d rows written, want all 20", got)
		}
	})
}

func TestWriterThatWasReplacedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 5)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		_, _ = m.NextEpoch(t.Context())
		churn(c, pods, 10, 1)
		settle(5 * time.Second)
		if err := <-r.done; !errors.Is(err, syncer.ErrStaleEpoch) {
			t.Errorf("Run = %v, want ErrStaleEpoch", err)
		}
	})
}

func TestVerifyFindsEachKindOfDifference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		verify := func() map[string]syncer.DifferenceKind {
			found := map[string]syncer.DifferenceKind{}
			report, err := syncer.Verify(t.Context(), syncer.VerifyOptions{
				Source: c, Store: m, Settle: time.Second, Looks: 2,
				Report: func(d syncer.Difference) { found[d.Key] = d.Kind },
			})
			if err != nil || report.Differences() != int64(len(found)) {
				t.Errorf("Verify = %+v, %v; reported %d", report, err, len(found))
			}
			return found
		}
		if found := verify(); len(found) > 0 {
			t.Errorf("a whole mirror differs: %v", found)
		}
		delete(m.rows["pods"], "ns0/o000")
		m.rows["pods"]["ns9/extra"] = object{rv: 1}
		broken := m.rows["pods"]["ns1/o001"]
		broken.json = `{}`
		m.rows["pods"]["ns1/o001"] = broken
		want := map[string]syncer.DifferenceKind{
			"ns0/o000": syncer.Missing, "ns9/extra": syncer.Extra, "ns1/o001": syncer.Different,
		}
		if diff := cmp.Diff(want, verify()); diff != "" {
			t.Errorf("differences (-want +got):\n%s", diff)
		}
	})
}

func TestRowsAreToldOfAfterARestartWithoutTheCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		c.setAway(errors.New("connection refused"))
		r = startMirror(t, c, m)
		defer r.end()
		synctest.Wait()
		s := r.tracker.Status()
		if s.Status != syncer.Failed || len(s.ResourceStatus) != 1 {
			t.Fatalf("status %s, %d resources; want failed, and the one of before", s.Status, len(s.ResourceStatus))
		}
		if rs := s.ResourceStatus[0]; rs.Resource != "Pod" || rs.Version != "v1" || !rs.Namespaced || rs.Objects != 20 || rs.Status != syncer.ResourceNotStarted {
			t.Errorf("resource %+v, want what is known of before", rs)
		}
		c.setAway(nil)
		settle(2 * time.Minute)
		r.wantState(syncer.Completed, syncer.Live)
		wantSame(t, c, m)
	})
}
