package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// statusText is a snapshot for people: what is known of the run, then a table of
// its cells, then what is wrong with those that aren't well. The table is no wider
// than width, unless that is 0; a terminal wraps the rest.
func statusText(s *syncer.Status, now time.Time, width int) string {
	all := factLines(runFacts(s, now))
	if cells := pointers(s.ResourceStatus); len(cells) > 0 {
		all = append(append(all, ""), cellTable(cells, now).lines(width)...)
	}
	if rest := troubles(s, now); len(rest) > 0 {
		all = append(append(all, ""), rest...)
	}
	return lines(all)
}

// statusScreen is the same for a terminal. Where it is too low, details are left
// out, cells that are well are counted instead of shown, and at last the end is cut off.
func statusScreen(s *syncer.Status, now time.Time, width, height int) []string {
	rest := troubles(s, now)
	if len(rest) > 0 {
		rest = append([]string{""}, rest...)
	}
	facts := runFacts(s, now)
	const leastCells = 5 // with the title and what stands around it
	for _, detail := range []string{"Trace", "Run", "Ended", "History", "Took", "Active", "Started", "Possible"} {
		if len(facts)+min(len(s.ResourceStatus)+2, leastCells)+len(rest) <= height {
			break
		}
		facts = slices.DeleteFunc(facts, func(fact [2]string) bool { return fact[0] == detail })
	}
	all := factLines(facts)
	if len(s.ResourceStatus) > 0 {
		shown, hidden := choose(s, height-len(all)-2-len(rest))
		all = append(append(all, ""), cellTable(shown, now).lines(width)...)
		if len(hidden) > 0 {
			all = append(all, countHidden(hidden))
		}
	}
	all = append(all, rest...)
	if cut := len(all) - height; cut > 0 {
		all = append(all[:height-1], fmt.Sprintf("and %d more lines", cut+1))
	}
	return fitted(all, width)
}

func pointers[T any](all []T) []*T {
	out := make([]*T, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

// cellTable has a row for each cell.
func cellTable(cells []*syncer.ResourceStatus, now time.Time) *table {
	t := &table{columns: []column{
		{title: "RESOURCE"}, {title: "STATUS"}, {title: "PHASE", rank: 5}, {title: "OBJECTS", right: true, rank: 1},
		{title: "SYNCED", right: true, rank: 3}, {title: "WRITTEN", right: true, rank: 6}, {title: "UNCHANGED", right: true, rank: 7},
		{title: "DELETED", right: true, rank: 8}, {title: "REFUSED", right: true, rank: 9},
		{title: "WATCH", rank: 2}, {title: "LAG", right: true, rank: 4}, {title: "HEARD", right: true, rank: 10},
	}}
	for _, r := range cells {
		t.rows = append(t.rows, []string{
			cellName(r), printable(string(r.Status)), printable(string(r.Phase)), grouped(r.Objects),
			ofTotal(r.Count, r.Total, r.TotalEstimated), grouped(r.Created + r.Updated), grouped(r.Unchanged),
			grouped(r.Deleted + r.Swept), grouped(r.DeadLettered), printable(string(r.Watch.State)), cellLag(r), heardWords(r, now),
		})
	}
	return t
}

// lagWords is how far a watch is behind, "?" when nobody knows.
func lagWords(seconds *float64) string {
	if seconds == nil {
		return "?"
	}
	return briefly(time.Duration(*seconds * float64(time.Second)))
}

// cellLag is the lag of a cell whose watch is there to have one.
func cellLag(r *syncer.ResourceStatus) string {
	if r.Watch.State != syncer.WatchConnected {
		return ""
	}
	return lagWords(r.Watch.LagSeconds)
}

// heardWords is how long ago a watch brought something.
func heardWords(r *syncer.ResourceStatus, now time.Time) string {
	if r.Watch.LastEventAt == nil {
		return ""
	}
	return elapsed(now.Sub(*r.Watch.LastEventAt))
}

// fitted shortens lines to width columns, unless that is 0.
func fitted(all []string, width int) []string {
	for i := range all {
		if width > 0 {
			all[i] = shorten(all[i], width)
		}
	}
	return all
}

// troubles says what warrants a look: warnings, and what is wrong with the cells
// that aren't well, with when each is tried again.
func troubles(s *syncer.Status, now time.Time) []string {
	var all []string
	for _, w := range s.Warnings {
		about := ""
		if w.Resource != "" {
			about = printable(w.Resource) + ": "
		}
		all = append(all, fmt.Sprintf("warning: %s%s (for %s)", about, printable(w.Message), elapsed(now.Sub(w.Since))))
	}
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		if r.Error == nil {
			continue
		}
		all = append(all, fmt.Sprintf("%s: %s: %s%s", cellName(r), printable(string(r.Error.Reason)), printable(r.Error.Message), retryWords(r, now)))
	}
	return all
}

// retryWords is when a cell is tried again, ready to be appended.
func retryWords(r *syncer.ResourceStatus, now time.Time) string {
	if r.NextRetryAt == nil {
		return ""
	}
	return " (next try " + inTime(r.NextRetryAt.Sub(now)) + ")"
}

// inTime is how far something that is due lies ahead.
func inTime(d time.Duration) string {
	if d < time.Second {
		return "now"
	}
	return "in " + clock(d)
}
