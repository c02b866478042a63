package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/syncer"
)

const historyHelp = `Prints the runs of a running Sidemirror that have ended, the newest first, what
they come to in all, and how the number of each resource's objects went from run
to run. Durations are those of completed runs. At most the newest hundred runs are
kept; one that was cut off by the end of the process isn't. json and yaml are the
server's own document.

Exit codes: 0 the history was read, also when it is empty; 1 it couldn't be; 2 usage.`

const historyPath = "/api/v1/sync/history"

// historyOptions are the flags of history, as given.
type historyOptions struct {
	serverOptions
	output *enum
	limit  int
}

// historyDocument is the server's answer.
type historyDocument struct {
	Runs  []syncer.Run
	Stats syncer.HistoryStats
}

func newHistoryCommand() *cobra.Command {
	o := historyOptions{output: newEnum("text", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Print the past runs of a running Sidemirror",
		Long:  historyHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	o.addServerFlags(cmd)
	cmd.Flags().VarP(o.output, "output", "o", "form of the history")
	cmd.Flags().IntVar(&o.limit, "limit", 20, "`RUNS` to print at most; what they come to is of all that are kept")
	complete(cmd, "limit", cobra.NoFileCompletions)
	return cmd
}

func (o *historyOptions) run(ctx context.Context, w io.Writer) error {
	if o.limit < 1 || o.limit > syncer.MaxRuns {
		return fmt.Errorf("--limit: want 1 to %d, got %d", syncer.MaxRuns, o.limit)
	}
	client, err := o.dial()
	if err != nil {
		return err
	}
	var history historyDocument
	body, err := client.document(ctx, historyPath+"?limit="+strconv.Itoa(o.limit), "a history", &history)
	if err != nil {
		return err
	}
	return printDocument(w, o.output.value, body, func(width int) string {
		return historyText(&history, time.Now(), width)
	})
}

// printDocument writes a server's document as it is, or as text that is made for
// a terminal's width; 0 is no limit.
func printDocument(w io.Writer, form string, body []byte, text func(width int) string) error {
	switch form {
	case "json":
		return printJSON(w, body)
	case "yaml":
		text, err := yaml.JSONToYAML(body)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	_, err := io.WriteString(w, text(textWidth(w)))
	return err
}

// historyText is a history for people: the runs, what they come to, and how the
// resources went.
func historyText(h *historyDocument, now time.Time, width int) string {
	if h.Stats.Runs == 0 {
		return "No run has ended yet.\n"
	}
	blocks := [][]string{runsTable(h.Runs, now).lines(width), factLines(historyFacts(h))}
	if trends := trendTable(h.Stats.Resources); len(trends.rows) > 0 {
		blocks = append(blocks, trends.lines(width))
	}
	var b strings.Builder
	for i, block := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		for _, line := range block {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// runsTable has a row for each run.
func runsTable(runs []syncer.Run, now time.Time) *table {
	t := &table{columns: []column{
		{title: "STARTED", rank: 7}, {title: "AGE"}, {title: "TRIGGER", rank: 5}, {title: "OUTCOME"},
		{title: "DURATION", right: true, rank: 1}, {title: "PAUSED", right: true, rank: 6}, {title: "OBJECTS", right: true, rank: 2},
		{title: "FAILED", right: true, rank: 4}, {title: "TRACE", rank: 8}, {title: "ERROR", rank: 3},
	}}
	for i := range runs {
		r := &runs[i]
		outcome, paused := string(r.Outcome), ""
		if r.Partial {
			outcome += " in part"
		}
		if r.PausedSeconds >= 1 {
			paused = briefly(time.Duration(r.PausedSeconds) * time.Second)
		}
		failed, first := failedResources(r)
		text := first
		if r.Error != nil {
			text = *r.Error
		}
		t.rows = append(t.rows, []string{
			r.StartTime.UTC().Format(time.RFC3339), elapsed(now.Sub(r.StartTime)), printable(string(r.Trigger)), printable(outcome),
			briefly(time.Duration(r.DurationMs) * time.Millisecond), paused, grouped(r.Objects),
			fmt.Sprintf("%d/%d", failed, len(r.Resources)), printable(cmp.Or(r.TraceURL, r.TraceID)), printable(text),
		})
	}
	return t
}

// failedResources counts the resources that a run left behind, and says what the
// first of them failed with.
func failedResources(r *syncer.Run) (failed int, first string) {
	for _, part := range r.Resources {
		switch part.Status {
		case syncer.ResourceFailed, syncer.ResourceForbidden, syncer.ResourceNotFound:
		default:
			continue
		}
		failed++
		if first == "" {
			first = fmt.Sprintf("%s: %s", part.Name, strings.ReplaceAll(string(part.Status), "_", " "))
			if part.Error != "" {
				first += ": " + part.Error
			}
		}
	}
	return failed, first
}

// historyFacts are what all runs that are kept come to.
func historyFacts(h *historyDocument) [][2]string {
	s := &h.Stats
	runs := fmt.Sprintf("%d (%d completed, %d failed, %d cancelled)", s.Runs, s.Completed, s.Failed, s.Cancelled)
	if len(h.Runs) < s.Runs {
		runs += fmt.Sprintf(", %d of them shown", len(h.Runs))
	}
	facts := [][2]string{{"Runs", runs}}
	var took []string
	for _, d := range []struct {
		name string
		ms   *int64
	}{{"average", s.AverageDurationMs}, {"min", s.MinDurationMs}, {"max", s.MaxDurationMs}, {"p95", s.P95DurationMs}} {
		if d.ms != nil {
			took = append(took, d.name+" "+briefly(time.Duration(*d.ms)*time.Millisecond))
		}
	}
	if len(took) > 0 {
		facts = append(facts, [2]string{"Took", strings.Join(took, ", ")})
	}
	if s.Completed+s.Failed > 0 {
		facts = append(facts, [2]string{"Failed", fmt.Sprintf("%.0f%% of those not cancelled", s.FailureRate*100)})
	}
	return facts
}

// trendTable has a row for each resource that completed runs told of.
func trendTable(trends []syncer.ResourceTrend) *table {
	t := &table{columns: []column{
		{title: "RESOURCE"}, {title: "FIRST", right: true, rank: 2}, {title: "LAST", right: true}, {title: "TREND", rank: 1},
	}}
	for _, trend := range trends {
		if len(trend.Points) == 0 {
			continue
		}
		first, last := trend.Points[0].Objects, trend.Points[len(trend.Points)-1].Objects
		sparks := ""
		if len(trend.Points) > 1 {
			sparks = sparkline(trend.Points)
		}
		t.rows = append(t.rows, []string{printable(trend.Name), grouped(first), grouped(last), sparks})
	}
	return t
}

// maxSparks bounds a sparkline to the newest points.
const maxSparks = 20

// sparkline draws the points between the least and the most of them; what never
// changes is a line in the middle.
func sparkline(points []syncer.TrendPoint) string {
	sparks := []rune("▁▂▃▄▅▆▇█")
	points = points[max(0, len(points)-maxSparks):]
	least, most := points[0].Objects, points[0].Objects
	for _, p := range points {
		least, most = min(least, p.Objects), max(most, p.Objects)
	}
	line := make([]rune, len(points))
	for i, p := range points {
		line[i] = sparks[3]
		if most > least {
			line[i] = sparks[int(float64(p.Objects-least)/float64(most-least)*float64(len(sparks)-1)+0.5)]
		}
	}
	return string(line)
}
