package syncer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"
)

// Options say what the engine mirrors, and how. Zero values of everything below
// Log mean the default in brackets.
type Options struct {
	Source   Source
	Store    Store
	Tracker  *Tracker
	Observer Observer     // none
	Log      hclog.Logger // none

	// TraceID and SpanID read the trace's and the span's id out of a context that the
	// Observer made; "" is none. [none]
	TraceID, SpanID func(context.Context) string
	// Form names how objects are turned into rows; when it changes, all are written again.
	Form string
	// Parallel is how many cells list at the same time [4].
	Parallel int
	// Writers is how many batches of one list are written at the same time [2].
	Writers int
	// BufferBytes bounds the watch events that wait for the store, over all cells [32 MiB].
	BufferBytes int64
	// MinBackoff and MaxBackoff bound the wait between attempts [500ms, 30s].
	MinBackoff, MaxBackoff time.Duration
	// GiveUpAfter is the attempt of a cell after which a run no longer waits for it [5].
	// The cell itself goes on trying.
	GiveUpAfter int
	// DiscoveryInterval is how often a live mirror looks for resources that came or went [30s].
	DiscoveryInterval time.Duration
	// FlushTimeout bounds the writing of what was accepted when the engine is stopped [3s].
	FlushTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.Observer == nil {
		o.Observer = Observers()
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	none := func(context.Context) string { return "" }
	if o.TraceID == nil {
		o.TraceID = none
	}
	if o.SpanID == nil {
		o.SpanID = none
	}
	o.Parallel = cmp.Or(o.Parallel, 4)
	o.Writers = cmp.Or(o.Writers, 2)
	o.BufferBytes = cmp.Or(o.BufferBytes, 32<<20)
	o.MinBackoff = cmp.Or(o.MinBackoff, 500*time.Millisecond)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 30*time.Second)
	o.GiveUpAfter = cmp.Or(o.GiveUpAfter, 5)
	o.DiscoveryInterval = cmp.Or(o.DiscoveryInterval, 30*time.Second)
	o.FlushTimeout = cmp.Or(o.FlushTimeout, 3*time.Second)
}

// Engine mirrors a source into a store. Make it with [NewEngine], and run it once.
type Engine struct {
	Options
	slots    chan struct{} // one token a cell that may list now
	turn     atomic.Int64  // Unix nanoseconds at which the loops were last seen to turn
	gate     *gate
	commands *commands
	unsaved  []Run // of the goroutine of Run: runs that the store didn't take yet
}

// NewEngine returns an engine that does nothing until Run.
func NewEngine(o Options) *Engine {
	o.setDefaults()
	return &Engine{
		Options: o, slots: make(chan struct{}, o.Parallel),
		gate: newGate(o.Tracker.stoodStill), commands: newCommands(),
	}
}

