package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

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
	if trace := cmp.Or(s.TraceURL, s.TraceID); trace != "" {
		facts = append(facts, [2]string{"Trace", printable(trace)})
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
