package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"

	"github.com/sidemirror/sidemirror/syncer"
)

// Control reads what SaveControl has kept.
func (s *Store) Control(ctx context.Context) (control syncer.Control, err error) {
	err = s.view(ctx, "read the control", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			return json.Unmarshal(asBytes(asText(row[0])), &control)
		}, "SELECT json FROM _sidemirror_control WHERE cluster = ?", s.cluster)
	})
	return control, err
}

// SaveControl replaces the cluster's one row. Unlike rows of objects it is synced
// to the disk before it counts: what is acknowledged survives the machine.
func (s *Store) SaveControl(ctx context.Context, control syncer.Control) error {
	const what = "save the control"
	text, err := json.Marshal(control)
	if err != nil {
		return s.wrap(what, err)
	}
	err = s.update(ctx, what, func(c *conn) error {
		_, err := c.exec(`INSERT INTO _sidemirror_control (cluster, json) VALUES (?, ?)
			ON CONFLICT (cluster) DO UPDATE SET json = excluded.json`, s.cluster, string(text))
		return err
	})
	if err != nil {
		return err
	}
	return s.sync(ctx, what)
}

// SaveRun keeps the run, and forgets those that are too many.
func (s *Store) SaveRun(ctx context.Context, run syncer.Run) error {
	const what = "save a run"
	text, err := json.Marshal(run)
	if err != nil {
		return s.wrap(what, err)
	}
	return s.update(ctx, what, func(c *conn) error {
		if _, err := c.exec(`INSERT INTO _sidemirror_runs (cluster, id, json) VALUES (?, ?, ?)
			ON CONFLICT (cluster, id) DO UPDATE SET json = excluded.json`, s.cluster, run.ID, string(text)); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM _sidemirror_runs WHERE cluster = ? AND id NOT IN
			(SELECT id FROM _sidemirror_runs WHERE cluster = ? ORDER BY id DESC LIMIT ?)`, s.cluster, s.cluster, int64(syncer.MaxRuns))
		return err
	})
}

// Runs returns them as they sort, the newest first.
func (s *Store) Runs(ctx context.Context, before string, limit int) ([]syncer.Run, error) {
	var runs []syncer.Run
	err := s.view(ctx, "read past runs", func(c *conn) error {
		return c.query(ctx, func(row []driver.Value) error {
			var run syncer.Run
			if err := json.Unmarshal(asBytes(asText(row[1])), &run); err != nil {
				return fmt.Errorf("run %s: %w", asText(row[0]), err)
			}
			runs = append(runs, run)
			return nil
		}, "SELECT id, json FROM _sidemirror_runs WHERE cluster = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
			s.cluster, before, before, int64(limit))
	})
	return runs, err
}