// Run mirrors until ctx ends, then writes what was accepted and returns nil once
// every goroutine has ended. A run that fails is tried again; an error is returned
// only for what trying again can't mend: a resource that can't be meant, or
// another writer that took over.
func (e *Engine) Run(ctx context.Context) error {
	defer e.Tracker.stop()
	beat, stop := context.WithCancel(ctx)
	defer stop()
	go e.heartbeat(beat)

	wait := backoff{min: e.MinBackoff, max: e.MaxBackoff}
	run := RunInfo{Trigger: TriggerStartup}
	for {
		run.ID = ulid.Make().String()
		scope, cancel := context.WithCancelCause(ctx)
		e.commands.cancelWith(cancel)
		err := e.runOnce(scope, ctx, run)
		if ctx.Err() == nil && !final(err) {
			run, err = e.next(scope, ctx, run, err, &wait)
		}
		cancel(nil)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next waits until another run is due after the one that ended with err.
func (e *Engine) next(scope, ctx context.Context, run RunInfo, err error, wait *backoff) (RunInfo, error) {
	if restart, ok := errors.AsType[*restartError](err); ok {
		wait.reset()
		return restart.run, nil
	}
	if _, cancelled := errors.AsType[*CancelledError](err); !cancelled {
		d := wait.next(retryAfter(err))
		e.Tracker.retryAt(time.Now().Add(d))
		e.Log.Error("run failed", "run_id", run.ID, "error", err, "retry_in", d.Round(time.Millisecond))
		next, err := e.awaitRetry(scope, run, d)
		if err == nil {
			return next, nil
		}
		if ctx.Err() != nil {
			return run, ctx.Err()
		}
		e.Tracker.giveUp()
		e.Log.Info("run isn't tried again", "run_id", run.ID, "error", err)
	}
	wait.reset()
	select {
	case next := <-e.commands.runs:
		return next, nil
	case <-ctx.Done():
		return run, ctx.Err()
	}
}

// awaitRetry waits for d, for a command, and for the end of a pause. It ends with
// scope, whose cause it returns.
func (e *Engine) awaitRetry(scope context.Context, run RunInfo, d time.Duration) (RunInfo, error) {
	again := run
	again.Trigger, again.Attempt = TriggerRetry, run.Attempt+1
	rested := make(chan error, 1)
	waiting, stop := context.WithCancel(scope)
	defer stop()
	go func() { rested <- e.rest(waiting, d, func(targets) bool { return true }) }()
	select {
	case next := <-e.commands.runs:
		return next, nil
	case err := <-rested:
		if err != nil {
			return run, context.Cause(scope)
		}
	}
	if err := e.gate.pass(scope, func(context.Context) error { return nil }); err != nil {
		return run, err
	}
	return again, context.Cause(scope)
}

// final reports whether another attempt can't mend err.
func final(err error) bool {
	_, unknown := errors.AsType[*UnknownResourceError](err)
	return unknown || errors.Is(err, ErrStaleEpoch)
}

// retryAfter is how long the server asked to wait, if it did.
func retryAfter(err error) time.Duration {
	if se, ok := errors.AsType[*SourceError](err); ok {
		return se.RetryAfter
	}
	return 0
}

// runOnce takes the mirror through the steps within scope, and then keeps it until
// ctx ends or another run is asked for.
func (e *Engine) runOnce(scope, ctx context.Context, info RunInfo) error {
	runCtx, endRun := e.Observer.StartRun(scope, info)
	e.Tracker.startRun(info, e.TraceID(runCtx))
	log := e.traced(e.Log.With("run_id", info.ID), runCtx)
	log.Info("run started", "trigger", info.Trigger, "attempt", info.Attempt)

	cells := newFleet(e, info, log)
	defer cells.stop()
	err := e.steps(runCtx, ctx, cells)
	if ctx.Err() != nil {
		endRun(RunResult{Epoch: cells.epoch, Revision: e.Tracker.Status().Revision, Err: ctx.Err()})
		return ctx.Err() // stopped on the way: the run has no outcome
	}
	outcome := RunCompleted
	if err != nil {
		outcome = RunFailed
		if cancelled, ok := errors.AsType[*CancelledError](context.Cause(scope)); ok {
			outcome, err = RunCancelled, cancelled
		}
	}
	e.Tracker.finishRun(err)
	s := e.Tracker.Status()
	endRun(RunResult{Epoch: s.Epoch, Revision: s.Revision, Partial: s.Partial, Err: err})
	e.record(ctx, runOf(s, outcome))
	if err != nil {
		log.Info("run ended", "outcome", outcome, "duration_ms", *s.DurationMs)
		return err
	}
	log.Info("run completed", "duration_ms", *s.DurationMs, "resources", s.SyncedResources, "failed", s.FailedResources)
	return cells.follow(ctx)
}

// traced is log with the trace that ctx belongs to, if there is one.
func (e *Engine) traced(log hclog.Logger, ctx context.Context) hclog.Logger {
	if id := e.TraceID(ctx); id != "" {
		return log.With("trace_id", id, "span_id", e.SpanID(ctx))
	}
	return log
}

// steps runs cleanup, sync and informer. Cells live under life, which outlasts
// the run's own context.
func (e *Engine) steps(ctx, life context.Context, cells *fleet) error {
	if err := e.step(ctx, StepCleanup, func(ctx context.Context) error { return e.cleanup(ctx, cells) }); err != nil {
		return err
	}
	err := e.step(ctx, StepSync, func(ctx context.Context) error {
		defer cells.estimate(ctx)()
		cells.start(life, ctx)
		if err := cells.waitSynced(ctx); err != nil {
			return err
		}
		return e.anySynced()
	})
	if err != nil {
		return err
	}
	return e.step(ctx, StepInformer, cells.waitLive)
}

func (e *Engine) step(ctx context.Context, step Step, do func(context.Context) error) error {
	e.Tracker.startStep(step)
	ctx, end := e.Observer.StartStep(ctx, step)
	err := do(ctx)
	end(err)
	return err
}

// anySynced fails the run if no cell at all could be synced.
func (e *Engine) anySynced() error {
	s := e.Tracker.Status()
	if s.TotalResources == 0 || s.SyncedResources > 0 {
		return nil
	}
	for _, r := range s.ResourceStatus {
		if r.Error != nil {
			return fmt.Errorf("no resource could be synced; %s: %s", r.Name, r.Error.Message)
		}
	}
	return errors.New("no resource could be synced")
}

// Heartbeat is when the engine's loops were last seen to turn; zero before Run.
func (e *Engine) Heartbeat() time.Time {
	if last := e.turn.Load(); last != 0 {
		return time.Unix(0, last)
	}
	return time.Time{}
}

// stuckAfter is how long the loops may stand still before Alive says so.
const stuckAfter = 30 * time.Second

// Alive says whether the engine's own loops turn. It knows nothing of the
// cluster, the store or the sync: none of those is mended by a restart.
func (e *Engine) Alive() error {
	last := e.Heartbeat()
	if last.IsZero() {
		return nil
	}
	if age := time.Since(last); age > stuckAfter {
		return fmt.Errorf("the engine hasn't turned for %s", age.Round(time.Second))
	}
	return nil
}

func (e *Engine) heartbeat(ctx context.Context) {
	for {
		e.Tracker.tick()
		e.turn.Store(time.Now().UnixNano())
		if pause(ctx, time.Second) != nil {
			return
		}
	}
}
