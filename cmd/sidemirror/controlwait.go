package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// effect is what a command that was accepted comes to.
type effect struct {
	*controlOptions
	before *syncer.Status // as it was when the command was sent, or a moment earlier
	op     syncer.Operation
}

// await polls until the command took effect, and returns the status that shows it.
func (e *effect) await(ctx context.Context, client *statusClient, w io.Writer) (*syncer.Status, error) {
	what := e.done
	if what == "" {
		what = "over"
	}
	u := until{timeout: e.timeout, what: what, reached: e.reached}
	return u.poll(ctx, client, w)
}

// reached tells whether the command took effect; an error says that it never will.
func (e *effect) reached(s *syncer.Status) (bool, error) {
	switch e.action {
	case syncer.ActionPause:
		return e.reachedPause(s)
	case syncer.ActionResume:
		return !s.Control.Paused && s.State != syncer.Stopped, nil
	case syncer.ActionCancel:
		return e.reachedCancel(s)
	case syncer.ActionRetry:
		if e.before.State != syncer.Retrying {
			return e.reachedRetry(s)
		}
	}
	return e.reachedRun(s)
}

// reachedPause sees a mirror that someone let go on again, but takes one that was
// restarted, and has yet to read that it is paused, for what it is.
func (e *effect) reachedPause(s *syncer.Status) (bool, error) {
	if !s.Control.Paused && s.RunID == e.before.RunID {
		return true, errors.New("someone let the mirror go on meanwhile")
	}
	return s.State == syncer.Paused, nil
}

func (e *effect) reachedCancel(s *syncer.Status) (bool, error) {
	if s.RunID == e.before.RunID && s.Status == syncer.Completed {
		return true, errors.New("the run had completed before")
	}
	return s.State == syncer.Idle || s.RunID != e.before.RunID, nil
}

// reachedRun is the end of the run that the command made.
func (e *effect) reachedRun(s *syncer.Status) (bool, error) {
	switch {
	case s.RunID == e.before.RunID:
		return false, nil
	case s.Status == syncer.Failed:
		return true, runError(s)
	default:
		return s.Status == syncer.Completed, nil
	}
}

// reachedRetry is when each resource that waited for an attempt is well, or has
// failed once more.
func (e *effect) reachedRetry(s *syncer.Status) (bool, error) {
	var troubles []string
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		if !e.waited(r) {
			continue
		}
		switch {
		case r.Error != nil && r.Error.Time.After(e.op.AcceptedAt):
			troubles = append(troubles, fmt.Sprintf("%s: %s: %s", cellName(r), r.Error.Reason, printable(r.Error.Message)))
		case r.Error != nil || r.Status != syncer.ResourceCompleted:
			return false, nil
		}
	}
	if len(troubles) > 0 {
		return true, errors.New("still failing: " + strings.Join(troubles, "; "))
	}
	return true, nil
}

// waited reports whether the cell was one of those that the command is about.
func (e *effect) waited(r *syncer.ResourceStatus) bool {
	return slices.ContainsFunc(e.before.ResourceStatus, func(b syncer.ResourceStatus) bool {
		return b.Name == r.Name && b.Namespace == r.Namespace && b.NextRetryAt != nil && e.means(&b)
	})
}

// means reports whether --resources and --namespaces name the cell, as the server has it.
func (e *effect) means(r *syncer.ResourceStatus) bool {
	resource := len(e.body.Resources) == 0 || slices.ContainsFunc(e.body.Resources, func(name string) bool {
		return name == r.Name || strings.EqualFold(name, r.Resource)
	})
	namespace := len(e.body.Namespaces) == 0 || r.Namespaced && r.Namespace == "" || slices.Contains(e.body.Namespaces, r.Namespace)
	return resource && namespace
}

// told is the effect in words.
func (e *effect) told(s *syncer.Status) string {
	if e.done == "" || e.action == syncer.ActionRetry && e.before.State == syncer.Retrying {
		return summary(s)
	}
	return e.done
}
