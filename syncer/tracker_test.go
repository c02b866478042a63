package syncer_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
)

// checkSnapshots holds every snapshot that it gets hold of against the promises
// of the status document, until the engine has stopped.
func checkSnapshots(t *testing.T, tracker *syncer.Tracker, done <-chan struct{}) (checked int) {
	var last *syncer.Status
	for {
		changed := tracker.Changed()
		s := tracker.Status()
		checkSnapshot(t, s)
		if last != nil {
			checkSuccession(t, last, s)
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

func checkSnapshot(t *testing.T, s *syncer.Status) {
	t.Helper()
	terminal := s.Status == syncer.Completed || s.Status == syncer.Failed
	p := s.Progress
	promises := map[string]bool{
		"endTime is set exactly when terminal":       (s.EndTime != nil) == terminal,
		"durationMs is set exactly when terminal":    (s.DurationMs != nil) == terminal,
		"ratio is within [0,1]":                      p.Ratio >= 0 && p.Ratio <= 1,
		"ratio is 1 exactly when completed":          (p.Ratio == 1) == (s.Status == syncer.Completed),
		"synced and failed are within total":         s.SyncedResources+s.FailedResources <= s.TotalResources,
		"total is the number of cells":               s.TotalResources == len(s.ResourceStatus),
		"partial only when completed":                !s.Partial || s.Status == syncer.Completed,
		"an object total isn't below what is synced": p.Objects.Total == nil || *p.Objects.Total >= p.Objects.Synced,
		"failed has an error, and nothing else":      (s.Error != nil) == (s.Status == syncer.Failed),
		"an eta is for a run that is getting on":     s.ETA == nil || s.State == syncer.Running && s.ETA.Seconds >= 0 && !s.ETA.CompletesAt.Before(s.ObservedAt),
		"times don't run backwards":                  s.ActiveSeconds >= 0 && s.PausedSeconds >= 0,
		"paused is told by state and control alike":  s.State != syncer.Paused && s.State != syncer.Pausing || s.Control.Paused,
		"live means completed":                       s.State != syncer.Live || s.Status == syncer.Completed,
		"running means in progress":                  s.State != syncer.Running || s.Status == syncer.InProgress,
		"idle isn't in progress":                     s.State != syncer.Idle || s.Status != syncer.InProgress,
		"a paused mirror can be resumed":             s.State != syncer.Paused || slices.Contains(s.AllowedActions, syncer.ActionResume),
		"nobody resumes what isn't paused":           s.Control.Paused || !slices.Contains(s.AllowedActions, syncer.ActionResume),
		"a run alone can be cancelled":               s.Status != syncer.Completed || !slices.Contains(s.AllowedActions, syncer.ActionCancel),
	}
	for promise, holds := range promises {
		if !holds {
			text, _ := json.Marshal(s)
			t.Fatalf("broken promise: %s\n%s", promise, text)
		}
	}
	for _, r := range s.ResourceStatus {
		if r.Total != nil && *r.Total < r.Count {
			t.Fatalf("%s: count %d passes total %d", r.Name, r.Count, *r.Total)
		}
	}
}

func checkSuccession(t *testing.T, a, b *syncer.Status) {
	t.Helper()
	if b.Revision < a.Revision {
		t.Fatalf("revision fell from %d to %d", a.Revision, b.Revision)
	}
	if b.RunID != a.RunID {
		return
	}
	if b.ActiveSeconds < a.ActiveSeconds || b.PausedSeconds < a.PausedSeconds {
		t.Fatalf("active or paused time fell within a run: %v and %v, then %v and %v", a.ActiveSeconds, a.PausedSeconds, b.ActiveSeconds, b.PausedSeconds)
	}
	if a.EndTime != nil {
		if diff := cmp.Diff(ofTheRun(a, b), ofTheRun(b, a)); diff != "" {
			t.Fatalf("a run changed after its end (-before +after):\n%s", diff)
		}
	}
	if b.Progress.Ratio < a.Progress.Ratio || b.Progress.Objects.Synced < a.Progress.Objects.Synced || b.Progress.Bytes.Synced < a.Progress.Bytes.Synced {
		t.Fatalf("progress fell within a run: %+v, then %+v", a.Progress, b.Progress)
	}
	if a.InitialSyncComplete && !b.InitialSyncComplete {
		t.Fatal("the initial sync was completed, and isn't any more")
	}
}

// ofTheRun is what a terminal document tells of its run: it stays, and so do the
// cells that are in other too.
func ofTheRun(s, other *syncer.Status) map[string]any {
	facts := map[string]any{
		"status": s.Status, "step": s.Step, "start": s.StartTime, "end": s.EndTime, "duration": s.DurationMs, "progress": s.Progress,
		"active": s.ActiveSeconds, "paused": s.PausedSeconds, "error": s.Error, "steps": s.StepStatus, "trigger": s.Trigger,
		"epoch": s.Epoch, "trace": s.TraceID, "attempt": s.Retry.Attempt, "last progress": s.LastProgressAt,
	}
	for _, r := range s.ResourceStatus {
		if slices.ContainsFunc(other.ResourceStatus, func(o syncer.ResourceStatus) bool { return o.Name == r.Name }) {
			facts[r.Name] = []int64{r.Count, r.Bytes}
		}
	}
	return facts
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
