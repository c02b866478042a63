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

	checkpoint Checkpoint // ResourceVersion 0: nothing to resume from
	highest    uint64     // the version that the store has reached
	unordered  bool       // the server's lists aren't in the order of keys
	attempts   int        // since it was last well

	synced, live milestone   // reached, or given up by the run
	gone         atomic.Bool // the server said 404 to a list
	fatal        error       // valid once done is closed

	// Set by the fleet before the loop starts.
	cancel  context.CancelFunc
	syncCtx context.Context // of the run's step, for what belongs to the run
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
	return c
}

// run syncs and follows until ctx ends, and tries again with backoff after any failure.
func (c *cellLoop) run(ctx context.Context) {
	wait := backoff{min: c.e.MinBackoff, max: c.e.MaxBackoff}
	for {
		err := c.once(ctx, &wait)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrStaleEpoch) {
			c.fatal = err
			return
		}
		if errors.Is(err, errUnordered) {
			c.log.Warn("the server doesn't list in the order of keys, comparing in memory from now on")
			c.unordered = true
			continue
		}
		reason := ReasonOf(err)
		if reason == ReasonExpired {
			c.log.Info("resource version expired, listing again", "error", err)
			c.checkpoint.ResourceVersion = 0
			c.tracker.relist()
			if wait.failures == 0 {
				wait.failures++ // a second expiry in a row waits
				continue
			}
		}
		c.failed(ctx, err, wait.next(retryAfter(err)))
	}
}

// once takes the cell from where it stands to live, and returns when that ends.
func (c *cellLoop) once(ctx context.Context, wait *backoff) error {
	if c.checkpoint.ResourceVersion == 0 || c.checkpoint.Form != c.form {
		if err := c.list(ctx); err != nil {
			return err
		}
		c.attempts = 0
		c.reachSynced()
		return c.follow(ctx, wait, nil)
	}
	return c.resume(ctx, wait)
}

// resume follows from the checkpoint; the cell is synced once it has caught up.
func (c *cellLoop) resume(ctx context.Context, wait *backoff) error {
	rows, err := c.e.Store.Count(ctx, c.cell)
	if err != nil {
		return fmt.Errorf("count %s: %w", c.cell, err)
	}
	c.tracker.start(PhaseCatchingUp)
	c.tracker.expect(rows)
	_, end := c.e.Observer.StartResource(c.syncCtx, c.cell)
	var once sync.Once
	finish := func(err error) {
		once.Do(func() { end(ResourceResult{Objects: rows, Resumed: true, Err: err}) })
	}
	err = c.follow(ctx, wait, func(rv uint64, change int64) {
		rows += change
		c.tracker.synced(rv, rows)
		finish(nil)
		c.reachSynced()
	})
	finish(err)
	return err
}

// list runs a resync with its span, below the run's while the run waits for it.
func (c *cellLoop) list(ctx context.Context) error {
	select {
	case <-c.synced.done:
	default:
		ctx = c.syncCtx
	}
	ctx, end := c.e.Observer.StartResource(ctx, c.cell)
	result, err := c.resync(ctx)
	result.Err = err
	end(result)
	return err
}

func (c *cellLoop) reachSynced() {
	c.gone.Store(false)
	c.synced.reach()
}

// failed tells of err, ends the run's wait for the cell where trying again soon
// won't help, and waits.
func (c *cellLoop) failed(ctx context.Context, err error, d time.Duration) {
	c.attempts++
	reason := ReasonOf(err)
	if reason == ReasonNotFound {
		c.purge(ctx)
	}
	c.tracker.failed(err, time.Now().Add(d))
	lasting := reason == ReasonForbidden || reason == ReasonNotFound || reason == ReasonUnauthorized
	if lasting || c.attempts >= c.e.GiveUpAfter {
		c.tracker.settle(reason)
		c.synced.reach()
		c.live.reach()
	}
	c.log.Warn("sync failed", "reason", reason, "error", err, "retry_in", d.Round(time.Millisecond))
	_ = pause(ctx, d)
}

// purge removes the rows of a resource that the server no longer serves: there
// are no such objects.
func (c *cellLoop) purge(ctx context.Context) {
	if c.gone.Load() {
		return
	}
	rows := c.versions()
	swept, err := c.sweep(ctx, &extras{}, rows, ^uint64(0)>>1, true)
	if err == nil {
		err = c.e.Store.DeleteCheckpoints(ctx, []string{c.cell.String()})
	}
	if err != nil {
		c.log.Warn("rows of a resource that went away stay", "error", err)
		return
	}
	c.checkpoint, c.highest = Checkpoint{}, 0
	c.tracker.stored(Counts{Swept: swept}, 0, 0)
	c.gone.Store(true)
}

// save keeps rv as the cell's checkpoint, in the store and here.
func (c *cellLoop) save(ctx context.Context, rv uint64) error {
	cp := Checkpoint{
		Cell: c.cell.String(), Resource: c.cell.Resource.String(),
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
