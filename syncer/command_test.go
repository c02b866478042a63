package syncer_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
)

// do carries out a command, which has to be accepted.
func (r *mirror) do(cmd syncer.Command) syncer.Operation {
	r.t.Helper()
	op, err := r.engine.Do(r.t.Context(), cmd)
	if err != nil {
		r.t.Fatalf("%s: %v", cmd.Action, err)
	}
	if op.ID == "" || op.Revision == 0 {
		r.t.Errorf("%s: operation %+v, want an id and a revision", cmd.Action, op)
	}
	return op
}

// refuses checks that a command isn't possible now, and that the answer says what is.
func (r *mirror) refuses(a syncer.Action) {
	r.t.Helper()
	_, err := r.engine.Do(r.t.Context(), syncer.Command{Action: a})
	refused, ok := errors.AsType[*syncer.NotAllowedError](err)
	if !ok {
		r.t.Fatalf("%s = %v, want a NotAllowedError", a, err)
	}
	if diff := cmp.Diff(r.tracker.Status().AllowedActions, refused.Allowed); diff != "" {
		r.t.Errorf("%s: allowed (-status +error):\n%s", a, diff)
	}
}

func (r *mirror) wantState(status syncer.RunStatus, state syncer.State) {
	r.t.Helper()
	if s := r.tracker.Status(); s.Status != status || s.State != state {
		r.t.Fatalf("status %s, state %s; want %s, %s", s.Status, s.State, status, state)
	}
}

func TestPauseOfALiveMirrorHoldsChangesBackUntilItIsResumedFromTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 20)
		r := startMirror(t, c, m)
		defer r.end()
		settle(10 * time.Second)
		r.do(syncer.Command{Action: syncer.ActionPause, By: "ann", Reason: "maintenance"})
		if !m.control.Paused {
			t.Fatal("the pause was acknowledged before it was stored")
		}
		synctest.Wait()
		r.wantState(syncer.Completed, syncer.Paused)
		s := r.tracker.Status()
		if c := s.Control; !c.Paused || *c.By != "ann" || *c.Reason != "maintenance" || c.Since == nil {
			t.Errorf("control %+v, want who paused and why", c)
		}
		writes, lists := m.writes, c.lists["pods"]
		churn(c, pods, 50, 1)
		settle(10 * time.Minute)
		if m.writes != writes {
			t.Errorf("%d rows were written while paused", m.writes-writes)
		}
		r.refuses(syncer.ActionPause)
		r.refuses(syncer.ActionStart)
		r.do(syncer.Command{Action: syncer.ActionResume})
		settle(10 * time.Second)
		r.wantState(syncer.Completed, syncer.Live)
		wantSame(t, c, m)
		if c.lists["pods"] != lists {
			t.Errorf("%d lists after the pause, want none: the checkpoint is recent", c.lists["pods"]-lists)
		}
		if m.control.Paused || r.tracker.Status().Control.Paused {
			t.Error("the pause is still told of")
		}
	})
}

func TestPauseThatCantBeStoredIsRefusedAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 5)
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		m.controlErr = errors.New("store is away")
		if _, err := r.engine.Do(t.Context(), syncer.Command{Action: syncer.ActionPause}); !errors.Is(err, m.controlErr) {
			t.Errorf("pause = %v, want the store's error", err)
		}
		r.wantState(syncer.Completed, syncer.Live)
		churn(c, pods, 20, 1)
		settle(time.Second)
		wantSame(t, c, m)
	})
}

