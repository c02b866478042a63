package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Prepare makes r's collection, and finds out once whether the server takes the
// keys that it will get.
func (s *Store) Prepare(ctx context.Context, r syncer.Resource) error {
	if err := s.checkKeys(ctx); err != nil {
		return err
	}
	return s.on(ctx, "create", r.String(), func(c *driver.Collection) error {
		err := c.Database().CreateCollection(ctx, c.Name())
		if hasCode(err, codeNamespaceExists) {
			return nil
		}
		return err
	})
}

func (s *Store) checkKeys(ctx context.Context) error {
	s.mu.Lock()
	probed := s.probed || s.o.Keys == KeysEscaped && !s.closed
	s.mu.Unlock()
	if probed {
		return nil
	}
	keys, err := s.Probe(ctx)
	if err != nil {
		return err
	}
	if keys != s.o.Keys {
		return &syncer.StoreError{Err: fmt.Errorf("the server refuses keys with dots and dollars: use --mongo-keys %s", keys)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.probed {
		s.o.Log.Info("database connected", "database", s.database, "cluster", s.o.Cluster, "keys", keys)
	}
	s.probed = true
	return nil
}

// Probe finds out, with a document of its own, whether the server takes keys with
// dots and dollars as they are, and returns the mode to use.
func (s *Store) Probe(ctx context.Context) (KeyMode, error) {
	keys := KeysPlain
	err := s.on(ctx, "probe", probeCollection, func(c *driver.Collection) error {
		id := bson.D{{Key: idField, Value: s.o.Cluster}}
		doc, err := bson.Marshal(bson.D{
			{Key: idField, Value: s.o.Cluster},
			{Key: "a.b", Value: int64(1)},
			{Key: "c", Value: bson.D{{Key: "d.e/f", Value: int64(2)}, {Key: "$g", Value: int64(3)}, {Key: "", Value: int64(4)}}},
		})
		if err != nil {
			return err
		}
		if _, err := c.ReplaceOne(ctx, id, bson.Raw(doc), options.Replace().SetUpsert(true)); err != nil {
			if refuses(err) || refusesWrite(err) {
				keys = KeysEscaped
				return nil
			}
			return err
		}
		back, err := c.FindOne(ctx, id).Raw()
		if err != nil && !errors.Is(err, driver.ErrNoDocuments) {
			return err
		}
		if err == nil && !bytes.Equal(back, doc) {
			keys = KeysEscaped
		}
		_, err = c.DeleteOne(ctx, id)
		return err
	})
	return keys, err
}

// refusesWrite reports whether err is a document's own, in the answer to one write.
func refusesWrite(err error) bool {
	all, ok := errors.AsType[driver.WriteException](err)
	return ok && all.WriteConcernError == nil && len(all.WriteErrors) == 1 && refusals[all.WriteErrors[0].Code]
}

// FinishFill makes the index that label selectors use, and the one that Versions
// is answered from. An index of someone else's with the same keys will do.
func (s *Store) FinishFill(ctx context.Context, r syncer.Resource) error {
	return s.on(ctx, "index", r.String(), func(c *driver.Collection) error {
		for _, index := range []driver.IndexModel{
			{Keys: labelsIndexKeys, Options: options.Index().SetName("sidemirror_labels")},
			{Keys: versionsOnly, Options: options.Index().SetName("sidemirror_versions")},
		} {
			_, err := c.Indexes().CreateOne(ctx, index)
			if err != nil && !hasCode(err, codeIndexOptionsConflict, codeIndexKeySpecsConflict) {
				return err
			}
		}
		return nil
	})
}

// Drop leaves the empty collection: dropping it would take with it the rows that
// another cluster's mirror writes at that moment.
func (s *Store) Drop(ctx context.Context, resource string) error {
	err := s.on(ctx, "drop", resource, func(c *driver.Collection) error {
		_, err := c.DeleteMany(ctx, s.mine())
		return err
	})
	if err != nil {
		return err
	}
	return s.on(ctx, "drop", checkpointsCollection, func(c *driver.Collection) error {
		_, err := c.DeleteMany(ctx, bson.D{{Key: "cluster", Value: s.o.Cluster}, {Key: "resource", Value: resource}})
		return err
	})
}
