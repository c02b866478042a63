package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// maxBatchOps bounds one Write by count; maxBatchBytes bounds it by size.
const (
	maxBatchOps   = 1000
	maxBatchBytes = 4 << 20
)

// milestone is something that a cell reaches once.
type milestone struct {
	once sync.Once
	done chan struct{}
}

func (m *milestone) reach() { m.once.Do(func() { close(m.done) }) }

// cellLoop brings one cell to the cluster's state, and keeps it there. Only its
// own goroutine touches its fields, apart from those that say otherwise.
type cellLoop struct {
	e    *Engine
	cell Cell
	log  hclog.Logger

	tracker *CellTracker // set before the loop starts
	epoch   int64
	form    string

	checkpoint Checkpoint   // ResourceVersion 0: nothing to resume from
	parts      []string     // namespaces that are compared before the cell resumes
	manual     bool         // it could resume, and someone asked for a list
	highest    uint64       // the version that the store has reached
	unordered  bool         // the server's lists aren't in the order of keys
	attempts   int          // since it was last well
	relistFor  RelistReason // of the list that comes next; "" is one that nothing is noted of

	synced, live milestone   // reached, or given up by the run
	gone         atomic.Bool // the server said 404 to a list
	guessed      atomic.Bool // the group couldn't be read: a 404 tells nothing
	fatal        error       // valid once done is closed

	// Set by the fleet before the loop starts.
	cancel  context.CancelFunc
	life    context.Context // what outlasts a pause ends with it
	syncCtx context.Context // of the run's step, for the trace of what belongs to the run
	done    chan struct{}   // closed when the loop has ended
}

func newCellLoop(f *fleet, cell Cell) *cellLoop {
	c := &cellLoop{
		e: f.e, cell: cell, epoch: f.epoch,
		log:    f.log.With("resource", cell.String()),
		form:   f.e.Form + ";selector=" + cell.Resource.LabelSelector,
		synced: milestone{done: make(chan struct{})},
		live:   milestone{done: make(chan struct{})},
	}
	if cp, ok := f.checkpoints[cell.String()]; ok {
		c.checkpoint, c.highest = cp, cp.ResourceVersion
	}
	if f.aim != nil {
		c.parts = f.aim.within(cell)
		if f.aim.covers(cell) && c.checkpoint.ResourceVersion > 0 {
			c.manual, c.checkpoint.ResourceVersion = true, 0
		}
	}
	return c
}

// run syncs and follows until ctx ends, stands still while the mirror is paused,
// and tries again with backoff after any failure.
func (c *cellLoop) run(ctx context.Context) {
	wait := backoff{min: c.e.MinBackoff, max: c.e.MaxBackoff}
	for {
		work, leave, err := c.e.gate.enter(ctx)
		if err != nil {
			return
		}
		err = c.once(work, &wait)
		paused := context.Cause(work) == errPaused
		if paused && ctx.Err() == nil {
			c.tracker.paused()
		}
		leave()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrStaleEpoch) {
			c.fatal = err
			return
		}
		if !paused {
			c.mend(ctx, err, &wait)
		}
	}
}

// mend prepares another attempt after err, and waits until it is due.
func (c *cellLoop) mend(ctx context.Context, err error, wait *backoff) {
	if errors.Is(err, errUnordered) {
		c.log.Warn("the server doesn't list in the order of keys, comparing in memory from now on")
		c.e.Tracker.warn(WarnUnordered, c.cell.String(), "the server doesn't list in the order of keys: each resync holds the keys of all rows in memory")
		c.unordered = true
		return
	}
	if ReasonOf(err) == ReasonExpired {
		c.log.Info("resource version expired, listing again", "error", err)
		c.checkpoint.ResourceVersion = 0
		c.relist(RelistExpired)
		if wait.failures == 0 {
			wait.failures++ // a second expiry in a row waits
			return
		}
	}
	c.failed(ctx, err, wait.next(retryAfter(err)))
}

// once takes the cell from where it stands to live, and returns when that ends.
func (c *cellLoop) once(ctx context.Context, wait *backoff) error {
	if c.checkpoint.ResourceVersion > 0 && c.checkpoint.Form != c.form {
		c.relist(RelistForm)
		c.checkpoint.ResourceVersion = 0
	}
	if c.checkpoint.ResourceVersion == 0 {
		if c.manual {
			c.relist(RelistManual)
			c.manual = false
		}
		if err := c.list(ctx, c.cell); err != nil {
			return err
		}
		c.parts, c.attempts = nil, 0
		c.reachSynced()
		return c.follow(ctx, wait, nil)
	}
	for len(c.parts) > 0 {
		if err := c.list(ctx, Cell{Resource: c.cell.Resource, Namespace: c.parts[0]}); err != nil {
			return err
		}
		c.parts = c.parts[1:]
	}
	return c.resume(ctx, wait)
}

// relist counts a list that is about to come, and has it noted where it happens.
func (c *cellLoop) relist(why RelistReason) {
	c.tracker.relist(why)
	c.relistFor = why
}

