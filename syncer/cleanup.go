package syncer

import (
	"context"
	"fmt"
	"slices"
)

// cleanup connects to both sides, makes what the store needs, and drops what no
// longer belongs: resources and namespaces that aren't configured any more. What
// readers still need stays until the sync has replaced it.
func (e *Engine) cleanup(ctx context.Context, cells *fleet) error {
	found, err := e.Source.Discover(ctx)
	if err != nil {
		return fmt.Errorf("discover resources: %w", err)
	}
	epoch, err := e.Store.NextEpoch(ctx)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	e.Tracker.setEpoch(epoch)
	checkpoints, err := e.Store.Checkpoints(ctx)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	cells.epoch = epoch
	for _, cp := range checkpoints {
		cells.checkpoints[cp.Cell] = cp
	}
	for _, d := range found {
		if err := e.Store.Prepare(ctx, d.Cell.Resource); err != nil {
			return fmt.Errorf("prepare %s: %w", d.Cell.Resource, err)
		}
		cells.add(d.Cell)
	}
	cells.publish()
	return e.dropForeign(ctx, cells)
}

// dropForeign removes the rows that none of the cells covers.
func (e *Engine) dropForeign(ctx context.Context, cells *fleet) error {
	stored, err := e.Store.Resources(ctx)
	if err != nil {
		return fmt.Errorf("read resources of the store: %w", err)
	}
	for _, name := range stored {
		mine := cells.of(name)
		if len(mine) == 0 {
			cells.log.Info("dropping a resource that is no longer configured", "resource", name)
			if err := e.Store.Drop(ctx, name); err != nil {
				return fmt.Errorf("drop %s: %w", name, err)
			}
			continue
		}
		if err := e.narrow(ctx, name, mine, cells); err != nil {
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
