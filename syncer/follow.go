package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A watch has caught up at its first bookmark. Servers send one a minute, from
// two seconds before the end of a stream on, and only if the version has moved. So
// the first stream is short: either its bookmark comes soon, or nothing moved and
// the server ends it in order, which confirms as much.
const confirmTimeout = 3 * time.Second

// checkpointInterval is how often a moving checkpoint is saved. What a crash
// repeats is bounded by it.
const checkpointInterval = time.Second

// errBufferFull ends a stream on purpose: the store is slower than the cluster.
var errBufferFull = errors.New("watch buffer is full")

// follower keeps one cell in step with its watch. The watching goroutine reads
// the stream into the buffer, the flushing one empties it into the store.
type follower struct {
	c       *cellLoop
	buf     *buffer
	limit   int64
	wait    *backoff
	catchUp *catchUp // nil for a cell that a list has just synced

	mu        sync.Mutex
	target    uint64 // guarded by mu: the confirmed version that is to be reached; 0 is none
	confirmed bool   // guarded by mu: the current series of streams is confirmed
	drained   chan struct{}

	rows     int64  // flushing goroutine: rows created less rows deleted
	saved    uint64 // flushing goroutine: the newest checkpoint in the store
	caughtUp bool   // flushing goroutine: catchUp has been told
	told     bool   // flushing goroutine: the tracker knows that something waits
}

// catchUp is what hears how a resume goes; each is called at most once.
type catchUp struct {
	// done is called by the flushing goroutine, when the store has everything up to
	// the first confirmed version.
	done func(rv uint64, rows int64)
	// givenUp is called by the watching goroutine, when the run no longer waits.
	givenUp func(err error)
}

// follow watches from the checkpoint until ctx ends, the version expires, or the
// cluster refuses the resource. Everything else it mends itself. It returns once
// what it had accepted is written, or the time for that is over.
func (c *cellLoop) follow(ctx context.Context, wait *backoff, catchUp *catchUp) error {
	rv := c.checkpoint.ResourceVersion
	f := &follower{
		c: c, buf: newBuffer(rv), wait: wait, catchUp: catchUp, saved: rv,
		limit:   max(c.e.BufferBytes/int64(max(1, c.e.Tracker.Status().TotalResources)), 256<<10),
		drained: make(chan struct{}, 1),
	}
	flushCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	streams, endStreams := context.WithCancel(ctx)
	flushed := make(chan error, 1)
	go func() {
		err := f.flush(flushCtx, streams)
		endStreams()
		flushed <- err
	}()
	err := f.streams(streams)
	endStreams()
	grace := time.AfterFunc(c.e.FlushTimeout, stop)
	defer grace.Stop()
	if ferr := <-flushed; ferr != nil && (ctx.Err() == nil || errors.Is(ferr, ErrStaleEpoch)) {
		return ferr
	}
	return err
}

// streams opens one stream after the other, each from where the last one ended.
func (f *follower) streams(ctx context.Context) error {
	for first := true; ; first = false {
		if !first {
			f.c.tracker.resumed()
		}
		f.c.tracker.watch(WatchConnecting)
		opts := WatchOptions{ResourceVersion: f.buf.last(), Timeout: f.timeout()}
		err := f.c.e.Source.Watch(ctx, f.c.cell, opts, f)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			f.confirm(f.buf.last()) // a server without bookmarks: all of the stream was read
		case errors.Is(err, errBufferFull):
			f.c.log.Warn("store is slower than the cluster, watch closed until it has caught up")
			f.c.e.Tracker.warn(WarnStoreSlow, f.c.cell.String(), "the store takes changes more slowly than the cluster makes them")
			if err := f.awaitRoom(ctx); err != nil {
				return err
			}
			f.c.e.Tracker.calm(WarnStoreSlow, f.c.cell.String())
		default:
			if err := f.broken(ctx, err); err != nil {
				return err
			}
		}
	}
}

// timeout is short until a series of streams is confirmed, then between five
// and ten minutes, so that not all watches end at once.
func (f *follower) timeout() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.confirmed {
		return confirmTimeout
	}
	return 5*time.Minute + rand.N(5*time.Minute)
}

// broken decides what an error of a stream means: it is returned when the cell
// must start over, else waited for.
func (f *follower) broken(ctx context.Context, err error) error {
	f.c.tracker.watch(WatchBroken)
	f.mu.Lock()
	if f.confirmed { // it was well in between: what failed long ago doesn't count
		f.wait.reset()
		f.c.attempts = 0
	}
	f.confirmed = false
	f.mu.Unlock()
	switch ReasonOf(err) {
	case ReasonExpired, ReasonForbidden, ReasonNotFound, ReasonUnauthorized:
		return err
	}
	d := f.wait.next(retryAfter(err))
	f.c.tracker.failed(err, time.Now().Add(d))
	f.c.attempts++
	if f.c.attempts >= f.c.e.GiveUpAfter && f.catchUp != nil {
		// A resume that never connects: the run doesn't wait for it.
		f.catchUp.givenUp(err)
		f.c.giveUpWaiting(ReasonOf(err))
	}
	f.c.log.Warn("watch broken", "error", err, "retry_in", d.Round(time.Millisecond))
	return f.c.rest(ctx, d)
}

