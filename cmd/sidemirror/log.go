package main

import (
	"io"

	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/syncer"
)

// newLogger writes to w; colours are for terminals only, and hclog knows NO_COLOR.
func newLogger(level, format string, w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name:       "sidemirror",
		Level:      hclog.LevelFromString(level),
		Output:     w,
		JSONFormat: format == "json",
		TimeFormat: "2006-01-02T15:04:05.000Z07:00",
	})
}

// logProgress tells a run in progress where nobody looks at bars. The engine itself
// logs what else there is to tell.
func logProgress(log hclog.Logger) func(*syncer.Status) {
	return func(s *syncer.Status) {
		if s.Status != syncer.InProgress {
			return
		}
		traced := log
		if s.TraceID != "" {
			traced = log.With("trace_id", s.TraceID)
		}
		traced.Info("sync progress", "run_id", s.RunID, "step", s.Step, "state", s.State,
			"synced_resources", s.SyncedResources, "total_resources", s.TotalResources,
			"objects", s.Progress.Objects.Synced, "percent", int(s.Progress.Ratio*100))
	}
}
