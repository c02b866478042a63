package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"unsafe"

	"github.com/sidemirror/sidemirror/syncer"
)

// Versions reads from an index that has no JSON in it.
func (s *Store) Versions(ctx context.Context, r syncer.Resource, after, before string, limit int, dst []syncer.Version) ([]syncer.Version, error) {
	sql, args := s.selectRows("key, uid, rv", r, syncer.Query{After: after, Before: before, Limit: limit})
	err := s.view(ctx, fmt.Sprintf("read versions of %s", r), func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			dst = append(dst, syncer.Version{Key: asText(row[0]), UID: asText(row[1]), RV: asVersion(row[2])})
			return nil
		}, sql, args...)
	})
	return dst, err
}

// Count counts in the index of the keys.
func (s *Store) Count(ctx context.Context, cell syncer.Cell) (n int64, err error) {
	q := "SELECT count(*) FROM " + quote(cell.Resource.String()) + " WHERE cluster = ?"
	args := []driver.Value{s.cluster}
	if cell.Namespace != "" {
		q += " AND key > ? AND key < ?"
		args = append(args, cell.Namespace+"/", cell.Namespace+"0") // '0' follows '/'
	}
	err = s.view(ctx, fmt.Sprintf("count %s", cell), func(c *conn) error {
		n, err = c.number(ctx, q, args...)
		return err
	})
	return n, err
}

// A page is what Read takes from the database at once. No transaction is open
// while yield runs, however slow it is.
const (
	pageRows      = 64
	pageJSONBytes = 1 << 20
)

// Read reads page by page; rows that change meanwhile come as they are then.
func (s *Store) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	what := fmt.Sprintf("read %s", r)
	var page []syncer.Object
	for left := q.Limit; left > 0; left -= len(page) {
		q.Limit = min(left, pageRows)
		rows, full, err := s.page(ctx, what, r, q, page[:0])
		switch {
		case isNoTable(err):
			return nil
		case err != nil:
			return err
		}
		page = rows
		for i := range page {
			if err := yield(&page[i]); err != nil {
				return err
			}
		}
		if !full {
			return nil
		}
		q.After = string(page[len(page)-1].Key)
	}
	return nil
}

// page appends up to q.Limit rows to dst, fewer if they are large. full says that
// there may be more.
func (s *Store) page(ctx context.Context, what string, r syncer.Resource, q syncer.Query, dst []syncer.Object) (_ []syncer.Object, full bool, err error) {
	var size int
	sql, args := s.selectRows("key, uid, rv, labels, json", r, q)
	err = s.view(ctx, what, func(c *conn) error {
		err := c.query(ctx, func(row []driver.Value) error {
			json := asText(row[4])
			dst = append(dst, syncer.Object{
				Key: asBytes(asText(row[0])), UID: asBytes(asText(row[1])), RV: asVersion(row[2]),
				Labels: parseLabels(freeLabels(dst), asText(row[3])), JSON: asBytes(json),
			})
			if size += len(json); size >= pageJSONBytes {
				return errPageFull
			}
			return nil
		}, sql, args...)
		if err == errPageFull {
			full, err = true, nil
		}
		return err
	})
	return dst, full || len(dst) == q.Limit, err
}

// freeLabels is the memory of the row that stood behind dst before it was reused.
func freeLabels(dst []syncer.Object) []syncer.Label {
	if len(dst) == cap(dst) {
		return nil
	}
	return dst[:len(dst)+1][len(dst)].Labels[:0]
}

func asText(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// asBytes views a string that the driver has made for this row, and nobody else has.
func asBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func asVersion(v driver.Value) uint64 {
	n, _ := v.(int64)
	return uint64(n)
}

// strings returns the one column that query yields.
func (c *conn) strings(ctx context.Context, query string, args ...driver.Value) (all []string, err error) {
	err = c.query(ctx, func(row []driver.Value) error {
		all = append(all, asText(row[0]))
		return nil
	}, query, args...)
	return all, err
}
