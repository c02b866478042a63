package main

import (
	"fmt"
	"slices"
	"strings"
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
	for _, detail := range []string{"Run", "Ended", "History", "Took", "Active", "Started", "Possible"} {
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
	return age(now.Sub(*r.Watch.LastEventAt))
}

// runFacts are the lines above the table, each a name and a value.
func runFacts(s *syncer.Status, now time.Time) [][2]string {
	objects := s.Progress.Objects
	facts := [][2]string{
		{"Cluster", printable(s.Cluster)},
		{"Status", statusWords(s)},
	}
	if s.Control.Paused {
		facts = append(facts, [2]string{"Paused", pausedSince(s, now)})
	}
	if s.Status != syncer.NotStarted {
		facts = append(facts, [2]string{"Progress", fmt.Sprintf("%s, %d/%d resources, %s objects, %s", percent(s.Progress.Ratio),
			s.SyncedResources, s.TotalResources, ofTotal(objects.Synced, objects.Total, objects.Estimated), byteSize(s.Progress.Bytes.Synced))})
	}
	if eta := s.ETA; eta != nil {
		facts = append(facts, [2]string{"ETA", fmt.Sprintf("%s, at %s (confidence %s)", etaWords(eta), eta.CompletesAt.UTC().Format(time.RFC3339), eta.Confidence)})
	}
	facts = appendTime(facts, "Started", s.StartTime, now)
	facts = appendTime(facts, "Ended", s.EndTime, now)
	facts = append(facts, tookFacts(s)...)
	if s.RunID != "" {
		facts = append(facts, [2]string{"Run", runWords(s)})
	}
	if s.Error != nil {
		facts = append(facts, [2]string{"Error", printable(*s.Error)})
	}
	facts = appendTime(facts, "Next try", s.Retry.NextRetryAt, now)
	if watches := watchWords(s); watches != "" {
		facts = append(facts, [2]string{"Watches", watches})
	}
	if s.History.Runs > 0 {
		facts = append(facts, [2]string{"History", historyWords(&s.History)})
	}
	if len(s.AllowedActions) > 0 {
		facts = append(facts, [2]string{"Possible", actionWords(s.AllowedActions)})
	}
	return facts
}

// factLines aligns the values of facts.
func factLines(facts [][2]string) []string {
	width := 0
	for _, fact := range facts {
		width = max(width, len(fact[0]))
	}
	all := make([]string, len(facts))
	for i, fact := range facts {
		all[i] = fmt.Sprintf("%-*s  %s", width+1, fact[0]+":", fact[1])
	}
	return all
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

// pausedSince is by whom, why and since when the mirror is paused.
func pausedSince(s *syncer.Status, now time.Time) string {
	text := strings.TrimLeft(pauseCause(&s.Control), ": ")
	if since := s.Control.Since; since != nil {
		if text != "" {
			text += ", "
		}
		text += "since " + since.UTC().Format(time.RFC3339) + " (" + briefly(now.Sub(*since).Truncate(time.Second)) + ")"
	}
	return text
}

// tookFacts are how long the run took, or how long it has been at work, once it
// has been paused too.
func tookFacts(s *syncer.Status) [][2]string {
	paused := time.Duration(s.PausedSeconds * float64(time.Second)).Truncate(time.Second)
	switch {
	case s.DurationMs != nil && paused > 0:
		return [][2]string{{"Took", briefly(time.Duration(*s.DurationMs)*time.Millisecond) + ", paused for " + briefly(paused) + " of it"}}
	case s.DurationMs != nil:
		return [][2]string{{"Took", briefly(time.Duration(*s.DurationMs) * time.Millisecond)}}
	case s.Status == syncer.InProgress && paused > 0:
		return [][2]string{{"Active", briefly(time.Duration(s.ActiveSeconds*float64(time.Second))) + ", and paused for " + briefly(paused)}}
	default:
		return nil
	}
}

// runWords names the run, and says what started it.
func runWords(s *syncer.Status) string {
	text := printable(s.RunID)
	if s.Trigger != "" {
		text += " (" + printable(string(s.Trigger))
		if s.Retry.Attempt > 0 {
			text += fmt.Sprintf(", attempt %d", s.Retry.Attempt+1)
		}
		text += ")"
	}
	return text
}

// watchWords sums up the watches: how many are connected, and how far the one
// that is most behind is. A run that is under way has none yet.
func watchWords(s *syncer.Status) string {
	if s.Status != syncer.Completed || len(s.ResourceStatus) == 0 {
		return ""
	}
	connected, known, most := 0, 0, 0.0
	for i := range s.ResourceStatus {
		w := &s.ResourceStatus[i].Watch
		if w.State == syncer.WatchConnected {
			connected++
		}
		if w.LagSeconds != nil {
			known++
			most = max(most, *w.LagSeconds)
		}
	}
	text := fmt.Sprintf("%d/%d connected", connected, len(s.ResourceStatus))
	switch {
	case known == 0:
	case known < connected:
		text += fmt.Sprintf(", lag %s, unknown of %d", lagWords(&most), connected-known)
	default:
		text += ", lag " + lagWords(&most)
	}
	return text
}

// historyWords sums up past runs.
func historyWords(h *syncer.HistorySummary) string {
	text := grouped(int64(h.Runs)) + " runs"
	if h.Runs == 1 {
		text = "1 run"
	}
	if h.AverageDurationMs != nil {
		text += ", average " + briefly(time.Duration(*h.AverageDurationMs)*time.Millisecond)
	}
	if h.P95DurationMs != nil {
		text += ", p95 " + briefly(time.Duration(*h.P95DurationMs)*time.Millisecond)
	}
	return text + fmt.Sprintf(", %.0f%% failed", h.FailureRate*100)
}

// actionWords lists what someone may ask for now.
func actionWords(actions []syncer.Action) string {
	words := make([]string, len(actions))
	for i, a := range actions {
		words[i] = printable(string(a))
	}
	return strings.Join(words, ", ")
}

// statusWords is the status with what makes it finer.
func statusWords(s *syncer.Status) string {
	details := []string{string(s.State)}
	if cancelled(s) {
		details = append(details, "cancelled")
	}
	if s.Status == syncer.InProgress && s.Step != "" {
		details = append(details, "step "+string(s.Step))
	}
	if s.Partial {
		details = append(details, "partial")
	}
	return fmt.Sprintf("%s (%s)", s.Status, strings.Join(details, ", "))
}

// appendTime adds a time with its distance from now, unless there is none.
func appendTime(facts [][2]string, name string, at *time.Time, now time.Time) [][2]string {
	if at == nil {
		return facts
	}
	distance := briefly(now.Sub(*at).Truncate(time.Second)) + " ago"
	if now.Before(*at) {
		distance = "in " + briefly(at.Sub(now))
	}
	return append(facts, [2]string{name, at.UTC().Format(time.RFC3339) + " (" + distance + ")"})
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
		all = append(all, fmt.Sprintf("warning: %s%s (for %s)", about, printable(w.Message), age(now.Sub(w.Since))))
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
