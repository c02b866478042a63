package mongo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// batch is the memory of one command: documents and filters stand behind each
// other in buf.
type batch struct {
	buf     []byte
	entries []entry
	models  []driver.WriteModel
	res     syncer.WriteResult
}

// entry is one op of a batch: where its filter and its document begin and end.
type entry struct {
	index              int // in the ops of the call
	filter, doc, after int // doc == after: a delete
	force              bool
}

// maxPooledBytes keeps a batch with a few huge objects from staying huge for ever.
const maxPooledBytes = 16 << 20

// Write sends ops in commands of bounded size, one behind the other.
func (s *Store) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	b := s.batches.Get().(*batch)
	b.res = syncer.WriteResult{}
	err := s.on(ctx, "write", r.String(), func(c *driver.Collection) error {
		now := s.o.Now()
		for next := 0; next < len(ops); {
			next = s.fill(b, ops, next, now)
			if err := b.send(ctx, c, 0, len(b.entries)); err != nil {
				return err
			}
		}
		return nil
	})
	res := b.res
	b.res = syncer.WriteResult{}
	if clear(b.models); cap(b.buf) <= maxPooledBytes {
		s.batches.Put(b)
	}
	if err != nil {
		return syncer.WriteResult{}, err
	}
	slices.SortFunc(res.Rejected, func(x, y syncer.Rejection) int { return cmp.Compare(x.Index, y.Index) })
	return res, nil
}

// fill makes the batch of the ops from first on, up to its bounds, and returns
// the index of the first op that isn't in it.
func (s *Store) fill(b *batch, ops []syncer.Op, first int, now time.Time) int {
	b.buf, b.entries, b.models = b.buf[:0], b.entries[:0], b.models[:0]
	row := Row{Cluster: s.o.Cluster, Keys: s.o.Keys, SyncedAt: now}
	i := first
	for ; i < len(ops) && len(b.entries) < s.o.BatchOps && len(b.buf) < s.o.BatchBytes; i++ {
		op := &ops[i]
		e := entry{index: i, filter: len(b.buf), force: op.Force}
		b.buf = s.appendFilter(b.buf, op)
		e.doc = len(b.buf)
		if !op.Delete {
			var err error
			if b.buf, err = AppendDocument(b.buf, &op.Object, row); err != nil {
				b.buf = b.buf[:e.filter]
				b.reject(i, err)
				continue
			}
		}
		e.after = len(b.buf)
		if e.after > s.o.BatchBytes && len(b.entries) > 0 {
			break // it begins the next one
		}
		b.entries = append(b.entries, e)
	}
	for _, e := range b.entries { // buf doesn't move any more
		b.models = append(b.models, b.model(e))
	}
	return i
}

// appendFilter asks for the row, and for a version that the op may replace. An
// upsert names the cluster too, which sharded collections are sharded by.
func (s *Store) appendFilter(dst []byte, op *syncer.Op) []byte {
	e := encoder{dst: append(dst, 0, 0, 0, 0)}
	e.id(s.o.Cluster, op.Object.Key)
	guard := "$lte"
	if !op.Delete {
		e.dst = bsoncore.AppendStringElement(e.dst, mirrorField+".cluster", s.o.Cluster)
		guard = "$lt"
	}
	if !op.Force {
		at, doc := bsoncore.AppendDocumentElementStart(e.dst, mirrorField+".rv")
		doc = bsoncore.AppendInt64Element(doc, guard, int64(min(op.Object.RV, 1<<63-1)))
		e.dst = append(doc, 0)
		e.length(int(at), len(e.dst)-int(at))
	}
	e.end(len(dst))
	return e.dst
}

var upsert = true

func (b *batch) model(e entry) driver.WriteModel {
	filter := bson.Raw(b.buf[e.filter:e.doc:e.doc])
	if e.doc == e.after {
		return &driver.DeleteOneModel{Filter: filter}
	}
	return &driver.ReplaceOneModel{Filter: filter, Replacement: bson.Raw(b.buf[e.doc:e.after:e.after]), Upsert: &upsert}
}

func (b *batch) reject(index int, err error) {
	b.res.Rejected = append(b.res.Rejected, syncer.Rejection{Index: index, Err: err})
}

// send writes a part of the batch, and adds up what came of it. When the server
// refuses a whole command for a document in it, halves find out for which.
func (b *batch) send(ctx context.Context, c *driver.Collection, from, to int) error {
	if from == to {
		return nil
	}
	done, err := c.BulkWrite(ctx, b.models[from:to], options.BulkWrite().SetOrdered(false))
	if err != nil && refuses(err) {
		if to-from == 1 {
			b.reject(b.entries[from].index, err)
			return nil
		}
		half := (from + to) / 2
		if err := b.send(ctx, c, from, half); err != nil {
			return err
		}
		return b.send(ctx, c, half, to)
	}
	before := len(b.res.Rejected)
	if err != nil {
		if err = b.sort(err, from); err != nil {
			return err
		}
	}
	created, updated, deleted := int(done.UpsertedCount), int(done.MatchedCount), int(done.DeletedCount)
	b.res.Created += created
	b.res.Updated += updated
	b.res.Deleted += deleted
	b.res.Stale += to - from - created - updated - deleted - (len(b.res.Rejected) - before)
	return nil
}

// sort tells the errors of single ops apart: stale ones, of which nothing is
// said here, refused ones, and those that make the whole call fail.
func (b *batch) sort(err error, from int) error {
	all, ok := errors.AsType[driver.BulkWriteException](err)
	if !ok || all.WriteConcernError != nil {
		return err
	}
	for i := range all.WriteErrors {
		we := &all.WriteErrors[i]
		if we.Index < 0 || from+we.Index >= len(b.entries) {
			return fmt.Errorf("the server tells of op %d, which there isn't: %w", we.Index, err)
		}
		e := b.entries[from+we.Index]
		switch duplicate := we.Code == codeDuplicateKey; {
		case duplicate && onID(&we.WriteError) && !e.force:
		case duplicate && !onID(&we.WriteError), refusals[we.Code]:
			b.reject(e.index, we.WriteError)
		default:
			return fmt.Errorf("op %d of %d: %w", we.Index, len(b.entries), we.WriteError)
		}
	}
	return nil
}
