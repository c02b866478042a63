package api

import (
	"context"
	"sync"
)

// drain lets a stopping server end its streams, which wouldn't end themselves,
// and wait for them; connections that were hijacked are not in http.Server's care.
type drain struct {
	begun chan struct{} // closed once the server stops

	mu   sync.Mutex
	open sync.WaitGroup // guarded by mu where it grows
}

func newDrain() *drain { return &drain{begun: make(chan struct{})} }

type drainKey struct{}

// in returns a context that carries d to the routes.
func (d *drain) in(ctx context.Context) context.Context { return context.WithValue(ctx, drainKey{}, d) }

// enter counts a request that streams or waits. stopping is closed when it shall
// end, and leave must be called then; ok is false once the server stops.
func enter(ctx context.Context) (stopping <-chan struct{}, leave func(), ok bool) {
	d, _ := ctx.Value(drainKey{}).(*drain)
	if d == nil {
		return nil, func() {}, true // another server, which ends requests by their context
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.begun:
		return nil, nil, false
	default:
	}
	d.open.Add(1)
	return d.begun, d.open.Done, true
}

// begin tells every stream to end. It may be called once.
func (d *drain) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.begun)
}

// wait returns once every stream has ended, or ctx has.
func (d *drain) wait(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		d.open.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
