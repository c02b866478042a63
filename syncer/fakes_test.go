package syncer_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

var pods = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}
var nodes = syncer.Resource{Version: "v1", Name: "nodes", Kind: "Node"}
var services = syncer.Resource{Version: "v1", Name: "services", Kind: "Service", Namespaced: true}

// cluster is a source with the semantics of an API server: one counter of
// versions, a history that watches replay, and its compaction.
type cluster struct {
	mu        sync.Mutex
	rv        uint64
	objects   map[string]map[string]object // by resource and key
	history   []change
	compacted uint64
	changed   chan struct{}
	lists     map[string]int

	resources []syncer.Resource
	remaining bool                         // tell how many objects follow a batch
	silent    bool                         // neither bookmarks nor the ends of streams
	missing   bool                         // resources outside of the core group aren't served
	away      error                        // of Discover
	unread    []string                     // groups that Discover couldn't read
	shuffle   bool                         // list in the wrong order
	refuse    map[string]syncer.Reason     // by resource
	batch     int                          // objects a batch, 3 if 0
	onBatch   func(cell syncer.Cell) error // called before each batch
}

type object struct {
	uid  string
	rv   uint64
	json string
}

type change struct {
	resource string
	key      string
	kind     syncer.EventType
	object
}

func newCluster(resources ...syncer.Resource) *cluster {
	return &cluster{
		resources: resources, objects: map[string]map[string]object{}, refuse: map[string]syncer.Reason{},
		lists: map[string]int{}, changed: make(chan struct{}), rv: 100,
	}
}

func (c *cluster) apply(r syncer.Resource, key, content string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rv++
	name := r.String()
	if c.objects[name] == nil {
		c.objects[name] = map[string]object{}
	}
	o, exists := c.objects[name][key]
	kind := syncer.Modified
	if !exists {
		kind, o.uid = syncer.Added, fmt.Sprintf("uid-%d", c.rv)
	}
	o.rv = c.rv
	o.json = fmt.Sprintf(`{"metadata":{"name":%q,"resourceVersion":"%d"},"content":%q}`, key, c.rv, content)
	c.objects[name][key] = o
	c.record(change{resource: name, key: key, kind: kind, object: o})
}

func (c *cluster) remove(r syncer.Resource, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rv++
	o := c.objects[r.String()][key]
	o.rv = c.rv
	delete(c.objects[r.String()], key)
	c.record(change{resource: r.String(), key: key, kind: syncer.Deleted, object: o})
}

func (c *cluster) record(ch change) {
	c.history = append(c.history, ch)
	close(c.changed)
	c.changed = make(chan struct{})
}

// compact forgets the history: watches from before expire.
func (c *cluster) compact() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compacted, c.history = c.rv, nil
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *cluster) setRefusal(r syncer.Resource, reason syncer.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse[r.String()] = reason
	close(c.changed)
	c.changed = make(chan struct{})
}

// setResources changes what the cluster serves; what goes answers 404.
func (c *cluster) setResources(resources ...syncer.Resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.resources {
		c.refuse[r.String()] = syncer.ReasonNotFound
	}
	for _, r := range resources {
		if c.refuse[r.String()] == syncer.ReasonNotFound {
			delete(c.refuse, r.String())
		}
	}
	c.resources = resources
	close(c.changed)
	c.changed = make(chan struct{})
}

// setAway lets Discover fail.
func (c *cluster) setAway(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.away = err
}

// setSilent stops watches from being heard of.
func (c *cluster) setSilent(silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = silent
}

// setOnBatch replaces onBatch while lists are read.
func (c *cluster) setOnBatch(f func(syncer.Cell) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onBatch = f
}

func (c *cluster) currentOnBatch() func(syncer.Cell) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.onBatch
}

func (c *cluster) isSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent
}

func (c *cluster) Discover(context.Context) (syncer.Discovery, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		return syncer.Discovery{}, c.away
	}
	found := syncer.Discovery{Unread: c.unread}
	for _, r := range c.resources {
		missing := c.missing && r.Group != ""
		found.Cells = append(found.Cells, syncer.Discovered{Cell: syncer.Cell{Resource: r}, Missing: missing})
	}
	return found, nil
}

func (c *cluster) refused(cell syncer.Cell) error {
	if reason := c.refuse[cell.Resource.String()]; reason != "" {
		return &syncer.SourceError{Reason: reason, Err: fmt.Errorf("%s: %s", cell, reason)}
	}
	return nil
}

