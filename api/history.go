package api

import (
	"context"
	"net/http"

	"github.com/sidemirror/sidemirror/syncer"
)

// History reads the runs that are kept, the newest first; [syncer.Store] does.
type History interface {
	Runs(ctx context.Context, before string, limit int) ([]syncer.Run, error)
}

// history is the answer of GET /api/v1/sync/history: a page of runs, and what
// all that are kept come to.
type history struct {
	Runs     []syncer.Run        `json:"runs"`
	Continue string              `json:"continue,omitempty"` // of the next page; there is none without it
	Stats    syncer.HistoryStats `json:"stats"`
}

const defaultRuns = 20

func (a *handler) pastRuns(w http.ResponseWriter, r *http.Request, _ *view) {
	query, ok := readQuery(w, r, "limit", "continue")
	if !ok {
		return
	}
	limit, err := whole(query, "limit", defaultRuns, syncer.MaxRuns)
	if err != nil {
		newProblem(http.StatusBadRequest, err.Error()).write(w)
		return
	}
	all, err := a.History.Runs(r.Context(), "", syncer.MaxRuns)
	if err != nil {
		a.Log.Warn("history can't be read", "error", err)
		p := newProblem(http.StatusServiceUnavailable, "the store doesn't answer; the log says why")
		p.RetryAfterSeconds = 5
		p.write(w)
		return
	}
	page, next := pageOf(all, limit, query.Get("continue"), func(run syncer.Run) string { return run.ID }, true)
	answer := history{Runs: page, Continue: next, Stats: syncer.SummarizeRuns(all)}
	for i := range answer.Runs {
		answer.Runs[i] = a.shownRun(answer.Runs[i])
	}
	w.Header()["Content-Type"] = jsonType
	writeJSON(w, http.StatusOK, answer)
}

// shownRun is run without credentials in its error texts, and with the address of its
// trace. It owns its runs: they were read for this answer.
func (a *handler) shownRun(run syncer.Run) syncer.Run {
	if a.TraceURL != nil && run.TraceID != "" {
		run.TraceURL = a.TraceURL(run.TraceID)
	}
	run.Error = redacted(run.Error)
	for i := range run.Resources {
		run.Resources[i].Error = Redact(run.Resources[i].Error)
	}
	return run
}

// namespacePage is the answer of GET /api/v1/sync/namespaces.
type namespacePage struct {
	Revision   uint64                     `json:"revision"`
	Namespaces []syncer.NamespaceProgress `json:"namespaces"`
	Continue   string                     `json:"continue,omitempty"`
}

const (
	defaultNamespaces = 100
	maxNamespaces     = 1000
)

// syncNamespaces tells which namespaces there are, and so asks who wants to know.
func (a *handler) syncNamespaces(w http.ResponseWriter, r *http.Request, _ *view) {
	if !a.authorize(w, r, Attributes{Verb: "list", Resource: "namespaces"}) {
		return
	}
	query, ok := readQuery(w, r, "limit", "continue")
	if !ok {
		return
	}
	limit, err := whole(query, "limit", defaultNamespaces, maxNamespaces)
	if err != nil {
		newProblem(http.StatusBadRequest, err.Error()).write(w)
		return
	}
	all, status := a.Namespaces()
	show(w, newView(status, status))
	page, next := pageOf(all, limit, query.Get("continue"), func(p syncer.NamespaceProgress) string { return p.Namespace }, false)
	w.Header()["Content-Type"] = jsonType
	writeJSON(w, http.StatusOK, namespacePage{Revision: status.Revision, Namespaces: page, Continue: next})
}

// pageOf cuts a page out of all, which are sorted by their names, falling or
// rising: what follows after, and the name that the next page follows, if there
// is one. A name that is gone meanwhile is as good.
func pageOf[T any](all []T, limit int, after string, name func(T) string, falling bool) (page []T, next string) {
	page = []T{}
	for _, one := range all {
		n := name(one)
		if after != "" && (falling && n >= after || !falling && n <= after) {
			continue
		}
		if len(page) == limit {
			return page, name(page[limit-1])
		}
		page = append(page, one)
	}
	return page, ""
}
