package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// between is the filter of this cluster's rows with after < key < before.
func (s *Store) between(after, before string) bson.D {
	end := s.o.Cluster + "0" // the byte behind "/"
	if before != "" {
		end = s.o.Cluster + "/" + before
	}
	return bson.D{{Key: idField, Value: bson.D{{Key: "$gt", Value: s.o.Cluster + "/" + after}, {Key: "$lt", Value: end}}}}
}

// mine is the filter of this cluster's rows that bears strangers' documents in
// the collection, for what removes or names whole resources.
func (s *Store) mine() bson.D {
	return append(s.between("", ""), bson.E{Key: mirrorField + ".cluster", Value: s.o.Cluster})
}

var (
	byID            = bson.D{{Key: idField, Value: 1}}
	versionsOnly    = bson.D{{Key: idField, Value: 1}, {Key: mirrorField + ".rv", Value: 1}, {Key: mirrorField + ".uid", Value: 1}}
	labelsIndexKeys = bson.D{{Key: mirrorField + ".labels", Value: 1}}
)

// scan hands up to q.Limit documents to yield. Errors of yield come back as they are.
func (s *Store) scan(ctx context.Context, r syncer.Resource, q syncer.Query, o *options.FindOptionsBuilder, yield func(bson.Raw) error) error {
	if q.Limit <= 0 {
		return nil
	}
	var stopped error
	err := s.on(ctx, "read", r.String(), func(c *driver.Collection) error {
		rows, err := c.Find(ctx, s.filter(q), o.SetSort(byID).SetLimit(int64(q.Limit)))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close(context.WithoutCancel(ctx)) }()
		for rows.Next(ctx) {
			if stopped = yield(rows.Current); stopped != nil {
				return nil
			}
		}
		return rows.Err()
	})
	if stopped != nil {
		return stopped
	}
	return err
}

// Versions is answered from an index once [Store.FinishFill] has made it.
func (s *Store) Versions(ctx context.Context, r syncer.Resource, after, before string, limit int, dst []syncer.Version) ([]syncer.Version, error) {
	q := syncer.Query{After: after, Before: before, Limit: limit}
	err := s.scan(ctx, r, q, options.Find().SetProjection(versionsOnly), func(doc bson.Raw) error {
		key, uid, rv := s.stamp(doc)
		dst = append(dst, syncer.Version{Key: string(key), UID: string(uid), RV: rv})
		return nil
	})
	return dst, err
}

// stamp reads what a document says besides the object; the slices alias it.
func (s *Store) stamp(doc bson.Raw) (key, uid []byte, rv uint64) {
	id := stringBytes(doc.Lookup(idField))
	if len(id) > len(s.o.Cluster) {
		key = id[len(s.o.Cluster)+1:]
	}
	version, _ := doc.Lookup(mirrorField, "rv").AsInt64OK()
	return key, stringBytes(doc.Lookup(mirrorField, "uid")), uint64(version)
}

// stringBytes is a string's content without a copy; nothing for another value.
func stringBytes(v bson.RawValue) []byte {
	if v.Type != bson.TypeString || len(v.Value) < 5 {
		return nil
	}
	return v.Value[4 : len(v.Value)-1]
}

// Read turns each document back into the JSON that it was made of.
func (s *Store) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	find := options.Find()
	if len(q.Labels) > 0 {
		// The index of the labels isn't in the order of keys: large objects may be
		// more than the server sorts in memory.
		find.SetAllowDiskUse(true)
	}
	var o syncer.Object
	return s.scan(ctx, r, q, find, func(doc bson.Raw) error {
		o.Key, o.UID, o.RV = s.stamp(doc)
		o.Labels = appendLabels(o.Labels[:0], doc)
		var err error
		if o.JSON, err = AppendJSON(o.JSON[:0], doc, s.o.Keys); err != nil {
			return &syncer.StoreError{Err: fmt.Errorf("read %s %s: %w", r, o.Key, err)}
		}
		return yield(&o)
	})
}

func appendLabels(dst []syncer.Label, doc bson.Raw) []syncer.Label {
	labels, ok := doc.Lookup(mirrorField, "labels").ArrayOK()
	if !ok {
		return dst
	}
	values, _ := labels.Values()
	for _, v := range values {
		name, value, _ := bytes.Cut(stringBytes(v), []byte("="))
		dst = append(dst, syncer.Label{Name: name, Value: value})
	}
	return dst
}

// Count counts in the index of _id.
func (s *Store) Count(ctx context.Context, cell syncer.Cell) (n int64, err error) {
	filter := s.between("", "")
	if ns := cell.Namespace; ns != "" {
		filter = s.between(ns+"/", ns+"0")
	}
	err = s.on(ctx, "count", cell.Resource.String(), func(c *driver.Collection) error {
		n, err = c.CountDocuments(ctx, filter)
		return err
	})
	return n, err
}

// Resources looks into every collection of the database.
func (s *Store) Resources(ctx context.Context) ([]string, error) {
	cps, err := s.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range cps {
		names = append(names, cps[i].Resource)
	}
	db, err := s.connect()
	if err != nil {
		return nil, wrap(ctx, "list collections", err)
	}
	all, err := db.ListCollectionNames(ctx, bson.D{{Key: "type", Value: "collection"}})
	if err != nil {
		return nil, wrap(ctx, "list collections", err)
	}
	for _, name := range all {
		if strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, "system.") || slices.Contains(names, name) {
			continue
		}
		found, err := s.hasRows(ctx, name)
		if err != nil {
			return nil, err
		}
		if found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *Store) hasRows(ctx context.Context, collection string) (found bool, err error) {
	err = s.on(ctx, "look into", collection, func(c *driver.Collection) error {
		err := c.FindOne(ctx, s.mine(), options.FindOne().SetProjection(byID)).Err()
		found = err == nil
		if errors.Is(err, driver.ErrNoDocuments) {
			return nil
		}
		return err
	})
	return found, err
}
