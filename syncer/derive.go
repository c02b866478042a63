package syncer

import (
	"slices"
	"time"
)

// What a ratio of progress counts.
const (
	BasisObjects   = "objects"
	BasisResources = "resources" // no total of objects is known
)

// derive computes what follows from the rest of the state. The caller holds mu.
func (t *Tracker) derive() {
	t.deriveCells()
	t.s.State = t.state()
	t.s.AllowedActions = t.allowed()
	t.deriveClock(t.s.ObservedAt)
	t.s.ETA = nil
	if t.s.State == Running {
		active := time.Duration(t.s.ActiveSeconds * float64(time.Second))
		t.pace.measure(active, t.s.Progress.Objects.Synced)
		t.s.ETA = t.pace.eta(&t.s.Progress, active, t.s.ObservedAt)
	}
	for _, c := range t.cells {
		c.rs.Watch.LagSeconds = nil
		if lag := c.lag(t.s.ObservedAt); lag >= 0 {
			c.rs.Watch.LagSeconds = &lag
		}
	}
}

// state is what the engine does, as the rest of the state has it.
func (t *Tracker) state() State {
	switch {
	case t.stopped:
		return Stopped
	case t.cancelling:
		return Cancelling
	case t.s.Control.Paused && t.working:
		return Pausing
	case t.s.Control.Paused:
		return Paused
	case t.s.Status == InProgress:
		return Running
	case t.s.Status == Completed:
		return Live
	case t.s.Status == Failed && !t.cancelled:
		return Retrying
	default:
		return Idle
	}
}

// actions lists what may be asked for in each state; see allowed for the rest.
var actions = map[State][]Action{
	Idle:     {ActionStart},
	Running:  {ActionPause, ActionCancel},
	Pausing:  {ActionResume},
	Paused:   {ActionResume},
	Retrying: {ActionStart, ActionPause, ActionCancel, ActionRetry},
	Live:     {ActionStart, ActionPause},
}

// allowed is what may be asked for now. A run can be cancelled while it is
// paused; cells can be retried when there are some that wait for it.
func (t *Tracker) allowed() []Action {
	now := slices.Clone(actions[t.s.State])
	switch t.s.State {
	case Pausing, Paused:
		if t.s.Status == InProgress {
			now = append(now, ActionCancel)
		}
	case Running, Live:
		if slices.ContainsFunc(t.cells, func(c *CellTracker) bool { return c.rs.NextRetryAt != nil }) {
			now = append(now, ActionRetry)
		}
	case Idle:
		if t.s.Status == NotStarted {
			return []Action{} // the first run is about to begin
		}
	}
	if now == nil {
		return []Action{}
	}
	return now
}

// deriveClock tells how long the run has been active and paused, while it runs.
func (t *Tracker) deriveClock(now time.Time) {
	if t.s.Status != InProgress {
		return
	}
	paused := t.pausedFor
	if !t.pausedAt.IsZero() {
		paused += now.Sub(t.pausedAt)
	}
	t.s.PausedSeconds = paused.Seconds()
	t.s.ActiveSeconds = (now.Sub(*t.s.StartTime) - paused).Seconds()
}

// deriveCells computes what follows from the cells: counts, progress, and what
// is current.
func (t *Tracker) deriveCells() {
	s := &t.s
	s.TotalResources, s.SyncedResources, s.FailedResources = len(t.cells), 0, 0
	s.CurrentResources = s.CurrentResources[:0]
	var objects, bytes, total int64
	known, final := true, true
	for _, c := range t.cells {
		switch c.rs.Status {
		case ResourceCompleted:
			s.SyncedResources++
		case ResourceFailed, ResourceForbidden, ResourceNotFound:
			s.FailedResources++
		case ResourceInProgress:
			if !slices.Contains(s.CurrentResources, c.rs.Resource) {
				s.CurrentResources = append(s.CurrentResources, c.rs.Resource)
			}
		}
		objects += c.rs.Count
		bytes += c.rs.Bytes
		if c.rs.Total != nil {
			total += *c.rs.Total
		} else if !c.settled() {
			known = false
		}
		final = final && (c.settled() || c.rs.Total != nil && !c.rs.TotalEstimated)
	}
	s.CurrentResource = ""
	if len(s.CurrentResources) > 0 && s.Status == InProgress {
		s.CurrentResource = s.CurrentResources[0]
	}
	if s.Status == Completed {
		s.Partial = s.FailedResources > 0
	}
	if s.Status == InProgress || s.EndTime == nil {
		t.deriveProgress(objects, bytes, total, known, final)
	}
	if s.Status == Completed {
		s.Progress.Ratio = 1
	}
}

// deriveProgress holds the promises of Progress: what is synced never falls, a
// total is never below it, and the ratio is a high-water mark below 1.
func (t *Tracker) deriveProgress(objects, bytes, total int64, known, final bool) {
	p := &t.s.Progress
	p.Objects.Synced = max(p.Objects.Synced, objects)
	p.Bytes.Synced = max(p.Bytes.Synced, bytes)
	p.Bytes.Estimated = true
	p.TotalsFinal = final && len(t.cells) > 0
	p.Objects.Estimated = !p.TotalsFinal
	p.Objects.Total = nil
	ratio := 0.0
	if n := t.s.TotalResources; n > 0 {
		ratio = float64(t.s.SyncedResources+t.s.FailedResources) / float64(n)
	}
	p.Basis = BasisResources
	if known && len(t.cells) > 0 {
		total = max(total, p.Objects.Synced)
		p.Objects.Total = &total
		p.Basis = BasisObjects
		if total > 0 {
			ratio = float64(p.Objects.Synced) / float64(total)
		}
	}
	const almost = 0.999 // the rest is the informer step
	p.Ratio = max(p.Ratio, min(ratio, almost))
}
