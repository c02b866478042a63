package syncer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// VerifyOptions say what is compared, and how patiently.
type VerifyOptions struct {
	Source Source
	Store  Store
	// Settle is the wait between two looks at a resource that differs.
	Settle time.Duration
	// Looks is how often a resource is compared before a difference counts; at least 2.
	Looks int
	// Report is called for each difference that counts.
	Report func(Difference)
}

// DifferenceKind is how a row differs from its object.
type DifferenceKind string

// The kinds of differences.
const (
	Missing   DifferenceKind = "missing"   // in the cluster only
	Extra     DifferenceKind = "extra"     // in the store only
	Different DifferenceKind = "different" // another version or content
)

// Difference is one object that the mirror has wrong.
type Difference struct {
	Cell       string         `json:"cell"`
	Key        string         `json:"key"` // "namespace/name"
	Kind       DifferenceKind `json:"kind"`
	ClusterRV  uint64         `json:"clusterResourceVersion,omitempty,string"`
	StoredRV   uint64         `json:"storedResourceVersion,omitempty,string"`
	sameObject bool           // both at one version, with other content
}

// VerifyResource is the outcome for one cell.
type VerifyResource struct {
	Name      string `json:"name"`
	Compared  int64  `json:"compared"`
	Missing   int64  `json:"missing"`
	Extra     int64  `json:"extra"`
	Different int64  `json:"different"`
	Err       error  `json:"-"` // the cell couldn't be compared
}

// VerifyReport is the outcome of a comparison, a cell an entry.
type VerifyReport struct{ Resources []VerifyResource }

// Differences is the sum over all cells.
func (r VerifyReport) Differences() int64 {
	var n int64
	for _, c := range r.Resources {
		n += c.Missing + c.Extra + c.Different
	}
	return n
}

// maxRemembered bounds the differences that a look keeps for the next one.
const maxRemembered = 10_000

// Verify compares the store with the cluster, object by object, in memory that
// doesn't grow with either. A difference counts when a later look finds that the
// store still isn't where the cluster was at the look before.
func Verify(ctx context.Context, o VerifyOptions) (VerifyReport, error) {
	var report VerifyReport
	found, err := o.Source.Discover(ctx)
	if err != nil {
		return report, fmt.Errorf("discover resources: %w", err)
	}
	for _, d := range found.Cells {
		v := &verifier{o: o, cell: d.Cell}
		res, err := v.run(ctx)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		res.Name, res.Err = d.Cell.String(), err
		report.Resources = append(report.Resources, res)
	}
	return report, nil
}

type verifier struct {
	o    VerifyOptions
	cell Cell
}

// run looks until a look finds nothing that the one before has found too.
func (v *verifier) run(ctx context.Context) (VerifyResource, error) {
	compared, found, err := v.look(ctx)
	for look := 1; err == nil && len(found) > 0 && look < max(2, v.o.Looks); look++ {
		if err = pause(ctx, v.o.Settle); err != nil {
			break
		}
		before := found
		if compared, found, err = v.look(ctx); err != nil {
			break
		}
		for key, now := range found {
			if then, ok := before[key]; !ok || !stands(then, now) {
				delete(found, key)
			}
		}
	}
	res := VerifyResource{Compared: compared}
	if err != nil {
		return res, err
	}
	for _, d := range found {
		switch d.Kind {
		case Missing:
			res.Missing++
		case Extra:
			res.Extra++
		case Different:
			res.Different++
		}
		if v.o.Report != nil {
			v.o.Report(d)
		}
	}
	return res, nil
}

// stands reports whether the store, now, still isn't where the cluster was then.
func stands(then, now Difference) bool {
	switch {
	case then.Kind != now.Kind:
		return false
	case now.Kind == Extra:
		return then.StoredRV == now.StoredRV
	case now.Kind == Different && now.sameObject:
		return true
	default:
		return now.StoredRV < then.ClusterRV
	}
}

// rows reads the store's side in chunks, and copies: the list's side is a stream too.
type rows struct {
	v             *verifier
	after, before string
	chunk         []Object
	pos           int
	end           bool
}

const rowChunk = 200

func (r *rows) peek(ctx context.Context) (*Object, error) {
	if r.pos < len(r.chunk) || r.end {
		if r.pos < len(r.chunk) {
			return &r.chunk[r.pos], nil
		}
		return nil, nil
	}
	r.chunk, r.pos = r.chunk[:0], 0
	q := Query{After: r.after, Before: r.before, Limit: rowChunk}
	err := r.v.o.Store.Read(ctx, r.v.cell.Resource, q, func(o *Object) error {
		r.chunk = append(r.chunk, o.Clone())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s from the store: %w", r.v.cell, err)
	}
	r.end = len(r.chunk) < rowChunk
	if len(r.chunk) == 0 {
		return nil, nil
	}
	r.after = string(r.chunk[len(r.chunk)-1].Key)
	return &r.chunk[0], nil
}

// look compares once, and returns the first differences that it finds.
func (v *verifier) look(ctx context.Context) (compared int64, found map[string]Difference, err error) {
	found = map[string]Difference{}
	note := func(d Difference) {
		if len(found) < maxRemembered {
			d.Cell = v.cell.String()
			found[d.Key] = d
		}
	}
	stored := &rows{v: v}
	if ns := v.cell.Namespace; ns != "" {
		stored.after, stored.before = ns+"/", ns+"0"
	}
	_, err = v.o.Source.List(ctx, v.cell, func(b *Batch) error {
		defer b.Release()
		for i := range b.Objects {
			compared++
			if err := v.compare(ctx, stored, &b.Objects[i], note); err != nil {
				return err
			}
		}
		return nil
	})
	if se, ok := errors.AsType[*SourceError](err); ok && se.Reason == ReasonNotFound {
		err = nil // a resource that isn't served has no objects
	}
	for err == nil {
		var o *Object
		if o, err = stored.peek(ctx); o == nil {
			break
		}
		stored.pos++
		note(Difference{Key: string(o.Key), Kind: Extra, StoredRV: o.RV})
	}
	return compared, found, err
}

// compare passes by the rows before the object, and holds its own row against it.
func (v *verifier) compare(ctx context.Context, stored *rows, o *Object, note func(Difference)) error {
	for {
		row, err := stored.peek(ctx)
		if err != nil {
			return err
		}
		order := 1
		if row != nil {
			order = bytes.Compare(row.Key, o.Key)
		}
		switch {
		case order > 0:
			note(Difference{Key: string(o.Key), Kind: Missing, ClusterRV: o.RV})
			return nil
		case order < 0:
			note(Difference{Key: string(row.Key), Kind: Extra, StoredRV: row.RV})
			stored.pos++
			continue
		}
		stored.pos++
		same := row.RV == o.RV
		if !same || !bytes.Equal(row.UID, o.UID) || !equalJSON(row.JSON, o.JSON) {
			note(Difference{Key: string(o.Key), Kind: Different, ClusterRV: o.RV, StoredRV: row.RV, sameObject: same})
		}
		return nil
	}
}

// equalJSON compares bytes first, and what they mean where those differ.
func equalJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	return decodeNumbers(a, &x) == nil && decodeNumbers(b, &y) == nil && reflect.DeepEqual(x, y)
}

func decodeNumbers(data []byte, v *any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(v)
}
