package syncer

import (
	"context"
	"errors"
)

// versionReader walks the rows of a cell in the order of their keys, in chunks,
// so that neither memory nor a transaction of the store grows with the cell.
//
// Before it judges a key it has read past it, or found the end; so a row that
// the same resync inserts at that key afterwards is never taken for an old one.
type versionReader struct {
	store         Store
	resource      Resource
	after, before string
	chunk         []Version
	pos           int
	end           bool
}

const versionChunk = 2000

// versions returns a reader of the rows of the cell, or of a part of it.
func (c *cellLoop) versions(of Cell) *versionReader {
	r := &versionReader{store: c.e.Store, resource: of.Resource}
	if ns := of.Namespace; ns != "" {
		r.after, r.before = ns+"/", ns+"0" // '0' follows '/'
	}
	return r
}

// peek returns the next row, or nil behind the last.
func (r *versionReader) peek(ctx context.Context) (*Version, error) {
	if r.pos < len(r.chunk) {
		return &r.chunk[r.pos], nil
	}
	if r.end {
		return nil, nil
	}
	var err error
	r.chunk, err = r.store.Versions(ctx, r.resource, r.after, r.before, versionChunk, r.chunk[:0])
	if err != nil {
		return nil, err
	}
	r.pos, r.end = 0, len(r.chunk) < versionChunk
	if len(r.chunk) == 0 {
		return nil, nil
	}
	r.after = r.chunk[len(r.chunk)-1].Key
	return &r.chunk[0], nil
}

func (r *versionReader) skip() { r.pos++ }

// extras are rows that a list passed by. Their number is bounded: a resync with
// more of them is repeated until none is left.
type extras struct {
	keys     []Version
	overflow bool
}

const maxExtras = 100_000

func (x *extras) add(v Version) {
	if len(x.keys) == maxExtras {
		x.overflow = true
		return
	}
	x.keys = append(x.keys, v)
}

// comparer says of each listed object what the store needs.
type comparer interface {
	// compare returns whether the object must be written.
	compare(ctx context.Context, o *Object) (changed bool, err error)
}

// errUnordered is a list that wasn't in the order of its keys.
var errUnordered = errors.New("list isn't in the order of keys")

// mergeComparer holds a list in the order of keys against the rows in that
// order. It keeps one chunk of rows, whatever the size of the cell.
type mergeComparer struct {
	rows   *versionReader
	extras *extras
	force  bool
	last   []byte
	any    bool
}

func (m *mergeComparer) compare(ctx context.Context, o *Object) (bool, error) {
	if m.any && string(o.Key) <= string(m.last) {
		return false, errUnordered
	}
	m.last, m.any = append(m.last[:0], o.Key...), true
	for {
		v, err := m.rows.peek(ctx)
		if err != nil {
			return false, err
		}
		if v == nil || v.Key > string(o.Key) {
			return true, nil
		}
		if v.Key == string(o.Key) {
			m.rows.skip()
			return m.force || v.RV != o.RV || v.UID != string(o.UID), nil
		}
		m.extras.add(*v)
		m.rows.skip()
	}
}

// mapComparer holds a list in any order against all rows of the cell in memory.
type mapComparer struct {
	rows  map[string]Version
	force bool
}

func newMapComparer(ctx context.Context, rows *versionReader, force bool) (*mapComparer, error) {
	m := &mapComparer{rows: map[string]Version{}, force: force}
	for {
		v, err := rows.peek(ctx)
		if v == nil || err != nil {
			return m, err
		}
		m.rows[v.Key] = *v
		rows.skip()
	}
}

func (m *mapComparer) compare(_ context.Context, o *Object) (bool, error) {
	v, ok := m.rows[string(o.Key)]
	delete(m.rows, string(o.Key))
	return !ok || m.force || v.RV != o.RV || v.UID != string(o.UID), nil
}
