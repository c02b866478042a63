package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/sidemirror/sidemirror/syncer"
)

// statements are the SQL of one resource's writes. A row is inserted unless its
// key is there, then replaced if its version allows: a fill takes one statement
// an object, and the counts are exact.
type statements struct{ insert, replace, remove string }

func statementsOf(r syncer.Resource) statements {
	table := quote(r.String())
	return statements{
		insert: "INSERT INTO " + table + " (cluster, key, uid, rv, labels, json) VALUES (?, ?, ?, ?, ?, ?)" +
			" ON CONFLICT (cluster, key) DO NOTHING",
		replace: "UPDATE " + table + " SET uid = ?, rv = ?, labels = ?, json = ? WHERE cluster = ? AND key = ? AND rv <= ?",
		remove:  "DELETE FROM " + table + " WHERE cluster = ? AND key = ? AND rv <= ?",
	}
}

// Write applies ops in one transaction.
func (s *Store) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	var res syncer.WriteResult
	what := fmt.Sprintf("write %d %s", len(ops), r)
	err := s.update(ctx, what, func(c *conn) error {
		w := writer{conn: c, cluster: s.cluster, sql: statementsOf(r)}
		for i := range ops {
			if i%64 == 63 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := w.apply(&ops[i]); err != nil {
				if !refused(err) {
					return err
				}
				w.res.Rejected = append(w.res.Rejected, syncer.Rejection{Index: i, Err: err})
			}
		}
		res = w.res
		return nil
	})
	if err != nil {
		return syncer.WriteResult{}, err
	}
	return res, nil
}

var errVersionTooLarge = errors.New("resource version is larger than SQLite's integers")

// refused says whether err is the object's own fault.
func refused(err error) bool { return errors.Is(err, errVersionTooLarge) || codeOf(err) == codeTooBig }

// writer applies the ops of one transaction.
type writer struct {
	conn    *conn
	cluster string
	sql     statements
	labels  []byte
	res     syncer.WriteResult
}

func (w *writer) apply(op *syncer.Op) error {
	o := &op.Object
	if op.Delete {
		upTo := int64(min(o.RV, math.MaxInt64))
		if op.Force {
			upTo = math.MaxInt64
		}
		n, err := w.conn.exec(w.sql.remove, w.cluster, text(o.Key), upTo)
		w.count(n, &w.res.Deleted, err)
		return err
	}
	if o.RV > math.MaxInt64 {
		return errVersionTooLarge
	}
	w.labels = appendLabels(w.labels[:0], o.Labels)
	n, err := w.conn.exec(w.sql.insert, w.cluster, text(o.Key), text(o.UID), int64(o.RV), text(w.labels), text(o.JSON))
	if err != nil {
		return err
	}
	if n > 0 {
		w.res.Created++
		return nil
	}
	upTo := int64(o.RV) - 1
	if op.Force {
		upTo = math.MaxInt64
	}
	n, err = w.conn.exec(w.sql.replace, text(o.UID), int64(o.RV), text(w.labels), text(o.JSON), w.cluster, text(o.Key), upTo)
	w.count(n, &w.res.Updated, err)
	return err
}

// count adds to done if a row has changed, else to the stale ones.
func (w *writer) count(changed int64, done *int, err error) {
	switch {
	case err != nil:
	case changed > 0:
		*done++
	default:
		w.res.Stale++
	}
}

// text views b as a string without a copy. The driver copies it in turn, and
// doesn't keep it.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
