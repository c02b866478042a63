// Package statustest holds snapshots of the status against the promises of the
// document, whoever made them: an engine in a test, or a daemon over HTTP.
package statustest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/sidemirror/sidemirror/syncer"
)

// Check returns what one snapshot breaks; nil is nothing.
func Check(s *syncer.Status) error {
	terminal := s.Status == syncer.Completed || s.Status == syncer.Failed
	p := s.Progress
	for promise, holds := range map[string]bool{
		"endTime is set exactly when terminal":       (s.EndTime != nil) == terminal,
		"durationMs is set exactly when terminal":    (s.DurationMs != nil) == terminal,
		"ratio is within [0,1]":                      p.Ratio >= 0 && p.Ratio <= 1,
		"ratio is 1 exactly when completed":          (p.Ratio == 1) == (s.Status == syncer.Completed),
		"synced and failed are within total":         s.SyncedResources+s.FailedResources <= s.TotalResources,
		"total is the number of cells":               s.TotalResources == len(s.ResourceStatus),
		"partial only when completed":                !s.Partial || s.Status == syncer.Completed,
		"an object total isn't below what is synced": p.Objects.Total == nil || *p.Objects.Total >= p.Objects.Synced,
		"failed has an error, and nothing else":      (s.Error != nil) == (s.Status == syncer.Failed),
		"an eta is for a run that is getting on":     s.ETA == nil || s.State == syncer.Running && s.ETA.Seconds >= 0 && !s.ETA.CompletesAt.Before(s.ObservedAt),
		"times don't run backwards":                  s.ActiveSeconds >= 0 && s.PausedSeconds >= 0,
		"paused is told by state and control alike":  s.State != syncer.Paused && s.State != syncer.Pausing || s.Control.Paused,
		"live means completed":                       s.State != syncer.Live || s.Status == syncer.Completed,
		"running means in progress":                  s.State != syncer.Running || s.Status == syncer.InProgress,
		"idle isn't in progress":                     s.State != syncer.Idle || s.Status != syncer.InProgress,
		"a paused mirror can be resumed":             s.State != syncer.Paused || slices.Contains(s.AllowedActions, syncer.ActionResume),
		"nobody resumes what isn't paused":           s.Control.Paused || !slices.Contains(s.AllowedActions, syncer.ActionResume),
		"a run alone can be cancelled":               s.Status != syncer.Completed || !slices.Contains(s.AllowedActions, syncer.ActionCancel),
	} {
		if !holds {
			return fmt.Errorf("broken promise: %s\n%s", promise, text(s))
		}
	}
	for i := range s.ResourceStatus {
		if err := checkCell(&s.ResourceStatus[i]); err != nil {
			return fmt.Errorf("%w\n%s", err, text(s))
		}
	}
	return nil
}

func checkCell(r *syncer.ResourceStatus) error {
	switch lag := r.Watch.LagSeconds; {
	case r.Total != nil && *r.Total < r.Count:
		return fmt.Errorf("%s: count %d passes total %d", r.Name, r.Count, *r.Total)
	case lag != nil && (*lag < 0 || r.Watch.State != syncer.WatchConnected):
		return fmt.Errorf("%s: lag %v with a watch that is %s", r.Name, *lag, r.Watch.State)
	}
	return nil
}

// CheckSuccession returns what is broken by b, which a was published before.
func CheckSuccession(a, b *syncer.Status) error {
	if b.Revision < a.Revision {
		return fmt.Errorf("revision fell from %d to %d", a.Revision, b.Revision)
	}
	if a.InitialSyncComplete && !b.InitialSyncComplete {
		return fmt.Errorf("the initial sync was completed at revision %d, and isn't at %d", a.Revision, b.Revision)
	}
	if b.RunID != a.RunID {
		return nil
	}
	p, q := a.Progress, b.Progress
	if q.Ratio < p.Ratio || q.Objects.Synced < p.Objects.Synced || q.Bytes.Synced < p.Bytes.Synced {
		return fmt.Errorf("progress fell within a run: %+v, then %+v", p, q)
	}
	if b.ActiveSeconds < a.ActiveSeconds || b.PausedSeconds < a.PausedSeconds {
		return fmt.Errorf("time fell within a run: active %v, paused %v, then %v and %v", a.ActiveSeconds, a.PausedSeconds, b.ActiveSeconds, b.PausedSeconds)
	}
	if a.EndTime == nil {
		return nil
	}
	before, after := ofTheRun(a, b), ofTheRun(b, a)
	for fact, was := range before {
		if !reflect.DeepEqual(was, after[fact]) {
			return fmt.Errorf("%s of a run changed after its end, from %s to %s", fact, text(was), text(after[fact]))
		}
	}
	return nil
}

// ofTheRun is what a terminal document tells of its run: it stays, and so do the
// cells that are in other too.
func ofTheRun(s, other *syncer.Status) map[string]any {
	facts := map[string]any{
		"status": s.Status, "step": s.Step, "start": s.StartTime, "end": s.EndTime, "duration": s.DurationMs, "progress": s.Progress,
		"active time": s.ActiveSeconds, "paused time": s.PausedSeconds, "error": s.Error, "steps": s.StepStatus, "trigger": s.Trigger,
		"epoch": s.Epoch, "trace": s.TraceID, "attempt": s.Retry.Attempt, "last progress": s.LastProgressAt,
	}
	for _, r := range s.ResourceStatus {
		same := func(o syncer.ResourceStatus) bool { return o.Name == r.Name && o.Namespace == r.Namespace }
		if slices.ContainsFunc(other.ResourceStatus, same) {
			facts["count and bytes of "+r.Name+"/"+r.Namespace] = []int64{r.Count, r.Bytes}
		}
	}
	return facts
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
