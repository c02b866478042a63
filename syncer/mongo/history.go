package mongo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// stored is a document of our own whose content is what its JSON form says, so
// that it reads in the database as it does over HTTP.
type stored struct {
	ID      string `bson:"_id"`
	Cluster string `bson:"cluster"`
	Content bson.D `bson:"content"`
}

// pack makes a document of v, and unpack reads it back.
func (s *Store) pack(id string, v any) (stored, error) {
	doc := stored{ID: id, Cluster: s.o.Cluster}
	text, err := json.Marshal(v)
	if err != nil {
		return doc, err
	}
	return doc, bson.UnmarshalExtJSON(text, false, &doc.Content)
}

func (d *stored) unpack(v any) error {
	text, err := bson.MarshalExtJSON(d.Content, false, false)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// replace writes a document, whatever was there.
func (s *Store) replace(ctx context.Context, collection string, doc *stored) error {
	return s.on(ctx, "save", collection, func(c *driver.Collection) error {
		_, err := c.ReplaceOne(ctx, bson.D{{Key: idField, Value: doc.ID}}, doc, options.Replace().SetUpsert(true))
		return err
	})
}

// Control reads what SaveControl has kept.
func (s *Store) Control(ctx context.Context) (control syncer.Control, err error) {
	err = s.on(ctx, "read", controlCollection, func(c *driver.Collection) error {
		var doc stored
		err := c.FindOne(ctx, bson.D{{Key: idField, Value: s.o.Cluster}}).Decode(&doc)
		if errors.Is(err, driver.ErrNoDocuments) {
			return nil
		}
		if err != nil {
			return err
		}
		return doc.unpack(&control)
	})
	return control, err
}

// SaveControl replaces the cluster's one document.
func (s *Store) SaveControl(ctx context.Context, control syncer.Control) error {
	doc, err := s.pack(s.o.Cluster, control)
	if err != nil {
		return wrap(ctx, "save "+controlCollection, err)
	}
	return s.replace(ctx, controlCollection, &doc)
}

// SaveRun keeps the run, and then forgets those that are too many.
func (s *Store) SaveRun(ctx context.Context, run syncer.Run) error {
	doc, err := s.pack(s.o.Cluster+"/"+run.ID, run)
	if err != nil {
		return wrap(ctx, "save "+runsCollection, err)
	}
	if err := s.replace(ctx, runsCollection, &doc); err != nil {
		return err
	}
	return s.on(ctx, "trim", runsCollection, func(c *driver.Collection) error {
		rows, err := c.Find(ctx, s.ours(), options.Find().SetSort(byID).SetProjection(byID))
		if err != nil {
			return err
		}
		var ids []stored
		if err := rows.All(ctx, &ids); err != nil {
			return err
		}
		for _, old := range ids[:max(0, len(ids)-syncer.MaxRuns)] {
			if _, err := c.DeleteOne(ctx, bson.D{{Key: idField, Value: old.ID}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) ours() bson.D { return bson.D{{Key: "cluster", Value: s.o.Cluster}} }

// Runs reads all that are kept, since they are few.
func (s *Store) Runs(ctx context.Context, before string, limit int) ([]syncer.Run, error) {
	var docs []stored
	err := s.on(ctx, "read", runsCollection, func(c *driver.Collection) error {
		rows, err := c.Find(ctx, s.ours(), options.Find().SetSort(byID))
		if err != nil {
			return err
		}
		return rows.All(ctx, &docs)
	})
	if err != nil {
		return nil, err
	}
	var runs []syncer.Run
	for _, doc := range slices.Backward(docs) {
		if before != "" && doc.ID >= s.o.Cluster+"/"+before {
			continue
		}
		if len(runs) == limit {
			break
		}
		var run syncer.Run
		if err := doc.unpack(&run); err != nil {
			return nil, wrap(ctx, "read "+runsCollection, fmt.Errorf("run %s: %w", doc.ID, err))
		}
		runs = append(runs, run)
	}
	return runs, nil
}
