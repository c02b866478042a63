package syncer

import "slices"

// derive computes what follows from the cells: counts, progress, and what is
// current. The caller holds mu.
func (t *Tracker) derive() {
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
	p.Basis = "resources"
	if known && len(t.cells) > 0 {
		total = max(total, p.Objects.Synced)
		p.Objects.Total = &total
		p.Basis = "objects"
		if total > 0 {
			ratio = float64(p.Objects.Synced) / float64(total)
		}
	}
	const almost = 0.999 // the rest is the informer step
	p.Ratio = max(p.Ratio, min(ratio, almost))
}
