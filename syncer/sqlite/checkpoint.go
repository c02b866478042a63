package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const saveCheckpoint = `INSERT INTO _sidemirror_checkpoints (cluster, cell, resource, rv, form, epoch, saved_at, kind, version, namespaced)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (cluster, cell) DO UPDATE SET resource = excluded.resource, rv = excluded.rv,
	form = excluded.form, epoch = excluded.epoch, saved_at = excluded.saved_at,
	kind = excluded.kind, version = excluded.version, namespaced = excluded.namespaced
	WHERE excluded.epoch >= epoch`

// Checkpoints returns those of this cluster, by cell.
func (s *Store) Checkpoints(ctx context.Context) ([]syncer.Checkpoint, error) {
	var all []syncer.Checkpoint
	err := s.view(ctx, "read checkpoints", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			epoch, _ := row[4].(int64)
			at, err := time.Parse(time.RFC3339Nano, asText(row[5]))
			if err != nil {
				return fmt.Errorf("checkpoint of %s: %w", asText(row[0]), err)
			}
			all = append(all, syncer.Checkpoint{
				Cell: asText(row[0]), Resource: asText(row[1]), ResourceVersion: asVersion(row[2]),
				Form: asText(row[3]), Epoch: epoch, SavedAt: at,
				Kind: asText(row[6]), Version: asText(row[7]), Namespaced: row[8] == int64(1),
			})
			return nil
		}, "SELECT cell, resource, rv, form, epoch, saved_at, kind, version, namespaced FROM _sidemirror_checkpoints WHERE cluster = ? ORDER BY cell", s.cluster)
	})
	return all, err
}

// SaveCheckpoints saves all of cps, or none when one of them is of an epoch
// that has passed.
func (s *Store) SaveCheckpoints(ctx context.Context, cps []syncer.Checkpoint) error {
	return s.update(ctx, "save checkpoints", func(c *conn) error {
		for i := range cps {
			cp := &cps[i]
			n, err := c.exec(saveCheckpoint, s.cluster, cp.Cell, cp.Resource, int64(cp.ResourceVersion),
				cp.Form, cp.Epoch, cp.SavedAt.UTC().Format(time.RFC3339Nano), cp.Kind, cp.Version, cp.Namespaced)
			if err != nil {
				return err
			}
			if n == 0 {
				return fmt.Errorf("checkpoint of %s: %w", cp.Cell, syncer.ErrStaleEpoch)
			}
		}
		return nil
	})
}

// DeleteCheckpoints forgets cells; one that has none is no error.
func (s *Store) DeleteCheckpoints(ctx context.Context, cells []string) error {
	return s.update(ctx, "delete checkpoints", func(c *conn) error {
		for _, cell := range cells {
			if _, err := c.exec("DELETE FROM _sidemirror_checkpoints WHERE cluster = ? AND cell = ?", s.cluster, cell); err != nil {
				return err
			}
		}
		return nil
	})
}

// NextEpoch counts in the database, so it rises across processes too.
func (s *Store) NextEpoch(ctx context.Context) (epoch int64, err error) {
	err = s.update(ctx, "raise the epoch", func(c *conn) error {
		epoch, err = c.number(ctx, `INSERT INTO _sidemirror_meta (cluster, name, value) VALUES (?, 'epoch', 1)
			ON CONFLICT (cluster, name) DO UPDATE SET value = value + 1 RETURNING value`, s.cluster)
		return err
	})
	return epoch, err
}
