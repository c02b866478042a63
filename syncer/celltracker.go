package syncer

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// CellTracker changes the part of the state that belongs to one cell. All its
// fields are guarded by the tracker's mu.
type CellTracker struct {
	t  *Tracker
	rs ResourceStatus

	// What the attempt that lasts has accounted for: a list that starts over
	// counts from the beginning, and what was counted before doesn't fall.
	count, bytes int64
	namespaces   map[string]int64 // objects of the newest list, by namespace

	heardAt time.Time // of the watch, the last time
	waiting time.Time // since when the oldest event waits for the store; zero: none does
}

// freshWatch is how long a silent watch counts as one that lives: servers send a
// bookmark once a minute.
const freshWatch = 2 * time.Minute

// lag is how many seconds the store is behind the watch; negative when that is
// unknown.
func (c *CellTracker) lag(now time.Time) float64 {
	switch {
	case c.rs.Watch.State != WatchConnected:
		return -1
	case !c.waiting.IsZero():
		return max(0, now.Sub(c.waiting).Seconds())
	case now.Sub(c.heardAt) > freshWatch:
		return -1
	default:
		return 0
	}
}

func newCellTracker(t *Tracker, cell Cell) *CellTracker {
	c := &CellTracker{t: t}
	c.rs.Status, c.rs.Phase = ResourceNotStarted, PhasePending
	c.rs.Watch.State = WatchPending
	c.rs.describe(cell)
	return c
}

// describe sets what the cell is; a resource that appears later gets its real
// version and kind then.
func (rs *ResourceStatus) describe(cell Cell) {
	r := cell.Resource
	rs.Resource, rs.Name, rs.Group, rs.Version = r.Kind, r.String(), r.Group, r.Version
	rs.Namespaced, rs.Namespace = r.Namespaced, cell.Namespace
}

func (c *CellTracker) update(change func(rs *ResourceStatus, now time.Time)) {
	c.t.update(func(*Status) { change(&c.rs, c.t.time()) })
}

// resetRun prepares the cell for a new run; what it counted since the process
// started stays. The caller holds mu.
func (c *CellTracker) resetRun() {
	c.rs.Status, c.rs.Phase = ResourceNotStarted, PhasePending
	c.rs.Count, c.rs.Bytes, c.rs.Total, c.rs.TotalEstimated = 0, 0, nil, false
	c.rs.StartTime, c.rs.EndTime, c.rs.NextRetryAt, c.rs.Error = nil, nil, nil, nil
	c.rs.Attempt = 0
	c.rs.Watch = Watch{State: WatchPending, LastEventAt: c.rs.Watch.LastEventAt}
	c.count, c.bytes, c.namespaces, c.waiting = 0, 0, nil, time.Time{}
}

// settled reports whether the run no longer waits for the cell.
func (c *CellTracker) settled() bool {
	return c.rs.Status != ResourceNotStarted && c.rs.Status != ResourceInProgress
}

// running reports whether the run that the document tells of is still open:
// from its end on, its counts stand still.
func (c *CellTracker) running() bool { return c.t.s.Status == InProgress }

// start says that the cell is being brought to one resource version, by a list
// or from its checkpoint. A resync while live leaves the outcome as it was. part is
// the one namespace that is listed; "" is all of the cell.
func (c *CellTracker) start(phase Phase, part string) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.move(phase)
		rs.NextRetryAt = nil
		rs.Attempt++
		c.count, c.bytes = 0, 0
		delete(c.namespaces, part)
		if c.namespaces == nil || phase == PhaseListing && part == rs.Namespace {
			c.namespaces = map[string]int64{}
		}
		if c.running() && rs.Status != ResourceCompleted {
			rs.Status = ResourceInProgress
			if rs.StartTime == nil {
				rs.StartTime = &now
			}
		}
	})
}

// expect sets the estimate of how many objects the cell has; one that comes too
// late to be of use is left.
func (c *CellTracker) expect(total int64) {
	c.update(func(rs *ResourceStatus, _ time.Time) {
		if c.running() && !c.settled() {
			total = max(total, rs.Count)
			rs.Total, rs.TotalEstimated = &total, true
		}
	})
}

// deadLetter keeps an object that the store refused where the status shows it.
func (c *CellTracker) deadLetter(key string, rv uint64, err error) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		letters := append(slices.Clip(rs.DeadLetters), DeadLetter{Key: key, ResourceVersion: rv, Error: err.Error(), Time: now})
		rs.DeadLetters = letters[max(0, len(letters)-MaxDeadLetters):]
	})
}

// holds says how many rows the store has, before anything else is known.
func (c *CellTracker) holds(rows int64) {
	c.update(func(rs *ResourceStatus, _ time.Time) { rs.Objects = rows })
}

// relist counts a list that wasn't the first of the cell.
func (c *CellTracker) relist(why RelistReason) {
	c.update(func(rs *ResourceStatus, _ time.Time) {
		rs.Relists++
		rs.RelistedFor = plusOne(rs.RelistedFor, why)
	})
}

// plusOne returns counts with one more of key. Snapshots share the maps, so a
// change makes another one.
func plusOne[K comparable](counts map[K]int64, key K) map[K]int64 {
	next := maps.Clone(counts)
	if next == nil {
		next = map[K]int64{}
	}
	next[key]++
	return next
}

