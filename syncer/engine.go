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

	// TraceID reads the trace's id out of a context that the Observer made; [none]
	TraceID func(context.Context) string
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
	if o.TraceID == nil {
		o.TraceID = func(context.Context) string { return "" }
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
	slots chan struct{} // one token a cell that may list now
	turn  atomic.Int64  // Unix nanoseconds at which the loops were last seen to turn
}

// NewEngine returns an engine that does nothing until Run.
func NewEngine(o Options) *Engine {
	o.setDefaults()
	return &Engine{Options: o, slots: make(chan struct{}, o.Parallel)}
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
	trigger := "startup"
	for attempt := 0; ; attempt++ {
		err := e.runOnce(ctx, RunInfo{ID: ulid.Make().String(), Trigger: trigger, Attempt: attempt})
		if ctx.Err() != nil {
			return nil
		}
		if final(err) {
			return err
		}
		d := wait.next(retryAfter(err))
		e.Tracker.retryAt(time.Now().Add(d))
		e.Log.Error("run failed", "error", err, "retry_in", d)
		if pause(ctx, d) != nil {
			return nil
		}
		trigger = "retry"
	}
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

// runOnce takes the mirror through the steps, and then keeps it until ctx ends.
func (e *Engine) runOnce(ctx context.Context, info RunInfo) (err error) {
	runCtx, endRun := e.Observer.StartRun(ctx, info)
	e.Tracker.startRun(info, e.TraceID(runCtx))
	log := e.Log.With("run_id", info.ID, "trace_id", e.TraceID(runCtx))
	log.Info("run started", "trigger", info.Trigger, "attempt", info.Attempt)

	cells := newFleet(e, log)
	defer cells.stop()
	err = e.steps(runCtx, ctx, cells)
	if ctx.Err() != nil {
		endRun(ctx.Err()) // stopped on the way: the run has no outcome
		return ctx.Err()
	}
	endRun(err)
	if err != nil {
		e.Tracker.finishRun(err)
		return err
	}
	e.Tracker.finishRun(nil)
	s := e.Tracker.Status()
	log.Info("run completed", "duration_ms", *s.DurationMs, "resources", s.SyncedResources, "failed", s.FailedResources)
	return cells.follow(ctx)
}

// steps runs cleanup, sync and informer. Cells live under life, which outlasts
// the run's own context.
func (e *Engine) steps(ctx, life context.Context, cells *fleet) error {
	if err := e.step(ctx, StepCleanup, func(ctx context.Context) error { return e.cleanup(ctx, cells) }); err != nil {
		return err
	}
	err := e.step(ctx, StepSync, func(ctx context.Context) error {
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

// stuckAfter is how long the loops may stand still before Alive says so.
const stuckAfter = 30 * time.Second

// Alive says whether the engine's own loops turn. It knows nothing of the
// cluster, the store or the sync: none of those is mended by a restart.
func (e *Engine) Alive() error {
	last := e.turn.Load()
	if last == 0 {
		return nil
	}
	if age := time.Since(time.Unix(0, last)); age > stuckAfter {
		return fmt.Errorf("the engine hasn't turned for %s", age.Round(time.Second))
	}
	return nil
}

func (e *Engine) heartbeat(ctx context.Context) {
	for {
		e.Tracker.turn()
		e.turn.Store(time.Now().UnixNano())
		if pause(ctx, time.Second) != nil {
			return
		}
	}
}
