package syncer

import (
	"slices"
	"time"
)

// ifAllowed applies change if the action is possible at that very moment, and
// returns the revision that shows it.
func (t *Tracker) ifAllowed(a Action, change func(s *Status, now time.Time)) (uint64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.allowed(), a) {
		return 0, &NotAllowedError{Action: a, Status: t.s.Status, State: t.s.State, Allowed: t.allowed()}
	}
	change(&t.s, t.time())
	t.publish()
	return t.s.Revision, nil
}

// paused tells of a pause; working says whether it has something to wait for.
func (t *Tracker) paused(c Control, working bool) {
	t.update(func(s *Status) {
		s.Control, t.working = c, working
		if s.Status == InProgress && t.pausedAt.IsZero() {
			t.pausedAt = t.time()
		}
	})
}

// stoodStill says that the pause has nothing more to wait for.
func (t *Tracker) stoodStill() { t.update(func(*Status) { t.working = false }) }

// endPause tells that what was paused goes on; the caller holds mu.
func (t *Tracker) endPause(now time.Time) {
	t.s.Control, t.working = Control{}, false
	if !t.pausedAt.IsZero() {
		t.pausedFor += now.Sub(t.pausedAt)
		t.pausedAt = time.Time{}
	}
}

// warn tells of something that lasts, until calm is called with the same code
// and resource.
func (t *Tracker) warn(code WarningCode, resource, message string) {
	t.update(func(s *Status) {
		i := slices.IndexFunc(s.Warnings, func(w Warning) bool { return w.Code == code && w.Resource == resource })
		if i >= 0 {
			s.Warnings[i].Message = message
			return
		}
		s.Warnings = append(s.Warnings, Warning{Code: code, Resource: resource, Message: message, Since: t.time()})
	})
}

// calm takes a warning back, if there is one.
func (t *Tracker) calm(code WarningCode, resource string) {
	match := func(w Warning) bool { return w.Code == code && w.Resource == resource }
	if slices.ContainsFunc(t.Status().Warnings, match) {
		t.update(func(s *Status) { s.Warnings = slices.DeleteFunc(slices.Clone(s.Warnings), match) })
	}
}

// NamespaceProgress is what the newest lists brought of one namespace.
type NamespaceProgress struct {
	Namespace string              `json:"namespace"`
	Status    ResourceOutcome     `json:"status"`
	Objects   int64               `json:"objects"`
	Resources []NamespaceResource `json:"resources"`
}

// NamespaceResource is one resource's part of a [NamespaceProgress].
type NamespaceResource struct {
	Name    string          `json:"name"`
	Status  ResourceOutcome `json:"status"`
	Objects int64           `json:"objects"`
}

// Namespaces returns the progress of each namespace, by name, and the snapshot
// that it belongs to. A cell that resumed from its checkpoint has listed nothing,
// and so tells no numbers. Unlike Status it takes the writers' lock.
func (t *Tracker) Namespaces() ([]NamespaceProgress, *Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	byName := map[string]*NamespaceProgress{}
	for _, c := range t.cells {
		for ns, objects := range c.inNamespaces() {
			p := byName[ns]
			if p == nil {
				p = &NamespaceProgress{Namespace: ns, Status: c.rs.Status}
				byName[ns] = p
			}
			p.Objects += objects
			p.Status = Worst(p.Status, c.rs.Status)
			p.Resources = append(p.Resources, NamespaceResource{c.rs.Name, c.rs.Status, objects})
		}
	}
	out := make([]NamespaceProgress, 0, len(byName))
	for _, p := range byName {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b NamespaceProgress) int {
		if a.Namespace < b.Namespace {
			return -1
		}
		return 1
	})
	return out, t.current.Load()
}

// inNamespaces are the cell's objects by namespace; a cell that is limited to a
// namespace is in it even without any. The caller holds mu.
func (c *CellTracker) inNamespaces() map[string]int64 {
	if !c.rs.Namespaced {
		return nil
	}
	if ns := c.rs.Namespace; ns != "" {
		return map[string]int64{ns: c.namespaces[ns]}
	}
	return c.namespaces
}

// severity orders outcomes from well to worst.
var severity = []ResourceOutcome{
	ResourceCompleted, ResourceNotStarted, ResourceInProgress, ResourceNotFound, ResourceForbidden, ResourceFailed,
}

// Worst is the outcome that counts for a resource that has both.
func Worst(a, b ResourceOutcome) ResourceOutcome {
	if slices.Index(severity, b) > slices.Index(severity, a) {
		return b
	}
	return a
}
