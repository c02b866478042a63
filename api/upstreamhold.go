package api

import (
	"net/http"

	"github.com/sidemirror/sidemirror/syncer"
)

// retryHeld is the Retry-After, in seconds, while the first sync runs.
const retryHeld = "5"

// heldProblem says why the application isn't asked yet.
type heldProblem struct {
	problem
	Sync heldSync `json:"sync"`
}

// heldSync is how far the first sync is.
type heldSync struct {
	Status          syncer.RunStatus `json:"status"`
	Step            syncer.Step      `json:"step"`
	Revision        uint64           `json:"revision"`
	TotalResources  int              `json:"totalResources"`
	SyncedResources int              `json:"syncedResources"`
	Ratio           float64          `json:"ratio"`
}

// hold answers 503, and reports that it did, until the first sync has completed.
// From then on it never does again, as readiness doesn't: an older mirror is there.
func (u *Upstream) hold(w http.ResponseWriter) bool {
	if u.synced.Load() {
		return false
	}
	v := u.headers.view()
	s := v.status
	if s.InitialSyncComplete {
		u.synced.Store(true)
		return false
	}
	h := w.Header()
	v.setHeaders(h)
	h.Set("Retry-After", retryHeld)
	h.Set("Content-Type", "application/problem+json")
	writeJSON(w, http.StatusServiceUnavailable, heldProblem{
		problem: newProblem(http.StatusServiceUnavailable, "the first sync hasn't completed; the application is asked from then on"),
		Sync: heldSync{
			Status: s.Status, Step: s.Step, Revision: s.Revision,
			TotalResources: s.TotalResources, SyncedResources: s.SyncedResources, Ratio: s.Progress.Ratio,
		},
	})
	return true
}
