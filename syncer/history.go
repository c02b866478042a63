package syncer

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MaxRuns is how many runs the store keeps of a cluster: the newest.
const MaxRuns = 100

// RunOutcome is how a run ended.
type RunOutcome string

// The values of RunOutcome. A run that the end of the process cut off has none,
// and isn't kept.
const (
	RunCompleted RunOutcome = "completed"
	RunFailed    RunOutcome = "failed"
	RunCancelled RunOutcome = "cancelled"
)

// Run is what is kept of a run that ended.
type Run struct {
	ID            string        `json:"runId"` // a ULID: sorts by the time of its start
	TraceID       string        `json:"traceId,omitempty"`
	TraceURL      string        `json:"traceUrl,omitempty"` // set by who shows the run; stores have none
	Epoch         int64         `json:"epoch"`
	Instance      string        `json:"instance"`
	Trigger       Trigger       `json:"trigger"`
	Attempt       int           `json:"attempt"`
	Outcome       RunOutcome    `json:"outcome"`
	Partial       bool          `json:"partial"`
	StartTime     time.Time     `json:"startTime"`
	EndTime       time.Time     `json:"endTime"`
	DurationMs    int64         `json:"durationMs"`
	PausedSeconds float64       `json:"pausedSeconds"`
	Objects       int64         `json:"objects"` // accounted for
	Bytes         int64         `json:"bytes"`
	Error         *string       `json:"error"`
	Steps         []RunStep     `json:"steps"`
	Resources     []RunResource `json:"resources"`
}

// RunStep is how long a step of a run took.
type RunStep struct {
	Step       Step  `json:"step"`
	DurationMs int64 `json:"durationMs"`
}

// RunResource is one cell's part of a run.
type RunResource struct {
	Name       string          `json:"name"`
	Namespace  string          `json:"namespace,omitempty"`
	Status     ResourceOutcome `json:"status"`
	Count      int64           `json:"count"`   // accounted for in the run
	Objects    int64           `json:"objects"` // in the store at its end
	DurationMs *int64          `json:"durationMs"`
	Error      string          `json:"error,omitempty"`
}

// HistorySummary is what the status tells of past runs. Durations are those of
// completed runs; null when there is none.
type HistorySummary struct {
	Runs              int     `json:"runs"`
	AverageDurationMs *int64  `json:"averageDurationMs"`
	P95DurationMs     *int64  `json:"p95DurationMs"`
	FailureRate       float64 `json:"failureRate"` // of the runs that completed or failed
}

// HistoryStats are the aggregates over the runs that are kept.
type HistoryStats struct {
	HistorySummary
	Completed     int             `json:"completed"`
	Failed        int             `json:"failed"`
	Cancelled     int             `json:"cancelled"`
	MinDurationMs *int64          `json:"minDurationMs"`
	MaxDurationMs *int64          `json:"maxDurationMs"`
	Resources     []ResourceTrend `json:"resources"` // by name
}

// ResourceTrend is how the number of a resource's objects went, oldest first.
type ResourceTrend struct {
	Name   string       `json:"name"`
	Points []TrendPoint `json:"points"`
}

// TrendPoint is a resource's number of objects at the end of a run.
type TrendPoint struct {
	RunID   string    `json:"runId"`
	Time    time.Time `json:"time"`
	Objects int64     `json:"objects"`
}

// runOf is what is kept of the run that s, which is terminal, tells of.
func runOf(s *Status, outcome RunOutcome) Run {
	run := Run{
		ID: s.RunID, TraceID: s.TraceID, Epoch: s.Epoch, Instance: s.Instance, Trigger: s.Trigger, Attempt: s.Retry.Attempt,
		Outcome: outcome, Partial: s.Partial, StartTime: *s.StartTime, EndTime: *s.EndTime, DurationMs: *s.DurationMs,
		PausedSeconds: s.PausedSeconds, Objects: s.Progress.Objects.Synced, Bytes: s.Progress.Bytes.Synced, Error: s.Error,
		Steps: []RunStep{}, Resources: []RunResource{},
	}
	for _, step := range s.StepStatus {
		if step.EndTime != nil {
			run.Steps = append(run.Steps, RunStep{step.Step, step.EndTime.Sub(step.StartTime).Milliseconds()})
		}
	}
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		part := RunResource{Name: r.Name, Namespace: r.Namespace, Status: r.Status, Count: r.Count, Objects: r.Objects}
		if r.StartTime != nil && r.EndTime != nil {
			took := r.EndTime.Sub(*r.StartTime).Milliseconds()
			part.DurationMs = &took
		}
		if r.Error != nil {
			part.Error = r.Error.Message
		}
		run.Resources = append(run.Resources, part)
	}
	return run
}

