package syncer

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// resync brings the store to the state of one list: what differs is written,
// what is the same isn't, and rows that the complete list doesn't have are deleted
// at its end. Until then the old rows stay readable. What is listed is the cell, or
// one namespace of it. The pass that is returned is never nil.
func (c *cellLoop) resync(ctx context.Context, what Cell) (*resync, error) {
	r := &resync{c: c, what: what}
	select {
	case c.e.slots <- struct{}{}:
		defer func() { <-c.e.slots }()
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if c.checkpoint.Cell == "" {
		// Rows that an interrupted first fill leaves are known to be of this form.
		if err := c.save(ctx, 0); err != nil {
			return r, err
		}
	}
	for {
		if err := r.run(ctx); err != nil || !r.extras.overflow {
			return r, err
		}
		c.log.Info("more rows to delete than one pass keeps, listing again")
		r = &resync{c: c, what: what}
	}
}

// finish makes what a filled resource wants, and keeps the version that it is at.
func (c *cellLoop) finish(ctx context.Context, r *resync) error {
	if err := c.e.Store.FinishFill(ctx, c.cell.Resource); err != nil {
		return fmt.Errorf("finish %s: %w", c.cell, err)
	}
	if err := c.save(ctx, r.rv); err != nil {
		return err
	}
	c.e.Observer.Note(ctx, Note{Kind: NoteCheckpoint, ResourceVersion: r.rv})
	c.tracker.synced(r.rv, r.listed-r.rejected.Load())
	c.log.Info("resource synced", "objects", r.listed, "resource_version", r.rv)
	return nil
}

// resync is one pass. The source's goroutine owns its fields but the atomic one.
type resync struct {
	c        *cellLoop
	what     Cell
	force    bool
	cmp      comparer
	rows     *versionReader
	extras   extras
	rv       uint64
	listed   int64
	bytes    int64
	rejected atomic.Int64
	writers  *errgroup.Group
}

func (r *resync) run(ctx context.Context) error {
	c := r.c
	c.tracker.start(PhaseListing, r.what.Namespace)
	r.rows = c.versions(r.what)
	// A pause ends the list, and lets the batches that are under way be written.
	var writeCtx context.Context
	r.writers, writeCtx = errgroup.WithContext(withValues{c.life, ctx})
	r.writers.SetLimit(c.e.Writers)
	listCtx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(writeCtx, stop)()
	rv, err := c.e.Source.List(listCtx, r.what, func(b *Batch) error { return r.batch(listCtx, writeCtx, b) })
	if werr := r.writers.Wait(); werr != nil {
		err = werr // the list ended because of it
	}
	if err != nil {
		return err
	}
	r.rv = rv
	if err := r.begin(ctx, rv); err != nil { // an empty list has no batch
		return err
	}
	return r.sweep(ctx)
}

// begin chooses how to compare, once the version of the list is known.
func (r *resync) begin(ctx context.Context, rv uint64) (err error) {
	if r.cmp != nil {
		return nil
	}
	cp := r.c.checkpoint
	// Versions that went back, or rows of another form, make the stored ones
	// incomparable: everything is written.
	r.force = cp.Cell != "" && (cp.Form != r.c.form || r.c.highest > rv)
	if r.c.unordered {
		r.cmp, err = newMapComparer(ctx, r.rows, r.force)
		return err
	}
	r.cmp = &mergeComparer{rows: r.rows, extras: &r.extras, force: r.force}
	return nil
}

var opSlices = sync.Pool{New: func() any { return new([]Op) }}

// batch compares a batch and hands what must be written to a writer. It blocks
// while all writers are busy, and so holds the list back.
func (r *resync) batch(ctx, writeCtx context.Context, b *Batch) error {
	err := ctx.Err()
	if err == nil {
		err = r.begin(ctx, b.ResourceVersion)
	}
	if err != nil {
		b.Release()
		return err
	}
	if b.Remaining >= 0 {
		r.c.tracker.expect(r.listed + int64(len(b.Objects)) + b.Remaining)
	}
	ops := opSlices.Get().(*[]Op)
	var size int64
	for i := range b.Objects {
		o := &b.Objects[i]
		changed, err := r.cmp.compare(ctx, o)
		if err != nil {
			b.Release()
			return fmt.Errorf("compare %s: %w", r.what, err)
		}
		size += int64(len(o.JSON))
		if changed {
			*ops = append(*ops, Op{Object: *o, Force: r.force})
		}
	}
	listed := countNamespaces(b.Objects)
	n := int64(len(b.Objects))
	r.listed += n
	r.bytes += size
	unchanged := n - int64(len(*ops))
	if len(*ops) == 0 {
		b.Release()
		opSlices.Put(ops)
		r.c.tracker.stored(Counts{Received: n, Unchanged: unchanged}, listed, size)
		return nil
	}
	r.writers.Go(func() error {
		defer func() { clear(*ops); *ops = (*ops)[:0]; opSlices.Put(ops) }()
		defer b.Release()
		res, err := r.c.writeAgain(writeCtx, *ops)
		if err != nil {
			return err
		}
		r.rejected.Add(int64(len(res.Rejected)))
		d := res.counts()
		d.Received, d.Unchanged = n, d.Unchanged+unchanged
		r.c.tracker.stored(d, listed, size)
		return nil
	})
	return nil
}

// namespaceCount is how many objects of a batch are in one namespace.
type namespaceCount struct {
	namespace string
	objects   int64
}

// countNamespaces counts runs of the same namespace: lists are in the order of keys.
func countNamespaces(objects []Object) []namespaceCount {
	var counts []namespaceCount
	for i := range objects {
		ns, _, _ := bytes.Cut(objects[i].Key, []byte{'/'})
		if n := len(counts); n > 0 && counts[n-1].namespace == string(ns) {
			counts[n-1].objects++
			continue
		}
		counts = append(counts, namespaceCount{string(ns), 1})
	}
	return counts
}

// sweep deletes the rows that the complete list didn't have.
func (r *resync) sweep(ctx context.Context) error {
	if m, ok := r.cmp.(*mapComparer); ok {
		for _, v := range m.rows {
			r.extras.add(v)
		}
	}
	swept, err := r.c.sweep(ctx, &r.extras, r.rows, r.rv, r.force)
	r.c.tracker.stored(Counts{Swept: swept}, nil, 0)
	return err
}

// sweep deletes extras, and every row that rows hasn't passed yet.
func (c *cellLoop) sweep(ctx context.Context, x *extras, rows *versionReader, rv uint64, force bool) (swept int64, err error) {
	var ops []Op
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		res, err := c.writeAgain(ctx, ops)
		swept += int64(res.Deleted)
		ops = ops[:0]
		return err
	}
	add := func(v Version) error {
		ops = append(ops, Op{Delete: true, Force: force, Object: Object{Key: []byte(v.Key), RV: rv}})
		if len(ops) < maxBatchOps {
			return nil
		}
		return flush()
	}
	for _, v := range x.keys {
		if err := add(v); err != nil {
			return swept, err
		}
	}
	for {
		v, err := rows.peek(ctx)
		if err != nil {
			return swept, fmt.Errorf("read versions of %s: %w", c.cell, err)
		}
		if v == nil {
			return swept, flush()
		}
		rows.skip()
		if err := add(*v); err != nil {
			return swept, err
		}
	}
}

// writeAgain repeats a write whose outcome is unknown a few times before the
// list, which waits meanwhile, is given up.
func (c *cellLoop) writeAgain(ctx context.Context, ops []Op) (res WriteResult, err error) {
	const tries = 3
	wait := backoff{min: c.e.MinBackoff, max: c.e.MaxBackoff}
	for i := range tries {
		if res, err = c.write(ctx, ops); err == nil || ctx.Err() != nil || i == tries-1 {
			break
		}
		if perr := pause(ctx, wait.next(0)); perr != nil {
			return res, perr
		}
	}
	return res, err
}

// counts is what the ops of a resync or a watch come to.
func (res WriteResult) counts() Counts {
	return Counts{
		Created: int64(res.Created), Updated: int64(res.Updated), Deleted: int64(res.Deleted),
		Unchanged: int64(res.Stale), DeadLettered: int64(len(res.Rejected)),
	}
}