func TestPauseInEveryStepSurvivesARestartAndEndsWhole(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			c, m := newCluster(pods, services), newMemory()
			fill(c, pods, 200)
			fill(c, services, 9)
			rnd := rand.New(rand.NewPCG(seed, 5))
			c.setOnBatch(func(syncer.Cell) error { time.Sleep(20 * time.Millisecond); return nil })
			r := startMirror(t, c, m)
			settle(time.Duration(rnd.IntN(2500)) * time.Millisecond)
			r.do(syncer.Command{Action: syncer.ActionPause})
			settle(time.Second)
			if s := r.tracker.Status(); s.State != syncer.Paused {
				t.Fatalf("state %s in step %s a second after the pause, want paused", s.State, s.Step)
			}
			writes := m.writes
			churn(c, pods, 20, seed)
			settle(time.Minute)
			if rnd.IntN(2) == 0 {
				r.end()
				r = startMirror(t, c, m)
				settle(time.Minute)
				r.wantState(syncer.InProgress, syncer.Paused)
			}
			if m.writes != writes {
				t.Fatalf("%d rows were written while paused", m.writes-writes)
			}
			if s := r.tracker.Status(); s.Status == syncer.InProgress && s.PausedSeconds < 59 {
				t.Errorf("paused for %v s of a minute", s.PausedSeconds)
			}
			r.do(syncer.Command{Action: syncer.ActionResume})
			settle(20 * time.Second)
			r.wantState(syncer.Completed, syncer.Live)
			wantSame(t, c, m)
			wantAccounted(t, r.tracker.Status())
			r.end()
		})
	}
}

func TestCancelEndsTheRunLeavesTheOldMirrorAndWaitsForAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 60)
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		r.refuses(syncer.ActionCancel)
		for i := range 30 {
			c.remove(pods, fmt.Sprintf("ns%d/o%03d", i%3, i))
		}
		settle(time.Second)
		c.setOnBatch(func(syncer.Cell) error { time.Sleep(time.Second); return nil })
		r.do(syncer.Command{Action: syncer.ActionStart})
		settle(3 * time.Second)
		r.wantState(syncer.InProgress, syncer.Running)
		r.do(syncer.Command{Action: syncer.ActionCancel, By: "bob", Reason: "wrong cluster"})
		settle(time.Second)
		r.wantState(syncer.Failed, syncer.Idle)
		s := r.tracker.Status()
		if s.Error == nil || *s.Error != "cancelled by bob: wrong cluster" {
			t.Errorf("error %v, want who cancelled and why", s.Error)
		}
		if len(m.rows["pods"]) != 30 || s.ConsecutiveFailures != 0 {
			t.Errorf("%d rows, %d failures; want the old 30 rows, and no failure", len(m.rows["pods"]), s.ConsecutiveFailures)
		}
		settle(time.Hour)
		r.wantState(syncer.Failed, syncer.Idle)
		c.setOnBatch(nil)
		r.do(syncer.Command{Action: syncer.ActionStart})
		settle(5 * time.Second)
		r.wantState(syncer.Completed, syncer.Live)
		wantSame(t, c, m)
		outcomes := []syncer.RunOutcome{}
		for _, run := range m.runs {
			outcomes = append(outcomes, run.Outcome)
		}
		if diff := cmp.Diff([]syncer.RunOutcome{syncer.RunCompleted, syncer.RunCancelled, syncer.RunCompleted}, outcomes); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestStartComparesWhatItNamesAndLetsTheRestResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 30)
		fill(c, services, 6)
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		first := r.tracker.Status().RunID
		delete(m.rows["pods"], "ns1/o001") // a row that someone lost
		delete(m.rows["services"], "ns2/o002")

		r.do(syncer.Command{Action: syncer.ActionStart, Resources: []string{"Service"}})
		settle(10 * time.Second)
		r.wantState(syncer.Completed, syncer.Live)
		s := r.tracker.Status()
		if s.RunID == first || s.Trigger != syncer.TriggerManual {
			t.Errorf("run %s by %s, want another one, manual", s.RunID, s.Trigger)
		}
		if c.lists["pods"] != 1 || c.lists["services"] != 2 || len(m.rows["services"]) != 6 || len(m.rows["pods"]) != 29 {
			t.Errorf("lists %v, rows %d and %d; want services alone compared", c.lists, len(m.rows["pods"]), len(m.rows["services"]))
		}

		r.do(syncer.Command{Action: syncer.ActionStart, Resources: []string{"pods"}, Namespaces: []string{"ns1"}})
		settle(10 * time.Second)
		wantSame(t, c, m)
		if c.lists["pods"] != 1 || c.lists["pods/ns1"] != 1 {
			t.Errorf("lists %v, want one of the namespace alone", c.lists)
		}

		r.do(syncer.Command{Action: syncer.ActionStart})
		settle(10 * time.Second)
		if c.lists["pods"] != 2 || c.lists["services"] != 3 {
			t.Errorf("lists %v, want one more of each resource", c.lists)
		}
	})
}