// maxUnsaved bounds the runs that wait for the store; saveTimeout bounds the wait
// for it, which holds up the next attempt.
const (
	maxUnsaved  = 10
	saveTimeout = 2 * time.Second
)

// record keeps a run that ended, and tells of all of them. What the store doesn't
// take is tried again at the end of the next run.
func (e *Engine) record(ctx context.Context, run Run) {
	e.unsaved = append(e.unsaved, run)
	e.unsaved = e.unsaved[max(0, len(e.unsaved)-maxUnsaved):]
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	if err := e.saveRuns(ctx); err != nil {
		e.Tracker.warn(WarnHistory, "", "runs that ended aren't in the history yet: "+err.Error())
		e.Log.Warn("run not saved in the history", "run_id", run.ID, "error", err)
		return
	}
	e.Tracker.calm(WarnHistory, "")
}

func (e *Engine) saveRuns(ctx context.Context) error {
	for len(e.unsaved) > 0 {
		if err := e.Store.SaveRun(ctx, e.unsaved[0]); err != nil {
			return fmt.Errorf("save run: %w", err)
		}
		e.unsaved = e.unsaved[1:]
	}
	runs, err := e.Store.Runs(ctx, "", MaxRuns)
	if err != nil {
		return fmt.Errorf("read past runs: %w", err)
	}
	e.Tracker.setHistory(SummarizeRuns(runs).HistorySummary)
	return nil
}

// SummarizeRuns makes the aggregates of runs, in any order.
func SummarizeRuns(runs []Run) HistoryStats {
	stats := HistoryStats{HistorySummary: HistorySummary{Runs: len(runs)}}
	var took []int64
	var sum int64
	for i := range runs {
		switch runs[i].Outcome {
		case RunCompleted:
			stats.Completed++
			took = append(took, runs[i].DurationMs)
			sum += runs[i].DurationMs
		case RunFailed:
			stats.Failed++
		case RunCancelled:
			stats.Cancelled++
		}
	}
	if ended := stats.Completed + stats.Failed; ended > 0 {
		stats.FailureRate = float64(stats.Failed) / float64(ended)
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		average, p95 := sum/int64(n), took[(n*95+99)/100-1] // the nearest rank
		stats.AverageDurationMs, stats.P95DurationMs = &average, &p95
		stats.MinDurationMs, stats.MaxDurationMs = &took[0], &took[n-1]
	}
	stats.Resources = trends(runs)
	return stats
}

// trends gathers what completed runs left in the store, summed over namespaces.
func trends(runs []Run) []ResourceTrend {
	runs = slices.SortedFunc(slices.Values(runs), func(a, b Run) int { return a.EndTime.Compare(b.EndTime) })
	byName := map[string]*ResourceTrend{}
	var names []string
	for i := range runs {
		if runs[i].Outcome != RunCompleted {
			continue
		}
		for _, r := range runs[i].Resources {
			t := byName[r.Name]
			if t == nil {
				t = &ResourceTrend{Name: r.Name}
				byName[r.Name] = t
				names = append(names, r.Name)
			}
			if n := len(t.Points); n > 0 && t.Points[n-1].RunID == runs[i].ID {
				t.Points[n-1].Objects += r.Objects
				continue
			}
			t.Points = append(t.Points, TrendPoint{RunID: runs[i].ID, Time: runs[i].EndTime, Objects: r.Objects})
		}
	}
	slices.Sort(names)
	out := make([]ResourceTrend, len(names))
	for i, name := range names {
		out[i] = *byName[name]
	}
	return out
}