// giveUpWaiting settles a cell that hasn't been synced in this run.
func (c *cellLoop) giveUpWaiting(reason Reason) {
	select {
	case <-c.synced.done:
	default:
		c.tracker.settle(reason)
		c.synced.reach()
		c.live.reach()
	}
}

// awaitRoom waits until the flushing goroutine has emptied half of the buffer.
func (f *follower) awaitRoom(ctx context.Context) error {
	for {
		if f.buf.size() <= f.limit/2 {
			return nil
		}
		select {
		case <-f.drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Connected implements [Watcher].
func (f *follower) Connected() { f.c.tracker.watch(WatchConnected) }

// Event implements [Watcher].
func (f *follower) Event(t EventType, o *Object) error {
	if f.buf.add(t, o) > f.limit {
		return errBufferFull
	}
	return nil
}

// Bookmark implements [Watcher]. One that is older than what was received means
// that the cluster's versions went back, as after a restored backup.
func (f *follower) Bookmark(rv uint64) error {
	if last := f.buf.last(); rv < last {
		return &SourceError{Reason: ReasonExpired, Err: fmt.Errorf("watch %s: bookmark at %d is behind %d", f.c.cell, rv, last)}
	}
	f.buf.bookmark(rv)
	f.confirm(rv)
	return nil
}

// confirm says that everything up to rv has been received.
func (f *follower) confirm(rv uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.confirmed {
		return
	}
	f.confirmed, f.target = true, rv
	f.buf.wake()
}

// flush writes what is buffered until the streams have ended and nothing is left.
func (f *follower) flush(ctx, streams context.Context) error {
	tick := time.NewTicker(checkpointInterval)
	defer tick.Stop()
	var ops []Op
	for {
		ended := streams.Err() != nil
		ops = f.buf.take(ops[:0])
		if len(ops) > 0 {
			if !f.told {
				f.report(WriteResult{}) // the write may hang: what waits shows before
			}
			if err := f.store(ctx, ops); err != nil {
				return err
			}
			clear(ops)
			if err := f.reached(ctx); err != nil {
				return err
			}
			select {
			case <-tick.C:
				if err := f.checkpoint(ctx); err != nil {
					return err
				}
			default:
			}
			continue
		}
		if err := f.reached(ctx); err != nil {
			return err
		}
		if ended {
			return f.checkpoint(ctx)
		}
		select {
		case <-f.buf.ready:
			f.report(WriteResult{})
		case <-tick.C:
			if err := f.checkpoint(ctx); err != nil {
				return err
			}
		case <-streams.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// store writes one batch, and repeats it until the store has answered for it.
func (f *follower) store(ctx context.Context, ops []Op) error {
	wait := backoff{min: f.c.e.MinBackoff, max: min(f.c.e.MaxBackoff, 5*time.Second)}
	for {
		res, err := f.c.write(ctx, ops)
		if err == nil {
			f.rows += int64(res.Created) - int64(res.Deleted)
			f.buf.acknowledge(func(received time.Time) {
				f.c.e.Observer.EventStored(f.c.cell.Resource, time.Since(received))
			})
			f.report(res)
			if wait.failures > 0 {
				f.c.tracker.recovered()
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d := wait.next(0)
		f.c.tracker.storeFailed(err, time.Now().Add(d))
		f.c.log.Warn("write failed, repeating it", "ops", len(ops), "error", err, "retry_in", d.Round(time.Millisecond))
		if err := f.c.rest(ctx, d); err != nil {
			return err
		}
	}
}

// report tells the tracker what came and what the store acknowledged.
func (f *follower) report(res WriteResult) {
	counts, events, bytes := f.buf.drain()
	counts.add(res.counts())
	waiting := f.buf.waiting()
	f.told = !waiting.IsZero()
	f.c.tracker.followed(counts, events, f.buf.checkpoint(), bytes, waiting)
	select {
	case f.drained <- struct{}{}:
	default:
	}
}

// reached tells that the cell is live once the store has everything up to the
// version that the stream confirmed.
func (f *follower) reached(ctx context.Context) error {
	f.mu.Lock()
	target := f.target
	f.mu.Unlock()
	if target == 0 || f.buf.checkpoint() < target {
		return nil
	}
	if err := f.checkpoint(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	f.target = 0
	f.mu.Unlock()
	if f.catchUp != nil && !f.caughtUp {
		f.caughtUp = true
		f.catchUp.done(f.buf.checkpoint(), f.rows)
	}
	f.c.tracker.live()
	f.c.live.reach()
	return nil
}

// checkpoint saves the version up to which the store is whole, if it has moved.
func (f *follower) checkpoint(ctx context.Context) error {
	rv := f.buf.checkpoint()
	if rv == f.saved {
		return nil
	}
	err := f.c.save(ctx, rv)
	switch {
	case err == nil:
		f.saved = rv
		f.c.e.Tracker.calm(WarnCheckpoint, f.c.cell.String())
	case errors.Is(err, ErrStaleEpoch):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("flush %s: %w", f.c.cell, ctx.Err())
	default:
		// The older checkpoint is as right; the next one is tried in a moment.
		f.c.log.Warn("checkpoint not saved", "error", err)
		f.c.e.Tracker.warn(WarnCheckpoint, f.c.cell.String(), "a restart would repeat more than a second of changes: "+err.Error())
	}
	return nil
}