func (c *cluster) snapshot(cell syncer.Cell) (keys []string, objects map[string]object, rv uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists[cell.String()]++
	if err := c.refused(cell); err != nil {
		return nil, nil, 0, err
	}
	objects = map[string]object{}
	for key, o := range c.objects[cell.Resource.String()] {
		keys, objects[key] = append(keys, key), o
	}
	slices.Sort(keys)
	if c.shuffle {
		slices.Reverse(keys)
	}
	return keys, objects, c.rv, nil
}

func (c *cluster) Total(_ context.Context, cell syncer.Cell) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refused(cell); err != nil {
		return 0, err
	}
	if !c.remaining {
		return -1, nil
	}
	return int64(len(c.objects[cell.Resource.String()])), nil
}

func (c *cluster) List(ctx context.Context, cell syncer.Cell, yield func(*syncer.Batch) error) (uint64, error) {
	keys, objects, rv, err := c.snapshot(cell)
	if err != nil {
		return 0, err
	}
	left := int64(len(keys))
	for chunk := range slices.Chunk(keys, cmp.Or(c.batch, 3)) {
		if onBatch := c.currentOnBatch(); onBatch != nil {
			if err := onBatch(cell); err != nil {
				return 0, err
			}
		}
		b := syncer.NewBatch()
		b.ResourceVersion = rv
		if left -= int64(len(chunk)); c.remaining {
			b.Remaining = left
		}
		for _, key := range chunk {
			o := objects[key]
			b.Objects = append(b.Objects, o.as(key))
		}
		if err := yield(b); err != nil {
			return 0, err
		}
	}
	return rv, ctx.Err()
}

func (o object) as(key string) syncer.Object {
	return syncer.Object{Key: []byte(key), UID: []byte(o.uid), RV: o.rv, JSON: []byte(o.json)}
}