func TestRetryDoesNotWaitForTheNextAttemptOfWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 5)
		fill(c, services, 5)
		c.refuse["services"] = syncer.ReasonForbidden
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Minute) // the waits have grown to their most
		c.setRefusal(services, "")
		r.do(syncer.Command{Action: syncer.ActionRetry, Resources: []string{"pods"}})
		synctest.Wait()
		if s := r.tracker.Status(); !s.Partial {
			t.Fatal("a retry of pods retried services")
		}
		r.do(syncer.Command{Action: syncer.ActionRetry, Resources: []string{"services"}})
		settle(time.Second)
		if s := r.tracker.Status(); s.Partial || s.ResourceStatus[1].Status != syncer.ResourceCompleted {
			t.Errorf("services %s a second after the retry, want completed", s.ResourceStatus[1].Status)
		}
		wantSame(t, c, m)
		r.refuses(syncer.ActionRetry)
	})
}

func TestRetryStartsAFailedRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		c.refuse["pods"] = syncer.ReasonForbidden
		r := startMirror(t, c, m)
		defer r.end()
		settle(3 * time.Minute)
		r.wantState(syncer.Failed, syncer.Retrying)
		if n := r.tracker.Status().ConsecutiveFailures; n < 3 {
			t.Errorf("%d consecutive failures, want some", n)
		}
		c.setRefusal(pods, "")
		r.do(syncer.Command{Action: syncer.ActionRetry})
		settle(5 * time.Second)
		r.wantState(syncer.Completed, syncer.Live)
		if n := r.tracker.Status().ConsecutiveFailures; n != 0 {
			t.Errorf("%d consecutive failures after a success, want 0", n)
		}
	})
}

func TestCancelOfAFailedRunEndsItsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		c.refuse["pods"] = syncer.ReasonForbidden
		r := startMirror(t, c, m)
		defer r.end()
		settle(10 * time.Second)
		r.do(syncer.Command{Action: syncer.ActionCancel})
		settle(time.Second)
		r.wantState(syncer.Failed, syncer.Idle)
		lists := c.lists["pods"]
		settle(time.Hour)
		if c.lists["pods"] != lists {
			t.Error("it is still tried")
		}
	})
}

func TestCommandsThatCantBeMeantAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		for name, cmd := range map[string]syncer.Command{
			"an unknown action":      {Action: "stop"},
			"an unknown resource":    {Action: syncer.ActionStart, Resources: []string{"podz"}},
			"an empty namespace":     {Action: syncer.ActionStart, Namespaces: []string{""}},
			"a pause of a part":      {Action: syncer.ActionPause, Resources: []string{"pods"}},
			"a reason without bound": {Action: syncer.ActionPause, Reason: string(make([]byte, 1000))},
		} {
			_, err := r.engine.Do(t.Context(), cmd)
			if _, ok := errors.AsType[*syncer.InvalidCommandError](err); !ok {
				t.Errorf("%s: %v, want an InvalidCommandError", name, err)
			}
		}
		r.wantState(syncer.Completed, syncer.Live)
	})
}

