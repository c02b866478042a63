package api

import (
	"context"
	"errors"

	"github.com/sidemirror/sidemirror/syncer"
)

// chunkRows is how many rows are asked of the store at once: a first batch of
// MongoDB's, so that a client that reads slowly keeps no cursor open there.
const chunkRows = 100

// minRows keeps a list whose rows the store can't tell apart from asking for them
// one by one.
const minRows = 20

// rows walks what a list asks for. It holds one chunk's worth, whatever the list.
type rows struct {
	objects  Objects
	resource syncer.Resource
	query    *listQuery

	count int64  // rows handed on
	last  []byte // the key of the newest of them
	more  bool   // there are rows behind the limit
}

var errEnough = errors.New("enough rows")

// each hands every row on, up to the query's limit.
func (s *rows) each(ctx context.Context, yield func(*syncer.Object) error) error {
	q := s.query.rows
	var after []byte
	for {
		q.Limit = s.ask()
		delivered := 0
		err := s.objects.Read(ctx, s.resource, q, func(o *syncer.Object) error {
			delivered++
			after = append(after[:0], o.Key...)
			if !s.query.keeps(o) {
				return nil
			}
			if s.query.limit > 0 && s.count == int64(s.query.limit) {
				s.more = true
				return errEnough
			}
			s.count++
			s.last = append(s.last[:0], o.Key...)
			return yield(o)
		})
		switch {
		case err == errEnough:
			return nil
		case err != nil:
			return err
		case delivered < q.Limit:
			return ctx.Err()
		}
		q.After = string(after)
	}
}

// ask is how many rows to read next: one more than the page, to see whether it
// is the last.
func (s *rows) ask() int {
	if s.query.limit == 0 {
		return chunkRows
	}
	want := s.query.limit - int(s.count) + 1
	if len(s.query.rows.Labels)+len(s.query.fields) > 0 {
		want = max(want, minRows)
	}
	return min(want, chunkRows)
}
