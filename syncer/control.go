package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Action is what someone may ask of a mirror.
type Action string

// The actions.
const (
	ActionStart  Action = "start"  // a new run: compare with the cluster, all or in part
	ActionPause  Action = "pause"  // write what was accepted, and stand still, also across restarts
	ActionResume Action = "resume" // go on from the checkpoints
	ActionCancel Action = "cancel" // end the run; the mirror stays as it is until another one starts
	ActionRetry  Action = "retry"  // don't wait for the next attempt of what failed
)

// Actions lists every Action, in the order in which they are shown.
var Actions = []Action{ActionStart, ActionPause, ActionResume, ActionCancel, ActionRetry}

// MaxReasonBytes bounds the reason of a command.
const MaxReasonBytes = 256

// Command asks an engine for an action.
type Command struct {
	Action Action
	By     string // who asks; "" when nobody knows
	Reason string // why, for others to read; at most MaxReasonBytes
	// Resources and Namespaces limit start and retry; none is all. A resource goes
	// by its name ("deployments.apps") or its kind.
	Resources, Namespaces []string
	// Cause carries the trace of the request; nil is none.
	Cause context.Context
}

// Operation is a command that was accepted.
type Operation struct {
	ID         string    `json:"operationId"`
	Action     Action    `json:"action"`
	AcceptedAt time.Time `json:"acceptedAt"`
	Revision   uint64    `json:"revision"` // the first that shows it
}

// Control is what the status tells of the last pause or cancellation, and what the
// store keeps of a pause.
type Control struct {
	Paused bool       `json:"paused"`
	By     *string    `json:"by"`
	Reason *string    `json:"reason"`
	Since  *time.Time `json:"since"`
}

// NotAllowedError answers a command that has no meaning in the present state.
type NotAllowedError struct {
	Action  Action
	Status  RunStatus
	State   State
	Allowed []Action
}

func (e *NotAllowedError) Error() string {
	allowed := "nothing"
	if len(e.Allowed) > 0 {
		words := make([]string, len(e.Allowed))
		for i, a := range e.Allowed {
			words[i] = string(a)
		}
		allowed = strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s isn't possible while the run is %s and the mirror %s; possible now: %s",
		e.Action, e.Status, e.State, allowed)
}

// InvalidCommandError answers a command that can't be meant.
type InvalidCommandError struct{ Text string }

func (e *InvalidCommandError) Error() string { return e.Text }

// validate checks what needs no look at the state.
func (c *Command) validate() error {
	limited := len(c.Resources) > 0 || len(c.Namespaces) > 0
	switch {
	case !slices.Contains(Actions, c.Action):
		return &InvalidCommandError{fmt.Sprintf("unknown action %q", c.Action)}
	case len(c.Reason) > MaxReasonBytes:
		return &InvalidCommandError{fmt.Sprintf("the reason has %d bytes, at most %d are kept", len(c.Reason), MaxReasonBytes)}
	case limited && c.Action != ActionStart && c.Action != ActionRetry:
		return &InvalidCommandError{fmt.Sprintf("%s takes no resources and no namespaces: it is for the whole mirror", c.Action)}
	}
	return nil
}

// targets is a set of cells that a command names; the zero value is all.
type targets struct{ resources, namespaces []string }

// covers reports whether all of the cell is meant.
func (t targets) covers(c Cell) bool {
	return t.names(c.Resource) && (len(t.namespaces) == 0 || slices.Contains(t.namespaces, c.Namespace))
}

// within are the namespaces that are meant of a cell that spans them all.
func (t targets) within(c Cell) []string {
	if c.Namespace != "" || !c.Resource.Namespaced || !t.names(c.Resource) {
		return nil
	}
	return t.namespaces
}

func (t targets) names(r Resource) bool {
	return len(t.resources) == 0 || slices.ContainsFunc(t.resources, r.goesBy)
}

// goesBy reports whether name is the resource's name or kind.
func (r Resource) goesBy(name string) bool {
	return name == r.String() || strings.EqualFold(name, r.Kind)
}

// check refuses names that none of the cells goes by: a typing error would look
// like a command that was carried out.
func (t targets) check(cells []ResourceStatus) error {
	for _, name := range t.resources {
		if !slices.ContainsFunc(cells, func(c ResourceStatus) bool { return name == c.Name || strings.EqualFold(name, c.Resource) }) {
			return &InvalidCommandError{fmt.Sprintf("%q isn't a resource that is mirrored", name)}
		}
	}
	for _, ns := range t.namespaces {
		known := slices.ContainsFunc(cells, func(c ResourceStatus) bool {
			return c.Namespaced && (c.Namespace == "" || c.Namespace == ns)
		})
		if ns == "" || strings.ContainsAny(ns, "/\x00") || !known {
			return &InvalidCommandError{fmt.Sprintf("%q isn't a namespace that is mirrored", ns)}
		}
	}
	return nil
}
