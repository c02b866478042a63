package sqlite

import (
	"context"
	"errors"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// quote makes a name an SQL identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// createTable makes the table of one resource. The columns that are read without
// the object come first, and in an index of their own: comparing a whole
// resource never touches the pages with JSON.
func createTable(resource string) []string {
	table := quote(resource)
	return []string{
		`CREATE TABLE IF NOT EXISTS ` + table + ` (
	cluster TEXT NOT NULL, key TEXT NOT NULL, uid TEXT NOT NULL, rv INTEGER NOT NULL, labels TEXT NOT NULL,
	namespace TEXT GENERATED ALWAYS AS (substr(key, 1, instr(key, '/') - 1)) VIRTUAL,
	name TEXT GENERATED ALWAYS AS (substr(key, instr(key, '/') + 1)) VIRTUAL,
	json TEXT NOT NULL)`,
		`CREATE UNIQUE INDEX IF NOT EXISTS ` + quote(resource+"_key") + ` ON ` + table + ` (cluster, key)`,
		`CREATE INDEX IF NOT EXISTS ` + quote(resource+"_version") + ` ON ` + table + ` (cluster, key, rv, uid)`,
	}
}

// Prepare makes the table of r.
func (s *Store) Prepare(ctx context.Context, r syncer.Resource) error {
	name := r.String()
	what := "prepare " + name
	if name == "" || strings.HasPrefix(name, "_") || strings.Contains(name, "\x00") {
		return s.wrap(what, errors.New("not a name that a table can have"))
	}
	if _, ok := s.prepared.Load(name); ok {
		select {
		case <-s.closed:
			return s.wrap(what, errClosed)
		default:
			return nil
		}
	}
	err := s.update(ctx, what, func(c *conn) error {
		for _, q := range createTable(name) {
			if err := c.run(ctx, q); err != nil {
				return err
			}
		}
		_, err := c.exec("INSERT OR IGNORE INTO _sidemirror_resources (resource, cluster) VALUES (?, ?)", name, s.cluster)
		return err
	})
	if err == nil {
		s.prepared.Store(name, nil)
	}
	return err
}

// FinishFill has nothing to do: making an index afterwards would sort in
// temporary files, which a read-only container has no place for.
func (s *Store) FinishFill(context.Context, syncer.Resource) error { return nil }

// Resources names what this cluster has rows or checkpoints of.
func (s *Store) Resources(ctx context.Context) ([]string, error) {
	var names []string
	err := s.view(ctx, "read resources", func(c *conn) error {
		tables, err := c.strings(ctx, "SELECT resource FROM _sidemirror_resources WHERE cluster = ?", s.cluster)
		if err != nil {
			return err
		}
		saved, err := c.strings(ctx, "SELECT DISTINCT resource FROM _sidemirror_checkpoints WHERE cluster = ?", s.cluster)
		if err != nil {
			return err
		}
		names = saved
		has := map[string]bool{}
		for _, n := range saved {
			has[n] = true
		}
		for _, n := range tables {
			if has[n] {
				continue
			}
			rows, err := c.number(ctx, "SELECT EXISTS (SELECT 1 FROM "+quote(n)+" WHERE cluster = ?)", s.cluster)
			if err != nil {
				return err
			}
			if rows > 0 {
				names = append(names, n)
			}
		}
		return nil
	})
	return names, err
}

// Drop removes rows and checkpoints of this cluster, and the table if no other
// cluster uses it.
func (s *Store) Drop(ctx context.Context, resource string) error {
	err := s.update(ctx, "drop "+resource, func(c *conn) error {
		if _, err := c.exec("DELETE FROM _sidemirror_checkpoints WHERE cluster = ? AND resource = ?", s.cluster, resource); err != nil {
			return err
		}
		ours, err := c.exec("DELETE FROM _sidemirror_resources WHERE resource = ? AND cluster = ?", resource, s.cluster)
		if err != nil || ours == 0 {
			return err
		}
		others, err := c.number(ctx, "SELECT count(*) FROM _sidemirror_resources WHERE resource = ?", resource)
		if err != nil {
			return err
		}
		if others > 0 {
			_, err = c.exec("DELETE FROM "+quote(resource)+" WHERE cluster = ?", s.cluster)
			return err
		}
		c.forget() // an open statement of the table would lock it
		return c.run(ctx, "DROP TABLE "+quote(resource))
	})
	if err == nil {
		s.prepared.Delete(resource)
	}
	return err
}
