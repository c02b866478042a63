package syncer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// fleet is the cells of one run, from cleanup until the engine stops or the run
// is tried again. Its fields belong to the engine's goroutine.
type fleet struct {
	e           *Engine
	aim         *targets // what a manual run compares; nil: what can resume does
	log         hclog.Logger
	epoch       int64
	checkpoints map[string]Checkpoint // as read at the start, by cell
	cells       []*cellLoop
	running     sync.WaitGroup
}

func newFleet(e *Engine, run RunInfo, log hclog.Logger) *fleet {
	f := &fleet{e: e, log: log, checkpoints: map[string]Checkpoint{}}
	if run.Trigger == TriggerManual || len(run.Resources) > 0 || len(run.Namespaces) > 0 {
		f.aim = &targets{run.Resources, run.Namespaces}
	}
	return f
}

func (f *fleet) add(found *Discovery, d Discovered) {
	c := newCellLoop(f, d.Cell)
	c.guessed.Store(d.Missing && found.unread(d.Cell.Resource))
	f.cells = append(f.cells, c)
}

// of returns the cells of the named resource.
func (f *fleet) of(resource string) []Cell {
	var cells []Cell
	for _, c := range f.cells {
		if c.cell.Resource.String() == resource {
			cells = append(cells, c.cell)
		}
	}
	return cells
}

// publish makes the tracker's cells those of the fleet.
func (f *fleet) publish() {
	cells := make([]Cell, len(f.cells))
	for i, c := range f.cells {
		cells[i] = c.cell
	}
	f.e.Tracker.setCells(cells)
	for _, c := range f.cells {
		if c.tracker == nil {
			c.tracker = f.e.Tracker.cell(c.cell)
		}
	}
}

// start begins the loop of every cell that doesn't run yet. The loops end with
// life; what they do until they are synced is traced below run.
func (f *fleet) start(life, run context.Context) {
	for _, c := range f.cells {
		if c.cancel != nil {
			continue
		}
		ctx, cancel := context.WithCancel(life)
		syncCtx, cancelSync := context.WithCancel(run)
		c.cancel = func() { cancel(); cancelSync() }
		c.life, c.syncCtx, c.done = ctx, syncCtx, make(chan struct{})
		f.running.Go(func() {
			defer close(c.done)
			c.run(ctx)
		})
	}
}

// estimate begins to ask how many objects the cells have that are about to be
// listed, so that the progress knows its end before the last of them has begun.
// It is called before the cells start; the function that it returns ends it.
func (f *fleet) estimate(ctx context.Context) (end func()) {
	var ahead []*cellLoop
	for _, c := range f.cells {
		if c.checkpoint.ResourceVersion == 0 && !c.guessed.Load() {
			ahead = append(ahead, c)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		for _, c := range ahead {
			total, err := f.e.Source.Total(ctx, c.cell)
			if ctx.Err() != nil {
				return
			}
			if err == nil && total >= 0 { // else the list itself will tell, or fail
				c.tracker.expect(total)
			}
		}
	})
	return func() { stop(); asking.Wait() }
}

// stop ends every loop and waits until each has written what it had accepted.
func (f *fleet) stop() {
	for _, c := range f.cells {
		if c.cancel != nil {
			c.cancel()
		}
	}
	f.running.Wait()
}

func (f *fleet) waitSynced(ctx context.Context) error {
	return f.wait(ctx, func(c *cellLoop) <-chan struct{} { return c.synced.done })
}

func (f *fleet) waitLive(ctx context.Context) error {
	return f.wait(ctx, func(c *cellLoop) <-chan struct{} { return c.live.done })
}

func (f *fleet) wait(ctx context.Context, reached func(*cellLoop) <-chan struct{}) error {
	for _, c := range f.cells {
		select {
		case <-reached(c):
		case <-c.done:
			if c.fatal != nil {
				return c.fatal
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// follow keeps a live fleet in step with the resources that the cluster serves,
// until ctx ends, another run is asked for, or a cell has met what can't be mended.
func (f *fleet) follow(ctx context.Context) error {
	fatal := make(chan error, 1)
	watch := func(c *cellLoop) {
		go func() {
			<-c.done
			if c.fatal != nil {
				select {
				case fatal <- c.fatal:
				default:
				}
			}
		}()
	}
	for _, c := range f.cells {
		watch(c)
	}
	tick := time.NewTicker(f.e.DiscoveryInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-fatal:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case run := <-f.e.commands.runs:
			return &restartError{run}
		case <-tick.C:
		}
		if f.e.Tracker.Status().Control.Paused {
			continue
		}
		added, err := f.rediscover(ctx)
		if err != nil {
			f.log.Warn("discovery failed, keeping the resources as they are", "error", err)
			continue
		}
		f.start(ctx, ctx)
		for _, c := range added {
			watch(c)
		}
	}
}

// rediscover compares the cells with what the cluster serves now, and returns the
// loops that are to be started.
func (f *fleet) rediscover(ctx context.Context) ([]*cellLoop, error) {
	found, err := f.e.discover(ctx)
	if err != nil {
		return nil, err
	}
	old := map[string]*cellLoop{}
	for _, c := range f.cells {
		old[c.cell.String()] = c
	}
	var next, added []*cellLoop
	for _, d := range found.Cells {
		c := old[d.Cell.String()]
		delete(old, d.Cell.String())
		if c != nil && (d.Missing || c.cell == d.Cell) {
			c.guessed.Store(d.Missing && found.unread(d.Cell.Resource))
			next = append(next, c)
			continue
		}
		if err := f.e.Store.Prepare(ctx, d.Cell.Resource); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", d.Cell.Resource, err)
		}
		if c != nil {
			f.retire(c)
		}
		f.log.Info("resource appeared", "resource", d.Cell.String())
		fresh := newCellLoop(f, d.Cell)
		next, added = append(next, fresh), append(added, fresh)
	}
	for _, c := range old {
		// Discovery tolerates groups that don't answer: only a resource whose own
		// list said 404 is taken for gone.
		if !c.gone.Load() {
			next = append(next, c)
			continue
		}
		f.retire(c)
	}
	f.cells = next
	f.publish()
	return added, nil
}

func (f *fleet) retire(c *cellLoop) {
	c.cancel()
	<-c.done
	delete(f.checkpoints, c.cell.String())
	f.log.Info("resource went away", "resource", c.cell.String())
}
