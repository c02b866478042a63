package syncer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// CancelledError ends a run that someone cancelled.
type CancelledError struct{ By, Reason string }

func (e *CancelledError) Error() string {
	text := "cancelled"
	if e.By != "" {
		text += " by " + e.By
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Is makes it count as [context.Canceled], for which nothing went wrong.
func (e *CancelledError) Is(target error) bool { return target == context.Canceled }

// restartError ends a live mirror's following, or a wait, for the run that someone asked for.
type restartError struct{ run RunInfo }

func (e *restartError) Error() string { return "another run was asked for" }

// commands is how the engine's loop hears of what Do has accepted.
type commands struct {
	mu     sync.Mutex // one command at a time
	runs   chan RunInfo
	cancel context.CancelCauseFunc // guarded by mu: ends the run, or the wait behind it

	retries struct {
		sync.Mutex
		changed chan struct{} // guarded by the mutex: closed at the next retry
		last    targets       // guarded by the mutex
	}
}

func newCommands() *commands {
	c := &commands{runs: make(chan RunInfo, 1)}
	c.retries.changed = make(chan struct{})
	return c
}

// cancelWith sets what ends the run that begins.
func (c *commands) cancelWith(cancel context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancel = cancel
}

// Do carries out a command, or accepts it to be carried out. A pause is in the
// store before Do returns, and so is its end. Errors are [*NotAllowedError],
// [*InvalidCommandError], the store's, and ctx's own.
func (e *Engine) Do(ctx context.Context, cmd Command) (Operation, error) {
	if err := cmd.validate(); err != nil {
		return Operation{}, err
	}
	aim := targets{cmd.Resources, cmd.Namespaces}
	e.commands.mu.Lock()
	defer e.commands.mu.Unlock()
	if err := aim.check(e.Tracker.Status().ResourceStatus); err != nil {
		return Operation{}, err
	}
	op := Operation{ID: ulid.Make().String(), Action: cmd.Action, AcceptedAt: e.Tracker.time()}
	var err error
	switch cmd.Action {
	case ActionPause:
		op.Revision, err = e.pause(ctx, cmd, op.AcceptedAt)
	case ActionResume:
		op.Revision, err = e.resume(ctx, cmd)
	case ActionCancel:
		op.Revision, err = e.cancel(ctx, cmd)
	case ActionStart:
		op.Revision, err = e.start(cmd)
	case ActionRetry:
		op.Revision, err = e.retry(aim)
	}
	if err != nil {
		return Operation{}, err
	}
	e.traced(e.Log, ctx).Info("command accepted", "action", cmd.Action, "by", cmd.By, "reason", cmd.Reason, "operation", op.ID)
	return op, nil
}

// allow refuses what isn't possible before anything is stored for it.
func (e *Engine) allow(a Action) error {
	s := e.Tracker.Status()
	if slices.Contains(s.AllowedActions, a) {
		return nil
	}
	return &NotAllowedError{Action: a, Status: s.Status, State: s.State, Allowed: s.AllowedActions}
}

func (e *Engine) pause(ctx context.Context, cmd Command, now time.Time) (uint64, error) {
	if err := e.allow(ActionPause); err != nil {
		return 0, err
	}
	control := Control{Paused: true, Since: &now}
	if cmd.By != "" {
		control.By = &cmd.By
	}
	if cmd.Reason != "" {
		control.Reason = &cmd.Reason
	}
	if err := e.Store.SaveControl(ctx, control); err != nil {
		return 0, fmt.Errorf("store the pause: %w", err)
	}
	e.hold(control)
	e.Observer.Note(ctx, Note{Kind: NotePaused, By: cmd.By, Why: cmd.Reason})
	return e.Tracker.Status().Revision, nil
}

// hold closes the gate, and tells of it.
func (e *Engine) hold(control Control) {
	e.gate.pause(func(working bool) { e.Tracker.paused(control, working) })
}

func (e *Engine) resume(ctx context.Context, cmd Command) (uint64, error) {
	if err := e.allow(ActionResume); err != nil {
		return 0, err
	}
	if err := e.Store.SaveControl(ctx, Control{}); err != nil {
		return 0, fmt.Errorf("store the end of the pause: %w", err)
	}
	revision, err := e.Tracker.ifAllowed(ActionResume, func(_ *Status, now time.Time) { e.Tracker.endPause(now) })
	if err == nil {
		e.gate.resume()
		e.Observer.Note(ctx, Note{Kind: NoteResumed, By: cmd.By, Why: cmd.Reason})
	}
	return revision, err
}

// cancel ends the run, or the wait for its next attempt. A pause ends with it.
func (e *Engine) cancel(ctx context.Context, cmd Command) (uint64, error) {
	if err := e.allow(ActionCancel); err != nil {
		return 0, err
	}
	if e.Tracker.Status().Control.Paused {
		if err := e.Store.SaveControl(ctx, Control{}); err != nil {
			return 0, fmt.Errorf("store the end of the pause: %w", err)
		}
	}
	revision, err := e.Tracker.ifAllowed(ActionCancel, func(_ *Status, now time.Time) {
		e.Tracker.endPause(now)
		e.Tracker.cancelling = true
	})
	if err != nil {
		return 0, err
	}
	e.commands.cancel(&CancelledError{By: cmd.By, Reason: cmd.Reason})
	e.gate.resume()
	return revision, nil
}

func (e *Engine) start(cmd Command) (uint64, error) {
	run := RunInfo{
		Trigger: TriggerManual, Cause: cmd.Cause, By: cmd.By, Reason: cmd.Reason,
		Resources: cmd.Resources, Namespaces: cmd.Namespaces,
	}
	return e.Tracker.ifAllowed(ActionStart, func(*Status, time.Time) {
		select {
		case e.commands.runs <- run:
		default: // one is asked for already, and about to begin
		}
	})
}

func (e *Engine) retry(aim targets) (uint64, error) {
	return e.Tracker.ifAllowed(ActionRetry, func(*Status, time.Time) {
		r := &e.commands.retries
		r.Lock()
		defer r.Unlock()
		r.last = aim
		close(r.changed)
		r.changed = make(chan struct{})
	})
}

// rest waits for d, and no longer once someone asks for a retry that means is
// true of. It returns ctx's own error.
func (e *Engine) rest(ctx context.Context, d time.Duration, means func(targets) bool) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	r := &e.commands.retries
	for {
		r.Lock()
		changed := r.changed
		r.Unlock()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
		r.Lock()
		mine := means(r.last)
		r.Unlock()
		if mine {
			return nil
		}
	}
}
