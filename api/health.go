package api

import (
	"net/http"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// health is the verdict of GET /api/v1/health.
type health struct {
	Status    healthStatus `json:"status"`
	Timestamp string       `json:"timestamp"` // when it was asked
	Sync      healthSync   `json:"sync"`
}

// healthStatus is what a health check branches on.
type healthStatus string

const (
	healthOK       healthStatus = "ok"
	healthDegraded healthStatus = "degraded" // the mirror is usable, but not whole or not fresh
	healthFailed   healthStatus = "failed"   // there is no mirror to use
)

// healthSync is the part of the status document that explains the verdict.
type healthSync struct {
	Status          syncer.RunStatus `json:"status"`
	State           syncer.State     `json:"state"`
	Step            syncer.Step      `json:"step"`
	Revision        uint64           `json:"revision"`
	TotalResources  int              `json:"totalResources"`
	SyncedResources int              `json:"syncedResources"`
	FailedResources int              `json:"failedResources"`
	Partial         bool             `json:"partial"`
	Progress        syncer.Progress  `json:"progress"`

	LastSuccessAt       *time.Time     `json:"lastSuccessAt"`
	InitialSyncComplete bool           `json:"initialSyncCompleted"`
	Retry               syncer.Retry   `json:"retry"`
	Control             syncer.Control `json:"control"`
	Error               *string        `json:"error"`
}

func (a *handler) health(w http.ResponseWriter, _ *http.Request, v *view) {
	s := v.status
	verdict := judge(s)
	code := http.StatusOK
	if verdict == healthFailed {
		code = http.StatusServiceUnavailable
	}
	w.Header()["Content-Type"] = jsonType
	writeJSON(w, code, health{
		Status:    verdict,
		Timestamp: time.Now().UTC().Format(endTimeLayout),
		Sync: healthSync{
			Status: s.Status, State: s.State, Step: s.Step, Revision: s.Revision,
			TotalResources: s.TotalResources, SyncedResources: s.SyncedResources, FailedResources: s.FailedResources,
			Partial: s.Partial, Progress: s.Progress,
			LastSuccessAt: s.LastSuccessAt, InitialSyncComplete: s.InitialSyncComplete,
			Retry: s.Retry, Control: s.Control, Error: redacted(s.Error),
		},
	})
}

// judge says how far the mirror can be used. A first run that is tried again
// after a failure is degraded until it completes, and so is a mirror that someone
// has paused: it gets older.
func judge(s *syncer.Status) healthStatus {
	switch {
	case s.Status == syncer.Failed && !s.InitialSyncComplete:
		return healthFailed
	case s.Status == syncer.Failed, s.Control.Paused, s.Partial, s.FailedResources > 0,
		s.Status == syncer.InProgress && s.Retry.Attempt > 0:
		return healthDegraded
	}
	for i := range s.ResourceStatus {
		if s.ResourceStatus[i].Error != nil {
			return healthDegraded
		}
	}
	return healthOK
}
