package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// checkpoint is a document of the checkpoints' collection.
type checkpoint struct {
	ID         string    `bson:"_id"` // <cluster>/<cell>
	Cluster    string    `bson:"cluster"`
	Cell       string    `bson:"cell"`
	Resource   string    `bson:"resource"`
	Kind       string    `bson:"kind"`
	Version    string    `bson:"version"`
	Namespaced bool      `bson:"namespaced"`
	RV         int64     `bson:"rv"`
	Form       string    `bson:"form"`
	Epoch      int64     `bson:"epoch"`
	SavedAt    time.Time `bson:"savedAt"`
}

// Checkpoints returns those of this cluster, by cell.
func (s *Store) Checkpoints(ctx context.Context) ([]syncer.Checkpoint, error) {
	var docs []checkpoint
	err := s.on(ctx, "read", checkpointsCollection, func(c *driver.Collection) error {
		rows, err := c.Find(ctx, bson.D{{Key: "cluster", Value: s.o.Cluster}}, options.Find().SetSort(byID))
		if err != nil {
			return err
		}
		return rows.All(ctx, &docs)
	})
	cps := make([]syncer.Checkpoint, len(docs))
	for i, d := range docs {
		cps[i] = syncer.Checkpoint{
			Cell: d.Cell, Resource: d.Resource, ResourceVersion: uint64(d.RV),
			Form: d.Form, Epoch: d.Epoch, SavedAt: d.SavedAt,
			Kind: d.Kind, Version: d.Version, Namespaced: d.Namespaced,
		}
	}
	return cps, err
}

// SaveCheckpoints asks, like a write of rows, for a document that isn't of a
// higher epoch; E11000 says that there is one.
func (s *Store) SaveCheckpoints(ctx context.Context, cps []syncer.Checkpoint) error {
	if len(cps) == 0 {
		return wrap(ctx, "save checkpoints", ctx.Err())
	}
	var models []driver.WriteModel
	for i := range cps {
		cp := &cps[i]
		id := s.o.Cluster + "/" + cp.Cell
		models = append(models, driver.NewReplaceOneModel().SetUpsert(true).
			SetFilter(bson.D{{Key: idField, Value: id}, {Key: "epoch", Value: bson.D{{Key: "$lte", Value: cp.Epoch}}}}).
			SetReplacement(checkpoint{
				ID: id, Cluster: s.o.Cluster, Cell: cp.Cell, Resource: cp.Resource, RV: int64(cp.ResourceVersion),
				Form: cp.Form, Epoch: cp.Epoch, SavedAt: cp.SavedAt,
				Kind: cp.Kind, Version: cp.Version, Namespaced: cp.Namespaced,
			}))
	}
	return s.on(ctx, "save", checkpointsCollection, func(c *driver.Collection) error {
		_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		if all, ok := errors.AsType[driver.BulkWriteException](err); ok && all.WriteConcernError == nil {
			for i := range all.WriteErrors {
				if we := &all.WriteErrors[i]; we.Code == codeDuplicateKey && onID(&we.WriteError) {
					return fmt.Errorf("checkpoint of %s: %w", cps[we.Index].Cell, syncer.ErrStaleEpoch)
				}
			}
		}
		return err
	})
}

// DeleteCheckpoints forgets cells; one that has none is no error.
func (s *Store) DeleteCheckpoints(ctx context.Context, cells []string) error {
	if len(cells) == 0 {
		return wrap(ctx, "delete checkpoints", ctx.Err())
	}
	var models []driver.WriteModel
	for _, cell := range cells {
		models = append(models, driver.NewDeleteOneModel().SetFilter(bson.D{{Key: idField, Value: s.o.Cluster + "/" + cell}}))
	}
	return s.on(ctx, "delete from", checkpointsCollection, func(c *driver.Collection) error {
		_, err := c.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// NextEpoch counts in the database. Two first calls at once may collide, and the
// loser finds the winner's document when it tries again.
func (s *Store) NextEpoch(ctx context.Context) (int64, error) {
	var doc struct {
		Epoch int64 `bson:"epoch"`
	}
	err := s.on(ctx, "count up in", epochsCollection, func(c *driver.Collection) error {
		var err error
		for range 3 {
			err = c.FindOneAndUpdate(ctx,
				bson.D{{Key: idField, Value: s.o.Cluster}},
				bson.D{{Key: "$inc", Value: bson.D{{Key: "epoch", Value: int64(1)}}}},
				options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After),
			).Decode(&doc)
			if !driver.IsDuplicateKeyError(err) {
				break
			}
		}
		return err
	})
	return doc.Epoch, err
}