// stored accounts for objects that the store acknowledged, or that needed no
// write. listed says how many objects of the run's own work are among them.
func (c *CellTracker) stored(d Counts, listed []namespaceCount, bytes int64) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.Counts.add(d)
		rs.Objects += d.Created - d.Deleted - d.Swept
		rs.TotalBytes += bytes
		for _, n := range listed {
			c.count += n.objects
			c.namespaces[n.namespace] += n.objects
		}
		c.bytes += bytes
		if c.running() {
			rs.Count, rs.Bytes = max(rs.Count, c.count), max(rs.Bytes, c.bytes)
			if rs.Total != nil && *rs.Total < rs.Count {
				total := rs.Count
				rs.Total = &total
			}
			c.t.s.LastProgressAt = &now
		}
	})
}

func (c *Counts) add(d Counts) {
	c.Received += d.Received
	c.Created += d.Created
	c.Updated += d.Updated
	c.Unchanged += d.Unchanged
	c.Deleted += d.Deleted
	c.Swept += d.Swept
	c.Coalesced += d.Coalesced
	c.Filtered += d.Filtered
	c.DeadLettered += d.DeadLettered
}

// synced says that the store holds the cell at one version, in rows objects.
func (c *CellTracker) synced(rv uint64, rows int64) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.move(PhaseSynced)
		rs.Objects, rs.ResourceVersion = rows, strconv.FormatUint(rv, 10)
		rs.Error, rs.NextRetryAt = nil, nil
		if rs.Status != ResourceCompleted {
			rs.Status, rs.EndTime = ResourceCompleted, &now
		}
		if c.running() {
			rs.Count = max(rs.Count, rows)
			total := rs.Count
			rs.Total, rs.TotalEstimated = &total, false
			c.t.s.LastProgressAt = &now
		}
	})
}

// failed records why the cell isn't well, and when it is tried again. A cell that
// the run still waits for is given up by settle only.
func (c *CellTracker) failed(err error, at time.Time) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.move(PhaseRetrying)
		rs.fail(err, at, now)
	})
}

// fail records err, and when what failed is tried again.
func (rs *ResourceStatus) fail(err error, at, now time.Time) {
	at = at.UTC().Truncate(time.Millisecond)
	reason := ReasonOf(err)
	rs.NextRetryAt = &at
	rs.Retries++
	rs.Errors = plusOne(rs.Errors, reason)
	rs.Error = &CellError{Reason: reason, Message: err.Error(), Time: now}
}

// storeFailed records a write that is being repeated; the cell's phase stays.
func (c *CellTracker) storeFailed(err error, at time.Time) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.fail(err, at, now)
	})
}

// recovered says that the repeated write has been acknowledged.
func (c *CellTracker) recovered() {
	c.update(func(rs *ResourceStatus, _ time.Time) { rs.Error, rs.NextRetryAt = nil, nil })
}

// settle ends the run's wait for a cell that failed.
func (c *CellTracker) settle(reason Reason) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		switch reason {
		case ReasonForbidden, ReasonUnauthorized:
			rs.Status = ResourceForbidden
		case ReasonNotFound:
			rs.Status = ResourceNotFound
		default:
			rs.Status = ResourceFailed
		}
		rs.EndTime = &now
		if c.t.s.Status == Completed {
			c.t.s.Partial = true
		}
	})
}

// watch changes the state of the cell's watch stream.
func (c *CellTracker) watch(state WatchState) {
	c.update(func(rs *ResourceStatus, _ time.Time) {
		if rs.Watch.State == WatchConnected && state == WatchConnecting {
			return // the server ends streams in order all the time
		}
		rs.Watch.State = state
	})
}

// paused says that the cell stands still.
func (c *CellTracker) paused() {
	c.update(func(rs *ResourceStatus, _ time.Time) {
		rs.move(PhasePaused)
		rs.Watch.State, rs.NextRetryAt = WatchPending, nil
	})
}

// live says that the watch is connected and has caught up.
func (c *CellTracker) live() {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.move(PhaseWatching)
		c.heardAt = now
		rs.Error, rs.NextRetryAt, rs.Attempt = nil, nil, 0
	})
}

// resumed counts a watch that went on from where the one before it ended.
func (c *CellTracker) resumed() {
	c.update(func(rs *ResourceStatus, _ time.Time) { rs.Resumes++ })
}

// followed records what a watch delivered and the store acknowledged since the
// last call; buffered bytes wait, the oldest of them since waiting.
func (c *CellTracker) followed(d Counts, events Events, rv uint64, buffered int64, waiting time.Time) {
	c.update(func(rs *ResourceStatus, now time.Time) {
		rs.Counts.add(d)
		rs.Objects += d.Created - d.Deleted
		rs.Events.Added += events.Added
		rs.Events.Modified += events.Modified
		rs.Events.Deleted += events.Deleted
		rs.Events.Bookmark += events.Bookmark
		rs.Watch.BufferBytes, c.waiting = buffered, waiting
		if events != (Events{}) {
			rs.Watch.LastEventAt, c.heardAt = &now, now
		}
		if rv > 0 {
			rs.ResourceVersion = strconv.FormatUint(rv, 10)
		}
	})
}
