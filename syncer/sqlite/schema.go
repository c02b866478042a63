package sqlite

import (
	"context"
	"errors"
	"fmt"
)

const (
	// applicationID marks the file as ours: "SDMR".
	applicationID = 0x53444D52
	schemaVersion = 2
	// checkpointPages is when the WAL is moved to the database, 16 MiB: below
	// that, filling spends its time in fsync.
	checkpointPages = 4096
	walLimitBytes   = 64 << 20
)

const (
	createCheckpoint = `CREATE TABLE _sidemirror_checkpoints (
	cluster TEXT NOT NULL, cell TEXT NOT NULL, resource TEXT NOT NULL, rv INTEGER NOT NULL,
	form TEXT NOT NULL, epoch INTEGER NOT NULL, saved_at TEXT NOT NULL,
	PRIMARY KEY (cluster, cell)) WITHOUT ROWID`
	createMeta = `CREATE TABLE _sidemirror_meta (
	cluster TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
	PRIMARY KEY (cluster, name)) WITHOUT ROWID`
	// A table is there for as long as a cluster is in this list with it.
	createResources = `CREATE TABLE _sidemirror_resources (
	resource TEXT NOT NULL, cluster TEXT NOT NULL,
	PRIMARY KEY (resource, cluster)) WITHOUT ROWID`
	addKind       = `ALTER TABLE _sidemirror_checkpoints ADD COLUMN kind TEXT NOT NULL DEFAULT ''`
	addVersion    = `ALTER TABLE _sidemirror_checkpoints ADD COLUMN version TEXT NOT NULL DEFAULT ''`
	addNamespaced = `ALTER TABLE _sidemirror_checkpoints ADD COLUMN namespaced INTEGER NOT NULL DEFAULT 0`
	createControl = `CREATE TABLE _sidemirror_control (cluster TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID`
	createRuns    = `CREATE TABLE _sidemirror_runs (
	cluster TEXT NOT NULL, id TEXT NOT NULL, json TEXT NOT NULL,
	PRIMARY KEY (cluster, id)) WITHOUT ROWID`
)

// upgrades are what each schema version adds to the one before; an empty file has
// version 0.
var upgrades = [schemaVersion][]string{
	{createCheckpoint, createMeta, createResources},
	{createControl, createRuns, addKind, addVersion, addNamespaced},
}

// makeSchema makes what a new or an older file lacks. It changes nothing in a file
// that isn't ours, or that a newer version has made.
func makeSchema(ctx context.Context, c *conn) error {
	if _, err := inspect(ctx, c); err != nil {
		return err
	}
	for _, pragma := range []string{
		"journal_mode = WAL",
		fmt.Sprintf("wal_autocheckpoint = %d", checkpointPages),
		fmt.Sprintf("journal_size_limit = %d", walLimitBytes),
	} {
		if err := c.run(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	// Taking the lock of the writer shows at once whether the file can be written.
	_, err := c.transaction(ctx, func(c *conn) error {
		version, err := inspect(ctx, c)
		if err != nil || version == schemaVersion {
			return err
		}
		for _, upgrade := range upgrades[version:] {
			for _, q := range upgrade {
				if err := c.run(ctx, q); err != nil {
					return err
				}
			}
		}
		if err := c.run(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
		return c.run(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	})
	return err
}

// inspect reads whose file it is, and of which schema version; 0 is an empty one.
func inspect(ctx context.Context, c *conn) (version int64, err error) {
	id, err := c.number(ctx, "PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	if version, err = c.number(ctx, "PRAGMA user_version"); err != nil {
		return 0, err
	}
	tables, err := c.number(ctx, "SELECT count(*) FROM sqlite_schema")
	switch {
	case err != nil:
		return 0, err
	case tables == 0 && version == 0 && id == 0:
		return 0, nil
	case id != applicationID || version < 1:
		return 0, errors.New("the database belongs to another application: name another file")
	case version > schemaVersion:
		return 0, fmt.Errorf("the database has schema version %d, made by a newer sidemirror; this one knows up to %d",
			version, schemaVersion)
	}
	return version, nil
}
