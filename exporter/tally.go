package exporter

import (
	"slices"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// maxResources bounds the values of the label resource; the resources that the
// configuration names after these share otherResources.
const (
	maxResources   = 100
	otherResources = "other"
)

// tally sums the cells that share a label: those of one resource, or of all others.
type tally struct {
	label            string
	cells, connected int
	status           syncer.ResourceOutcome // the worst
	objects, bytes   int64
	bufferBytes      int64
	deadLetters      int
	resumes          int64
	relists          map[syncer.RelistReason]int64
	counts           syncer.Counts
	events           syncer.Events
	errors           []int64 // in the order of reasons
	lastEventAt      *time.Time
}

// tallies sums the cells of s, in the order of the configuration.
func tallies(s *syncer.Status) []*tally {
	var all []*tally
	byName := map[string]*tally{}
	var rest *tally
	for i := range s.ResourceStatus {
		rs := &s.ResourceStatus[i]
		t := byName[rs.Name]
		if t == nil {
			switch {
			case len(byName) < maxResources && rs.Name != otherResources:
				t = newTally(rs.Name)
				byName[rs.Name] = t
				all = append(all, t)
			case rest == nil:
				rest = newTally(otherResources)
				t = rest
			default:
				t = rest
			}
		}
		t.add(rs)
	}
	if rest != nil {
		all = append(all, rest)
	}
	return all
}

func newTally(label string) *tally {
	return &tally{
		label: label, status: syncer.ResourceCompleted,
		errors: make([]int64, len(reasons)), relists: map[syncer.RelistReason]int64{},
	}
}

func (t *tally) add(rs *syncer.ResourceStatus) {
	t.cells++
	if rs.Watch.State == syncer.WatchConnected {
		t.connected++
	}
	t.status = syncer.Worst(t.status, rs.Status)
	t.objects += rs.Objects
	t.bytes += rs.TotalBytes
	t.bufferBytes += rs.Watch.BufferBytes
	for why, n := range rs.RelistedFor {
		t.relists[why] += n
	}
	t.resumes += rs.Resumes
	t.deadLetters += distinct(rs.DeadLetters)
	t.addCounts(rs.Counts)
	t.events.Added += rs.Events.Added
	t.events.Modified += rs.Events.Modified
	t.events.Deleted += rs.Events.Deleted
	t.events.Bookmark += rs.Events.Bookmark
	addReasons(t.errors, rs.Errors)
	if at := rs.Watch.LastEventAt; at != nil && (t.lastEventAt == nil || at.After(*t.lastEventAt)) {
		t.lastEventAt = at
	}
}

// addReasons adds up in the order of reasons.
func addReasons(sums []int64, counts map[syncer.Reason]int64) {
	for reason, n := range counts {
		i := slices.Index(reasons, reason)
		if i < 0 {
			i = len(reasons) - 1
		}
		sums[i] += n
	}
}

func (t *tally) addCounts(c syncer.Counts) {
	t.counts.Received += c.Received
	t.counts.Created += c.Created
	t.counts.Updated += c.Updated
	t.counts.Unchanged += c.Unchanged
	t.counts.Deleted += c.Deleted
	t.counts.Swept += c.Swept
	t.counts.Coalesced += c.Coalesced
	t.counts.Filtered += c.Filtered
	t.counts.DeadLettered += c.DeadLettered
}

// distinct counts objects: the same one may have been refused several times.
func distinct(letters []syncer.DeadLetter) int {
	n := 0
	for i, l := range letters {
		if !slices.ContainsFunc(letters[:i], func(o syncer.DeadLetter) bool { return o.Key == l.Key }) {
			n++
		}
	}
	return n
}

// ownLabel reports whether name is among the resources of s that [tallies] gives
// a label of their own.
func ownLabel(s *syncer.Status, name string) bool {
	seen := make(map[string]bool, maxResources)
	for i := range s.ResourceStatus {
		one := s.ResourceStatus[i].Name
		if one == otherResources {
			continue
		}
		seen[one] = true
		if one == name {
			return true
		}
		if len(seen) == maxResources {
			return false
		}
	}
	return name != otherResources // not told of yet
}
