package pagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// cluster is a source whose lists wait, fail and go on as a test says.
type cluster struct {
	resources []syncer.Resource
	objects   int // of each resource

	mu      sync.Mutex
	refused map[string]error // by resource; guarded by mu
	changed chan struct{}    // closed, and replaced, at each change; guarded by mu
	allowed int              // batches that may still be handed on, -1 is any number; guarded by mu
}

var (
	pods        = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}
	services    = syncer.Resource{Version: "v1", Name: "services", Kind: "Service", Namespaced: true}
	deployments = syncer.Resource{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true}
)

func newCluster(objects int) *cluster {
	return &cluster{
		resources: []syncer.Resource{pods, services, deployments}, objects: objects,
		refused: map[string]error{}, changed: make(chan struct{}), allowed: -1,
	}
}

// alter changes what lists and watches do, and wakes those that wait.
func (c *cluster) alter(change func(*cluster)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
	close(c.changed)
	c.changed = make(chan struct{})
}

// refuse makes lists and watches of a resource fail with err; nil lets them go on.
func (c *cluster) refuse(r syncer.Resource, err error) {
	c.alter(func(c *cluster) { c.refused[r.String()] = err })
}

func (c *cluster) refusal(r syncer.Resource) (error, chan struct{}) { //nolint:staticcheck // the error is a fact here, not this call's failure
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused[r.String()], c.changed
}

func (c *cluster) Discover(context.Context) (syncer.Discovery, error) {
	var d syncer.Discovery
	for _, r := range c.resources {
		d.Cells = append(d.Cells, syncer.Discovered{Cell: syncer.Cell{Resource: r}})
	}
	return d, nil
}

func (c *cluster) Total(context.Context, syncer.Cell) (int64, error) { return int64(c.objects), nil }

const version = 1000

func (c *cluster) List(ctx context.Context, cell syncer.Cell, yield func(*syncer.Batch) error) (uint64, error) {
	for chunk := range slices.Chunk(numbers(c.objects), 10) {
		if err := c.turn(ctx); err != nil {
			return 0, err
		}
		if err, _ := c.refusal(cell.Resource); err != nil {
			return 0, err
		}
		b := syncer.NewBatch()
		b.ResourceVersion, b.Remaining = version, int64(c.objects-chunk[len(chunk)-1]-1)
		for _, n := range chunk {
			b.Objects = append(b.Objects, object(n))
		}
		if err := yield(b); err != nil {
			return 0, err
		}
	}
	if err, _ := c.refusal(cell.Resource); err != nil {
		return 0, err
	}
	return version, ctx.Err()
}

// turn waits until one more batch may be handed on.
func (c *cluster) turn(ctx context.Context) error {
	for {
		c.mu.Lock()
		allowed, changed := c.allowed, c.changed
		if allowed > 0 {
			c.allowed--
		}
		c.mu.Unlock()
		if allowed != 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func numbers(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func object(n int) syncer.Object {
	name := fmt.Sprintf("object-%06d", n)
	return syncer.Object{
		Key: []byte("shop/" + name), UID: fmt.Appendf(nil, "uid-%d", n), RV: version,
		JSON: fmt.Appendf(nil, `{"metadata":{"name":%q,"namespace":"shop","resourceVersion":"%d"}}`, name, version),
	}
}

func (c *cluster) Watch(ctx context.Context, cell syncer.Cell, opts syncer.WatchOptions, w syncer.Watcher) error {
	end := time.After(opts.Timeout)
	connected := false
	for {
		err, changed := c.refusal(cell.Resource)
		if err != nil {
			return err
		}
		if !connected {
			w.Connected()
			if err := w.Bookmark(max(opts.ResourceVersion, version)); err != nil {
				return err
			}
			connected = true
		}
		select {
		case <-changed:
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func forbidden(text string) error {
	return &syncer.SourceError{Reason: syncer.ReasonForbidden, Err: errors.New(text)}
}
