package syncer

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Tracker is the only writer of the state. Each change publishes a new
// immutable [Status]; reading the newest costs one atomic load, and no lock that
// a writer can hold.
type Tracker struct {
	now     func() time.Time
	current atomic.Pointer[Status]
	// changed is closed, and replaced, at each change.
	changed atomic.Pointer[chan struct{}]

	mu    sync.Mutex // guards all below
	s     Status     // the state that the next snapshot is made from
	cells []*CellTracker
	byKey map[string]*CellTracker

	working    bool // there is work that a pause has to wait for
	cancelling bool
	cancelled  bool // the last run was, and so isn't tried again
	stopped    bool

	pausedAt  time.Time     // of the pause that lasts; zero: none, or no run to pause
	pausedFor time.Duration // the run's pauses that are over
	pace      pace
}

// TrackerOptions say whose state it is.
type TrackerOptions struct {
	Cluster  string
	Instance string
	Now      func() time.Time // time.Now if nil
}

// NewTracker returns a tracker that has published its first snapshot: nothing started.
func NewTracker(o TrackerOptions) *Tracker {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Tracker{now: o.Now, byKey: map[string]*CellTracker{}}
	t.s = Status{
		SchemaVersion: 1, Cluster: o.Cluster, Instance: o.Instance,
		Role: Leader, Status: NotStarted, Progress: Progress{Basis: BasisResources},
	}
	c := make(chan struct{})
	t.changed.Store(&c)
	t.publish()
	return t
}

// Status returns the newest snapshot. Callers must not change it.
func (t *Tracker) Status() *Status { return t.current.Load() }

// Changed returns a channel that is closed at the next change. Take it before
// reading Status, and no change is missed.
func (t *Tracker) Changed() <-chan struct{} { return *t.changed.Load() }

// update applies change under the lock and publishes the outcome.
func (t *Tracker) update(change func(s *Status)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.s)
	t.publish()
}

// publish makes the next snapshot; the caller holds mu, or is the constructor.
func (t *Tracker) publish() {
	t.s.Revision++
	t.s.ObservedAt = t.time()
	t.derive()
	next := t.s
	next.ResourceStatus = make([]ResourceStatus, len(t.cells))
	for i, c := range t.cells {
		next.ResourceStatus[i] = c.rs // what it refers to is replaced, and never changed
	}
	next.StepStatus = slices.Clone(t.s.StepStatus)
	next.CurrentResources = slices.Clone(t.s.CurrentResources)
	next.Warnings = slices.Clone(t.s.Warnings)
	t.current.Store(&next)
	fresh := make(chan struct{})
	close(*t.changed.Swap(&fresh))
}

// tick tells what time alone changes: how long a run has been active, and how
// long events have waited. A live mirror that waits for nothing stays as it is.
func (t *Tracker) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.time()
	aged := func(c *CellTracker) bool { return c.lag(now) != c.lag(t.s.ObservedAt) }
	if t.s.Status == InProgress || slices.ContainsFunc(t.cells, aged) {
		t.publish()
	}
}

// time is now in UTC at the precision of the document.
func (t *Tracker) time() time.Time { return t.now().UTC().Truncate(time.Millisecond) }

// startRun begins a run: everything that concerns the run before is reset.
func (t *Tracker) startRun(run RunInfo, traceID string) {
	t.update(func(s *Status) {
		now := t.time()
		s.RunID, s.TraceID, s.Trigger, s.Epoch = run.ID, traceID, run.Trigger, 0
		s.Status, s.Step = InProgress, ""
		s.StartTime, s.EndTime, s.DurationMs, s.LastProgressAt = &now, nil, nil, &now
		s.Progress = Progress{Basis: BasisResources}
		s.StepStatus, s.Error, s.Partial = nil, nil, false
		s.Retry = Retry{Attempt: run.Attempt}
		t.cancelling, t.cancelled = false, false
		t.pausedAt, t.pausedFor, t.pace = time.Time{}, 0, pace{}
		if s.Control.Paused {
			t.pausedAt = now
		}
		for _, c := range t.cells {
			c.resetRun()
		}
	})
}

// setEpoch records the epoch once the store has given it.
func (t *Tracker) setEpoch(epoch int64) { t.update(func(s *Status) { s.Epoch = epoch }) }

// startStep ends the step before, and begins step.
func (t *Tracker) startStep(step Step) {
	t.update(func(s *Status) {
		now := t.time()
		endStep(s, now)
		s.Step = step
		s.StepStatus = append(s.StepStatus, StepStatus{Step: step, StartTime: now})
	})
}

func endStep(s *Status, now time.Time) {
	if n := len(s.StepStatus); n > 0 && s.StepStatus[n-1].EndTime == nil {
		s.StepStatus[n-1].EndTime = &now
	}
}

// finishRun ends the run. A nil err completes it, partially if a cell isn't well.
func (t *Tracker) finishRun(err error) {
	t.update(func(s *Status) {
		now := t.time()
		t.deriveClock(now)
		endStep(s, now)
		s.EndTime = &now
		took := now.Sub(*s.StartTime).Milliseconds()
		s.DurationMs = &took
		t.cancelling = false
		if err != nil {
			text := err.Error()
			_, t.cancelled = errors.AsType[*CancelledError](err)
			s.Status, s.Error = Failed, &text
			if !t.cancelled {
				s.ConsecutiveFailures++
			}
			return
		}
		s.Status, s.Step = Completed, StepDone
		s.StepStatus = append(s.StepStatus, StepStatus{Step: StepDone, StartTime: now})
		s.InitialSyncComplete, s.LastSuccessAt, s.ConsecutiveFailures = true, &now, 0
	})
}

// retryAt says when the failed run is tried again.
func (t *Tracker) retryAt(at time.Time) {
	t.update(func(s *Status) {
		at = at.UTC().Truncate(time.Millisecond)
		s.Retry.NextRetryAt = &at
	})
}

// giveUp says that the failed run isn't tried again.
func (t *Tracker) giveUp() {
	t.update(func(s *Status) { t.cancelling, t.cancelled, s.Retry.NextRetryAt = false, true, nil })
}

// stop says that the engine has ended; what the run reached stays told.
func (t *Tracker) stop() { t.update(func(*Status) { t.stopped = true }) }

// setHistory replaces what is told of past runs.
func (t *Tracker) setHistory(h HistorySummary) { t.update(func(s *Status) { s.History = h }) }

// setCells makes the tracked cells those of discovered, in that order. Cells that
// stay keep what is known of them.
func (t *Tracker) setCells(cells []Cell) {
	t.update(func(*Status) {
		next := make([]*CellTracker, len(cells))
		byKey := make(map[string]*CellTracker, len(cells))
		for i, cell := range cells {
			c := t.byKey[cell.String()]
			if c == nil {
				c = newCellTracker(t, cell)
			}
			c.rs.describe(cell)
			next[i], byKey[cell.String()] = c, c
		}
		t.cells, t.byKey = next, byKey
	})
}

// cell returns the tracker of one cell, which setCells has made.
func (t *Tracker) cell(cell Cell) *CellTracker {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byKey[cell.String()]
}