func TestResourcesOfGroupsThatCantBeReadStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		carts := syncer.Resource{Group: "shop.test", Version: "v1", Name: "carts", Kind: "Cart", Namespaced: true}
		c, m := newCluster(pods, carts), newMemory()
		fill(c, pods, 5)
		fill(c, carts, 5)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		c.resources, c.unread = c.resources[:1], []string{"shop.test"}
		r = startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		if n := len(m.rows["carts.shop.test"]); n != 5 {
			t.Errorf("%d rows of a group that couldn't be read, want all 5", n)
		}
		if w := r.tracker.Status().Warnings; len(w) != 1 || w[0].Code != syncer.WarnDiscovery {
			t.Errorf("warnings %+v, want one of the discovery", w)
		}
		c.mu.Lock()
		c.unread = nil
		c.mu.Unlock()
		settle(time.Minute)
		if w := r.tracker.Status().Warnings; len(w) != 0 {
			t.Errorf("warnings %+v once it can be read, want none", w)
		}
	})
}

func TestNotFoundTellsNothingWhileTheGroupCantBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		carts := syncer.Resource{Group: "shop.test", Version: "v1", Name: "carts", Kind: "Cart", Namespaced: true}
		c, m := newCluster(pods, carts), newMemory()
		fill(c, carts, 5)
		r := startMirror(t, c, m)
		settle(5 * time.Second)
		r.end()
		c.compact()
		c.unread, c.missing = []string{"shop.test"}, true
		c.refuse["carts.shop.test"] = syncer.ReasonNotFound
		r = startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		if n := len(m.rows["carts.shop.test"]); n != 5 {
			t.Errorf("%d rows, want all 5: the version may have been guessed wrong", n)
		}
		c.mu.Lock()
		c.unread = nil
		c.mu.Unlock()
		settle(2 * time.Minute)
		if n := len(m.rows["carts.shop.test"]); n != 0 {
			t.Errorf("%d rows of a resource that is known to be gone, want none", n)
		}
	})
}

// Random commands at random moments of random runs, with failures all the while.
func TestEverySnapshotKeepsThePromisesWhateverIsCommanded(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			c, m := newCluster(pods, services), newMemory()
			rnd := rand.New(rand.NewPCG(seed, 6))
			fill(c, pods, 90)
			fill(c, services, 9)
			c.setOnBatch(func(syncer.Cell) error { time.Sleep(50 * time.Millisecond); return nil })
			faults := rand.New(rand.NewPCG(seed, 7)) // used under the store's lock
			m.fault = func(string, int) (bool, error) {
				if faults.IntN(5) == 0 {
					return faults.IntN(2) == 0, errors.New("connection lost")
				}
				return true, nil
			}
			r := startMirror(t, c, m)
			done, checked := make(chan struct{}), make(chan int, 1)
			go func() { checked <- checkSnapshots(t, r.tracker, done) }()
			reasons := []syncer.Reason{"", "", syncer.ReasonForbidden, syncer.ReasonUnavailable, syncer.ReasonNotFound}
			for range 25 {
				c.setRefusal(pods, reasons[rnd.IntN(len(reasons))])
				c.setResources([]syncer.Resource{pods, services, nodes}[:2+rnd.IntN(2)]...)
				churn(c, pods, 5, rnd.Uint64())
				cmd := syncer.Command{Action: syncer.Actions[rnd.IntN(len(syncer.Actions))], By: "test"}
				before := r.tracker.Status()
				_, err := r.engine.Do(t.Context(), cmd)
				if _, refused := errors.AsType[*syncer.NotAllowedError](err); err != nil && !refused {
					t.Fatalf("%s: %v", cmd.Action, err)
				}
				if allowed := slices.Contains(before.AllowedActions, cmd.Action); allowed != (err == nil) && before == r.tracker.Status() {
					t.Fatalf("%s: %v, though the status allows %v", cmd.Action, err, before.AllowedActions)
				}
				settle(time.Duration(rnd.IntN(4000)) * time.Millisecond)
			}
			c.setRefusal(pods, "")
			c.setResources(pods, services)
			c.setOnBatch(nil)
			for _, a := range []syncer.Action{syncer.ActionResume, syncer.ActionStart} {
				_, _ = r.engine.Do(t.Context(), syncer.Command{Action: a})
			}
			settle(3 * time.Minute)
			r.wantState(syncer.Completed, syncer.Live)
			wantSame(t, c, m)
			r.end()
			close(done)
			if n := <-checked; n < 5 {
				t.Errorf("only %d snapshots were seen", n)
			}
		})
	}
}

