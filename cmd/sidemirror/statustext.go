package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// statusText is a snapshot for people: what is known of the run, then a table of
// its cells, then what is wrong with those that aren't well.
func statusText(s *syncer.Status, now time.Time) string {
	var b bytes.Buffer
	facts := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, fact := range runFacts(s, now) {
		fmt.Fprintf(facts, "%s:\t%s\n", fact[0], fact[1])
	}
	facts.Flush()
	if len(s.ResourceStatus) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESOURCE\tSTATUS\tPHASE\tOBJECTS\tSYNCED\tWRITTEN\tUNCHANGED\tDELETED\tREFUSED\tWATCH")
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cellName(r), r.Status, r.Phase,
			grouped(r.Objects), ofTotal(r.Count, r.Total, r.TotalEstimated), grouped(r.Created+r.Updated),
			grouped(r.Unchanged), grouped(r.Deleted+r.Swept), grouped(r.DeadLettered), r.Watch.State)
	}
	table.Flush()
	writeTroubles(&b, s)
	return b.String()
}

// runFacts are the lines above the table, each a name and a value.
func runFacts(s *syncer.Status, now time.Time) [][2]string {
	objects := s.Progress.Objects
	facts := [][2]string{
		{"Cluster", printable(s.Cluster)},
		{"Status", statusWords(s)},
	}
	if s.Status != syncer.NotStarted {
		facts = append(facts, [2]string{"Progress", fmt.Sprintf("%s, %d/%d resources, %s objects, %s", percent(s.Progress.Ratio),
			s.SyncedResources, s.TotalResources, ofTotal(objects.Synced, objects.Total, objects.Estimated), byteSize(s.Progress.Bytes.Synced))})
	}
	facts = appendTime(facts, "Started", s.StartTime, now)
	facts = appendTime(facts, "Ended", s.EndTime, now)
	if s.DurationMs != nil {
		facts = append(facts, [2]string{"Took", briefly(time.Duration(*s.DurationMs) * time.Millisecond)})
	}
	if s.RunID != "" {
		facts = append(facts, [2]string{"Run", printable(s.RunID)})
	}
	if s.Error != nil {
		facts = append(facts, [2]string{"Error", printable(*s.Error)})
	}
	return appendTime(facts, "Next try", s.Retry.NextRetryAt, now)
}

// statusWords is the status with what makes it finer.
func statusWords(s *syncer.Status) string {
	details := []string{string(s.State)}
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

// writeTroubles says what is wrong with the cells that aren't well.
func writeTroubles(b *bytes.Buffer, s *syncer.Status) {
	gap := "\n"
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		if r.Error == nil {
			continue
		}
		fmt.Fprintf(b, "%s%s: %s: %s\n", gap, cellName(r), r.Error.Reason, printable(r.Error.Message))
		gap = ""
	}
}
