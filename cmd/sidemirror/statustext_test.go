package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestStatusText(t *testing.T) {
	for name, s := range map[string]*syncer.Status{
		"in_progress": inProgress(), "completed": completed(), "failed": failed(), "not_started": notStarted(),
		"paused": pausedRun(), "live": liveAndTold(), "cancelled": cancelledRun(),
	} {
		t.Run(name, func(t *testing.T) { golden(t, "status_"+name+".txt", statusText(s, noon.Add(20*time.Second), 0)) })
	}
}

// pausedRun is half done, and stands still for ten seconds.
func pausedRun() *syncer.Status {
	s := paused(inProgress())
	s.Control.Since = ptr(noon.Add(-10 * time.Second))
	s.ActiveSeconds, s.PausedSeconds = 40, 10
	s.AllowedActions = []syncer.Action{syncer.ActionResume, syncer.ActionCancel}
	for _, i := range []int{0, 2, 6} {
		s.ResourceStatus[i].Phase = syncer.PhasePaused
	}
	return s
}

// cancelledRun was ended by someone, and isn't tried again.
func cancelledRun() *syncer.Status {
	s := status(failed(), 23, func(s *syncer.Status) {
		s.State, s.Error, s.Retry = syncer.Idle, ptr("cancelled by ann: enough"), syncer.Retry{}
	})
	s.AllowedActions = []syncer.Action{syncer.ActionStart}
	return s
}

// liveAndTold has everything that a mirror can tell that isn't in a run.
func liveAndTold() *syncer.Status {
	s := status(completed(), 30, func(s *syncer.Status) {
		s.Trigger, s.Retry.Attempt = syncer.TriggerRetry, 2
		s.PausedSeconds = 12.5
		s.AllowedActions = []syncer.Action{syncer.ActionStart, syncer.ActionPause, syncer.ActionRetry}
		s.Warnings = []syncer.Warning{
			{Code: syncer.WarnStoreSlow, Resource: "pods", Message: "the store is slow", Since: noon.Add(-5 * time.Minute)},
			{Code: syncer.WarnDiscovery, Message: "the server can't describe x/v1\x1b[2J", Since: noon},
		}
		s.History = syncer.HistorySummary{Runs: 30, AverageDurationMs: ptr[int64](4_100), P95DurationMs: ptr[int64](6_000), FailureRate: 0.034}
		r := &s.ResourceStatus[1]
		r.Watch = syncer.Watch{State: syncer.WatchConnected, LagSeconds: ptr(1.25), LastEventAt: ptr(noon.Add(-time.Minute))}
		s.ResourceStatus[3].NextRetryAt = ptr(noon.Add(32 * time.Second))
	})
	return s
}

// Where a terminal is low, cells that are well give way, and no line is too wide.
func TestStatusScreen(t *testing.T) {
	now := noon.Add(20 * time.Second)
	for _, size := range []struct{ width, height int }{{120, 39}, {80, 23}, {40, 14}} {
		name := fmt.Sprintf("status_live_%dx%d.txt", size.width, size.height)
		golden(t, name, lines(statusScreen(liveAndTold(), now, size.width, size.height)))
	}
	for width := 1; width <= 160; width++ {
		for _, height := range []int{1, 2, 5, 14, 40} {
			for _, s := range []*syncer.Status{liveAndTold(), pausedRun(), cancelledRun(), notStarted()} {
				all := statusScreen(s, now, width, height)
				if len(all) > height {
					t.Fatalf("%d x %d: got %d lines", width, height, len(all))
				}
				for _, line := range all {
					if got := len([]rune(line)); got > width {
						t.Fatalf("%d x %d: got %d columns: %q", width, height, got, line)
					}
				}
			}
		}
	}
}
