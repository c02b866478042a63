package syncer

import (
	"context"
	"errors"
	"sync"
)

// errPaused is the cause with which a pause ends work.
var errPaused = errors.New("the mirror is paused")

// gate lets work through, or holds it while the mirror is paused.
type gate struct {
	stoodStill func() // called when a pause has nothing more to wait for

	mu      sync.Mutex
	open    chan struct{} // guarded by mu: closed while work may go on
	paused  bool          // guarded by mu
	working map[int]context.CancelCauseFunc
	next    int // guarded by mu: names the next work
}

func newGate(stoodStill func()) *gate {
	g := &gate{stoodStill: stoodStill, open: make(chan struct{}), working: map[int]context.CancelCauseFunc{}}
	close(g.open)
	return g
}

// enter waits until work may go on, and returns its context, which a pause ends
// with errPaused as its cause. leave has to be called when the work has ended.
func (g *gate) enter(ctx context.Context) (work context.Context, leave func(), err error) {
	for {
		g.mu.Lock()
		if !g.paused {
			break
		}
		open := g.open
		g.mu.Unlock()
		select {
		case <-open:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
	defer g.mu.Unlock()
	work, cancel := context.WithCancelCause(ctx)
	id := g.next
	g.next++
	g.working[id] = cancel
	return work, func() { g.leave(id) }, nil
}

func (g *gate) leave(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working[id](nil)
	delete(g.working, id)
	if g.paused && len(g.working) == 0 {
		g.stoodStill()
	}
}

// pass does what is too short to be interrupted, once work may go on.
func (g *gate) pass(ctx context.Context, do func(context.Context) error) error {
	_, leave, err := g.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return do(ctx)
}

// pause closes the gate, and ends the work that is within. tell is called under
// the gate's lock, and so before stoodStill, with whether there is any.
func (g *gate) pause(tell func(working bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.paused {
		g.paused, g.open = true, make(chan struct{})
	}
	tell(len(g.working) > 0)
	for _, cancel := range g.working {
		cancel(errPaused)
	}
}

// resume opens the gate.
func (g *gate) resume() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused {
		g.paused = false
		close(g.open)
	}
}