// resume follows from the checkpoint; the cell is synced once it has caught up.
func (c *cellLoop) resume(ctx context.Context, wait *backoff) error {
	rows, err := c.e.Store.Count(ctx, c.cell)
	if err != nil {
		return fmt.Errorf("count %s: %w", c.cell, err)
	}
	c.tracker.start(PhaseCatchingUp, "")
	c.tracker.expect(rows)
	span, end := c.e.Observer.StartResource(c.traced(ctx), c.cell)
	var once sync.Once
	finish := func(err error, givenUp bool) {
		once.Do(func() { end(ResourceResult{Objects: rows, Resumed: true, GivenUp: givenUp, Err: err}) })
	}
	err = c.follow(ctx, wait, &catchUp{
		done: func(rv uint64, change int64) {
			rows += change
			c.tracker.synced(rv, rows)
			c.e.Observer.Note(span, Note{Kind: NoteCheckpoint, ResourceVersion: rv})
			finish(nil, false)
			c.reachSynced()
		},
		givenUp: func(err error) { finish(err, true) },
	})
	finish(err, c.givesUp(err))
	return err
}

// list runs a resync with its span. What is listed is the cell, or a part of it.
func (c *cellLoop) list(ctx context.Context, what Cell) error {
	ctx, end := c.e.Observer.StartResource(c.traced(ctx), what)
	if c.relistFor != "" {
		c.e.Observer.Note(ctx, Note{Kind: NoteRelist, Why: string(c.relistFor)})
		c.relistFor = ""
	}
	r, err := c.resync(ctx, what)
	if err == nil && what == c.cell {
		err = c.finish(ctx, r)
	}
	end(ResourceResult{Objects: r.listed, Bytes: r.bytes, GivenUp: c.givesUp(err), Err: err})
	return err
}

// traced is ctx below the run's step while the run waits for the cell: a resync
// of later has a trace of its own.
func (c *cellLoop) traced(ctx context.Context) context.Context {
	select {
	case <-c.synced.done:
		return ctx
	default:
		return withValues{ctx, c.syncCtx}
	}
}

// withValues ends with its first context, and has the values of both. The first
// one's come first: the context package finds there how to follow its end.
type withValues struct {
	context.Context
	values context.Context
}

// Value implements [context.Context].
func (c withValues) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

func (c *cellLoop) reachSynced() {
	c.gone.Store(false)
	c.synced.reach()
}

// rest waits for d, unless someone asks for a retry of the cell.
func (c *cellLoop) rest(ctx context.Context, d time.Duration) error {
	return c.e.rest(ctx, d, func(t targets) bool { return t.covers(c.cell) || len(t.within(c.cell)) > 0 })
}

// failed tells of err, ends the run's wait for the cell where trying again soon
// won't help, and waits.
func (c *cellLoop) failed(ctx context.Context, err error, d time.Duration) {
	givenUp := c.givesUp(err)
	c.attempts++
	reason := ReasonOf(err)
	if reason == ReasonNotFound {
		c.purge(ctx)
	}
	c.tracker.failed(err, time.Now().Add(d))
	if givenUp {
		c.tracker.settle(reason)
		c.synced.reach()
		c.live.reach()
	}
	c.log.Warn("sync failed", "reason", reason, "error", err, "retry_in", d.Round(time.Millisecond))
	_ = c.rest(ctx, d)
}

// givesUp reports whether an attempt that ended with err is the last one that
// anything waits for. It is asked before the attempt is counted.
func (c *cellLoop) givesUp(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errUnordered) {
		return false
	}
	switch ReasonOf(err) {
	case ReasonForbidden, ReasonNotFound, ReasonUnauthorized:
		return true
	}
	return c.attempts+1 >= c.e.GiveUpAfter
}

// purge removes the rows of a resource that the server no longer serves: there
// are no such objects.
func (c *cellLoop) purge(ctx context.Context) {
	if c.gone.Load() || c.guessed.Load() {
		return
	}
	rows := c.versions(c.cell)
	swept, err := c.sweep(ctx, &extras{}, rows, ^uint64(0)>>1, true)
	if err == nil {
		err = c.e.Store.DeleteCheckpoints(ctx, []string{c.cell.String()})
	}
	if err != nil {
		c.log.Warn("rows of a resource that went away stay", "error", err)
		return
	}
	c.checkpoint, c.highest = Checkpoint{}, 0
	c.tracker.stored(Counts{Swept: swept}, nil, 0)
	c.gone.Store(true)
}

// save keeps rv as the cell's checkpoint, in the store and here.
func (c *cellLoop) save(ctx context.Context, rv uint64) error {
	cp := Checkpoint{
		Cell: c.cell.String(), Resource: c.cell.Resource.String(), Kind: c.cell.Resource.Kind,
		Version: c.cell.Resource.Version, Namespaced: c.cell.Resource.Namespaced,
		ResourceVersion: rv, Form: c.form, Epoch: c.epoch, SavedAt: time.Now().UTC(),
	}
	if err := c.e.Store.SaveCheckpoints(ctx, []Checkpoint{cp}); err != nil {
		return fmt.Errorf("save checkpoint of %s: %w", c.cell, err)
	}
	c.checkpoint = cp
	if rv > 0 {
		c.highest = rv
	}
	return nil
}

// write hands ops to the store once, and reports to the observer.
func (c *cellLoop) write(ctx context.Context, ops []Op) (WriteResult, error) {
	began := time.Now()
	res, err := c.e.Store.Write(ctx, c.cell.Resource, ops)
	c.e.Observer.StoreWrite(ctx, c.cell.Resource, len(ops), time.Since(began), err)
	if err != nil {
		return res, fmt.Errorf("write %s: %w", c.cell, err)
	}
	for _, r := range res.Rejected {
		o := &ops[r.Index].Object
		c.tracker.deadLetter(string(o.Key), o.RV, r.Err)
		c.log.Warn("store refused an object", "key", string(o.Key), "error", r.Err)
	}
	return res, nil
}