func (c *cluster) Watch(ctx context.Context, cell syncer.Cell, opts syncer.WatchOptions, w syncer.Watcher) error {
	end := time.After(opts.Timeout)
	bookmark := time.After(min(opts.Timeout/2, time.Minute))
	next, connected := opts.ResourceVersion, false
	for {
		events, rv, changed, err := c.since(cell, next)
		if err != nil {
			return err
		}
		if !connected {
			w.Connected()
			connected = true
		}
		for _, e := range events {
			o := e.as(e.key)
			if err := w.Event(e.kind, &o); err != nil {
				return err
			}
			clear(o.JSON) // the object is valid during the call only
		}
		next = max(next, rv)
		select {
		case <-changed:
		case <-bookmark:
			bookmark = time.After(time.Minute)
			if c.isSilent() {
				continue
			}
			if err := w.Bookmark(next); err != nil {
				return err
			}
		case <-end:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *cluster) since(cell syncer.Cell, after uint64) ([]change, uint64, chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refused(cell); err != nil {
		return nil, 0, nil, err
	}
	if after < c.compacted {
		return nil, 0, nil, &syncer.SourceError{Reason: syncer.ReasonExpired, Err: errors.New("too old resource version")}
	}
	var events []change
	for _, e := range c.history {
		if e.resource == cell.Resource.String() && e.rv > after {
			events = append(events, e)
		}
	}
	return events, c.rv, c.changed, nil
}

// memory is a store with the semantics of the contract, and faults.
type memory struct {
	mu          sync.Mutex
	rows        map[string]map[string]object
	checkpoints map[string]syncer.Checkpoint
	epoch       int64
	control     syncer.Control
	controlErr  error // of SaveControl
	runs        []syncer.Run
	writes      int // ops that changed a row

	// fault decides, per Write, whether it is applied and what the caller is
	// told: the two are independent. Nil is no fault.
	fault  func(resource string, n int) (applied bool, err error)
	calls  int
	refuse string // a key that is rejected

	checkpointTakes time.Duration
}

func newMemory() *memory {
	return &memory{rows: map[string]map[string]object{}, checkpoints: map[string]syncer.Checkpoint{}}
}

func (m *memory) Prepare(context.Context, syncer.Resource) error    { return nil }
func (m *memory) FinishFill(context.Context, syncer.Resource) error { return nil }
func (m *memory) Close(context.Context) error                       { return nil }

func (m *memory) Resources(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.rows {
		names = append(names, name)
	}
	return names, nil
}

func (m *memory) Drop(_ context.Context, resource string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, resource)
	for name, cp := range m.checkpoints {
		if cp.Resource == resource {
			delete(m.checkpoints, name)
		}
	}
	return nil
}

func (m *memory) keys(resource, after, before string, limit int) []string {
	var keys []string
	for key := range m.rows[resource] {
		if key > after && (before == "" || key < before) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(limit, len(keys))]
}

func (m *memory) Versions(_ context.Context, r syncer.Resource, after, before string, limit int, dst []syncer.Version) ([]syncer.Version, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.keys(r.String(), after, before, limit) {
		o := m.rows[r.String()][key]
		dst = append(dst, syncer.Version{Key: key, UID: o.uid, RV: o.rv})
	}
	return dst, nil
}

// Read knows ranges alone: nobody in the engine asks for more.
func (m *memory) Read(_ context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	if q.Key != "" || q.Name != "" || len(q.Labels) > 0 {
		return errors.ErrUnsupported
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range m.keys(r.String(), q.After, q.Before, q.Limit) {
		o := m.rows[r.String()][key].as(key)
		if err := yield(&o); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	applied, err := true, error(nil)
	if m.fault != nil {
		m.calls++
		applied, err = m.fault(r.String(), m.calls)
	}
	var res syncer.WriteResult
	if applied {
		for i := range ops {
			m.applyOp(r.String(), i, &ops[i], &res)
		}
	}
	if err != nil {
		return syncer.WriteResult{}, &syncer.StoreError{Err: err}
	}
	return res, ctx.Err()
}

func (m *memory) applyOp(resource string, i int, op *syncer.Op, res *syncer.WriteResult) {
	if m.rows[resource] == nil {
		m.rows[resource] = map[string]object{}
	}
	key := string(op.Object.Key)
	old, exists := m.rows[resource][key]
	switch {
	case key == m.refuse:
		res.Rejected = append(res.Rejected, syncer.Rejection{Index: i, Err: errors.New("too big")})
		return
	case op.Delete && (!exists || !op.Force && old.rv > op.Object.RV):
		res.Stale++
		return
	case op.Delete:
		delete(m.rows[resource], key)
		res.Deleted++
	case exists && !op.Force && old.rv >= op.Object.RV:
		res.Stale++
		return
	default:
		m.rows[resource][key] = object{uid: string(op.Object.UID), rv: op.Object.RV, json: string(bytes.Clone(op.Object.JSON))}
		if exists {
			res.Updated++
		} else {
			res.Created++
		}
	}
	m.writes++
}

func (m *memory) Count(_ context.Context, cell syncer.Cell) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int64
	for key := range m.rows[cell.Resource.String()] {
		if cell.Namespace == "" || strings.HasPrefix(key, cell.Namespace+"/") {
			n++
		}
	}
	return n, nil
}

func (m *memory) Checkpoints(context.Context) ([]syncer.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var cps []syncer.Checkpoint
	for _, cp := range m.checkpoints {
		cps = append(cps, cp)
	}
	return cps, nil
}

func (m *memory) SaveCheckpoints(_ context.Context, cps []syncer.Checkpoint) error {
	time.Sleep(m.checkpointTakes)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cp := range cps {
		if cp.Epoch < m.epoch {
			return syncer.ErrStaleEpoch
		}
		m.checkpoints[cp.Cell] = cp
	}
	return nil
}

func (m *memory) DeleteCheckpoints(_ context.Context, cells []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cell := range cells {
		delete(m.checkpoints, cell)
	}
	return nil
}

func (m *memory) Control(context.Context) (syncer.Control, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.control, nil
}

func (m *memory) SaveControl(_ context.Context, c syncer.Control) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.controlErr != nil {
		return &syncer.StoreError{Err: m.controlErr}
	}
	m.control = c
	return nil
}

func (m *memory) SaveRun(_ context.Context, run syncer.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(m.runs, run)
	return nil
}

func (m *memory) Runs(_ context.Context, _ string, limit int) ([]syncer.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	runs := slices.Clone(m.runs)
	slices.Reverse(runs)
	return runs[:min(limit, len(runs))], nil
}

func (m *memory) NextEpoch(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	return m.epoch, nil
}