func TestETAAppearsWhenItMeansSomethingAndSkipsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 300) // 100 batches of a second each
		c.setOnBatch(func(syncer.Cell) error { time.Sleep(time.Second); return nil })
		c.remaining = true
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		if eta := r.tracker.Status().ETA; eta != nil {
			t.Errorf("eta %+v after 5 s, want none", eta)
		}
		settle(35 * time.Second)
		near := func(want float64) {
			t.Helper()
			eta := r.tracker.Status().ETA
			if eta == nil || float64(eta.Seconds) < want*0.8 || float64(eta.Seconds) > want*1.2 {
				t.Errorf("eta %+v, want about %v s", eta, want)
			}
		}
		near(60)
		r.do(syncer.Command{Action: syncer.ActionPause})
		settle(10 * time.Minute)
		if eta := r.tracker.Status().ETA; eta != nil {
			t.Errorf("eta %+v while paused, want none", eta)
		}
		r.do(syncer.Command{Action: syncer.ActionResume})
		settle(80 * time.Second) // the list begins anew
		near(20)
		s := r.tracker.Status()
		if s.ActiveSeconds > 130 || s.PausedSeconds < 599 {
			t.Errorf("active for %v s, paused for %v s; want about 120 and 600", s.ActiveSeconds, s.PausedSeconds)
		}
	})
}

func TestLagIsZeroOnlyWhenTheWatchWasHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 5)
		r := startMirror(t, c, m)
		defer r.end()
		lag := func() *float64 { return r.tracker.Status().ResourceStatus[0].Watch.LagSeconds }
		settle(10 * time.Second)
		if l := lag(); l == nil || *l != 0 {
			t.Errorf("lag %v of a live watch, want 0", l)
		}
		away := true
		m.fault = func(string, int) (bool, error) {
			if away {
				return false, errors.New("store is away")
			}
			return true, nil
		}
		c.apply(pods, "ns0/new", "waits")
		settle(30 * time.Second)
		if l := lag(); l == nil || *l < 28 || *l > 31 {
			t.Errorf("lag %v with an event that has waited for 30 s", l)
		}
		m.mu.Lock()
		away = false
		m.mu.Unlock()
		settle(30 * time.Second)
		if l := lag(); l == nil || *l != 0 {
			t.Errorf("lag %v once it is written, want 0", l)
		}
		c.setSilent(true)
		settle(4 * time.Minute)
		if l := lag(); l != nil {
			t.Errorf("lag %v of a watch that has been silent for minutes, want none", *l)
		}
	})
}

func TestLagShowsOfAnEventThatCameWhileACheckpointWasSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods), newMemory()
		fill(c, pods, 5)
		m.checkpointTakes = 3 * time.Second
		r := startMirror(t, c, m)
		defer r.end()
		settle(30 * time.Second)
		c.apply(pods, "ns0/first", "makes a checkpoint due")
		settle(2 * time.Second) // which is being saved now
		m.mu.Lock()
		m.fault = func(string, int) (bool, error) {
			time.Sleep(20 * time.Second) // as a database that hangs
			return true, nil
		}
		m.mu.Unlock()
		c.apply(pods, "ns0/second", "waits")
		settle(15 * time.Second)
		if w := r.tracker.Status().ResourceStatus[0].Watch; w.LagSeconds == nil || *w.LagSeconds < 13 || w.BufferBytes == 0 {
			t.Errorf("lag %v with %d bytes buffered, 15 s after an event that isn't stored", w.LagSeconds, w.BufferBytes)
		}
	})
}

func TestNamespacesAddUpToTheirResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(pods, services), newMemory()
		fill(c, pods, 31)
		fill(c, services, 2)
		r := startMirror(t, c, m)
		defer r.end()
		settle(5 * time.Second)
		got, s := r.tracker.Namespaces()
		if s != r.tracker.Status() {
			t.Error("the snapshot isn't the newest")
		}
		part := func(name string, n int64) syncer.NamespaceResource {
			return syncer.NamespaceResource{Name: name, Status: syncer.ResourceCompleted, Objects: n}
		}
		want := []syncer.NamespaceProgress{
			{Namespace: "ns0", Status: "completed", Objects: 12, Resources: []syncer.NamespaceResource{part("pods", 11), part("services", 1)}},
			{Namespace: "ns1", Status: "completed", Objects: 11, Resources: []syncer.NamespaceResource{part("pods", 10), part("services", 1)}},
			{Namespace: "ns2", Status: "completed", Objects: 10, Resources: []syncer.NamespaceResource{part("pods", 10)}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("namespaces (-want +got):\n%s", diff)
		}
	})
}

func TestHistoryTellsDurationsFailuresAndTrends(t *testing.T) {
	at := time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)
	var runs []syncer.Run
	for i := range 20 {
		runs = append(runs, syncer.Run{
			ID: fmt.Sprintf("%02d", i), Outcome: syncer.RunCompleted, DurationMs: int64(i+1) * 100, EndTime: at.Add(time.Duration(i) * time.Hour),
			Resources: []syncer.RunResource{{Name: "pods", Namespace: "a", Objects: int64(i)}, {Name: "pods", Namespace: "b", Objects: 1}},
		})
	}
	runs[3].Outcome, runs[4].Outcome = syncer.RunFailed, syncer.RunCancelled
	s := syncer.SummarizeRuns(runs)
	if *s.MinDurationMs != 100 || *s.MaxDurationMs != 2000 || *s.AverageDurationMs != (21000-400-500)/18 || *s.P95DurationMs != 2000 {
		t.Errorf("durations: min %d, max %d, average %d, p95 %d", *s.MinDurationMs, *s.MaxDurationMs, *s.AverageDurationMs, *s.P95DurationMs)
	}
	if s.Runs != 20 || s.FailureRate != 1.0/19 {
		t.Errorf("%d runs, failure rate %v; want 20 and 1/19: a cancelled run didn't fail", s.Runs, s.FailureRate)
	}
	points := s.Resources[0].Points
	if len(s.Resources) != 1 || len(points) != 18 || points[17].Objects != 20 || points[0].RunID != "00" {
		t.Errorf("trend %+v, want the sum of the namespaces of each completed run", s.Resources)
	}
	if empty := syncer.SummarizeRuns(nil); empty.AverageDurationMs != nil || empty.FailureRate != 0 {
		t.Errorf("aggregates of nothing: %+v", empty)
	}
}

func TestProgressKnowsItsEndBeforeEveryResourceHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m := newCluster(services, nodes, pods), newMemory()
		fill(c, services, 3)
		fill(c, nodes, 3)
		fill(c, pods, 294)
		c.remaining = true
		c.setOnBatch(func(syncer.Cell) error { time.Sleep(time.Second); return nil })
		r := startMirror(t, c, m, func(o *syncer.Options) { o.Parallel = 1 })
		defer r.end()
		settle(2500 * time.Millisecond)
		s := r.tracker.Status()
		if p := s.Progress; p.Basis != syncer.BasisObjects || p.Ratio > 0.1 || p.Objects.Total == nil || *p.Objects.Total != 300 {
			t.Errorf("progress %+v, want 300 objects as its end, and little of it done", p)
		}
	})
}
