package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// cleanup connects to both sides, makes what the store needs, and drops what no
// longer belongs: resources and namespaces that aren't configured any more. What
// readers still need stays until the sync has replaced it.
func (e *Engine) cleanup(ctx context.Context, cells *fleet) error {
	if err := e.recall(ctx); err != nil {
		return err
	}
	var found Discovery
	err := e.gate.pass(ctx, func(ctx context.Context) (err error) {
		if found, err = e.discover(ctx); err != nil {
			e.showStored(ctx)
			return err
		}
		return e.takeOver(ctx, cells)
	})
	if err != nil {
		return err
	}
	for _, d := range found.Cells {
		err := e.gate.pass(ctx, func(ctx context.Context) error { return e.Store.Prepare(ctx, d.Cell.Resource) })
		if err != nil {
			return fmt.Errorf("prepare %s: %w", d.Cell.Resource, err)
		}
		cells.add(&found, d)
	}
	cells.publish()
	return e.dropForeign(ctx, cells, &found)
}

// recall reads what the store remembers: a pause that goes on, and past runs.
func (e *Engine) recall(ctx context.Context) error {
	control, err := e.Store.Control(ctx)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if control.Paused && !e.Tracker.Status().Control.Paused {
		e.hold(control)
		e.Observer.Note(ctx, noteOf(control))
		e.Log.Info("the mirror was paused before, and stays so until someone resumes it")
	}
	runs, err := e.Store.Runs(ctx, "", MaxRuns)
	if err != nil {
		return fmt.Errorf("read past runs: %w", err)
	}
	e.Tracker.setHistory(SummarizeRuns(runs).HistorySummary)
	return nil
}

// noteOf tells of a pause that is in the store.
func noteOf(control Control) Note {
	n := Note{Kind: NotePaused}
	if control.By != nil {
		n.By = *control.By
	}
	if control.Reason != nil {
		n.Why = *control.Reason
	}
	return n
}

// discover asks the source, and warns of what it couldn't read.
func (e *Engine) discover(ctx context.Context) (Discovery, error) {
	found, err := e.Source.Discover(ctx)
	switch {
	case err != nil:
		return found, fmt.Errorf("discover resources: %w", err)
	case len(found.Unread) > 0:
		e.Tracker.warn(WarnDiscovery, "", "the server can't describe "+strings.Join(found.Unread, ", ")+"; what is mirrored of it stays as it is")
	default:
		e.Tracker.calm(WarnDiscovery, "")
	}
	return found, nil
}

// showStored tells of what the store has while the cluster doesn't answer, if
// nothing is told of yet: the old mirror stays readable.
func (e *Engine) showStored(ctx context.Context) {
	if e.Tracker.Status().TotalResources > 0 {
		return
	}
	checkpoints, err := e.Store.Checkpoints(ctx)
	if err != nil {
		return // the next attempt will tell
	}
	var cells []Cell
	var rows []int64
	for i := range checkpoints {
		cell, known := checkpoints[i].cell()
		n, err := e.Store.Count(ctx, cell)
		if known && err == nil {
			cells, rows = append(cells, cell), append(rows, n)
		}
	}
	e.Tracker.setCells(cells)
	for i, cell := range cells {
		e.Tracker.cell(cell).holds(rows[i])
	}
}

// cell is the one that the checkpoint is of, as far as it says.
func (cp *Checkpoint) cell() (c Cell, known bool) {
	name, group, _ := strings.Cut(cp.Resource, ".")
	_, namespace, _ := strings.Cut(cp.Cell, "/")
	r := Resource{Group: group, Version: cp.Version, Name: name, Kind: cp.Kind, Namespaced: cp.Namespaced}
	return Cell{Resource: r, Namespace: namespace}, cp.Kind != "" && cp.ResourceVersion > 0
}

// takeOver makes this the writer, and reads from where it goes on.
func (e *Engine) takeOver(ctx context.Context, cells *fleet) error {
	epoch, err := e.Store.NextEpoch(ctx)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	e.Tracker.setEpoch(epoch)
	cells.epoch = epoch
	checkpoints, err := e.Store.Checkpoints(ctx)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	for _, cp := range checkpoints {
		cells.checkpoints[cp.Cell] = cp
	}
	return nil
}

// dropForeign removes the rows that none of the cells covers, unless they are of a
// group that couldn't be read: those may be configured.
func (e *Engine) dropForeign(ctx context.Context, cells *fleet, found *Discovery) error {
	stored, err := e.Store.Resources(ctx)
	if err != nil {
		return fmt.Errorf("read resources of the store: %w", err)
	}
	for _, name := range stored {
		mine := cells.of(name)
		_, group, _ := strings.Cut(name, ".")
		if len(mine) == 0 && found.unread(Resource{Group: group}) {
			continue
		}
		err := e.gate.pass(ctx, func(ctx context.Context) error {
			if len(mine) > 0 {
				return e.narrow(ctx, name, mine, cells)
			}
			cells.log.Info("dropping a resource that is no longer configured", "resource", name)
			return e.Store.Drop(ctx, name)
		})
		if err != nil {
			return fmt.Errorf("clean up %s: %w", name, err)
		}
	}
	return nil
}

// narrow removes rows outside the namespaces of the cells, when the checkpoints
// tell that others were mirrored before.
func (e *Engine) narrow(ctx context.Context, resource string, mine []Cell, cells *fleet) error {
	var gone []string
	for name, cp := range cells.checkpoints {
		if cp.Resource == resource && !slices.ContainsFunc(mine, func(c Cell) bool { return c.String() == name }) {
			gone = append(gone, name)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	if mine[0].Namespace != "" {
		if err := e.deleteOutside(ctx, mine); err != nil {
			return err
		}
	}
	return e.Store.DeleteCheckpoints(ctx, gone)
}

// deleteOutside walks the rows of one resource and deletes those in no cell's namespace.
func (e *Engine) deleteOutside(ctx context.Context, mine []Cell) error {
	r := mine[0].Resource
	rows := versionReader{store: e.Store, resource: r}
	var ops []Op
	for {
		v, err := rows.peek(ctx)
		if err != nil {
			return err
		}
		if v != nil {
			rows.skip()
			ns, _ := SplitKey(v.Key)
			if !slices.ContainsFunc(mine, func(c Cell) bool { return c.Namespace == ns }) {
				ops = append(ops, Op{Delete: true, Force: true, Object: Object{Key: []byte(v.Key), RV: v.RV}})
			}
		}
		if len(ops) == maxBatchOps || v == nil && len(ops) > 0 {
			if _, err := e.Store.Write(ctx, r, ops); err != nil {
				return err
			}
			ops = ops[:0]
		}
		if v == nil {
			return nil
		}
	}
}
