package main_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

// recorder is a store that keeps the batches that the engine writes.
type recorder struct {
	discard
	mu      sync.Mutex
	batches [][]syncer.Op // guarded by mu
}

func (r *recorder) Write(_ context.Context, _ syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	own := make([]syncer.Op, len(ops))
	for i := range ops {
		own[i] = ops[i]
		own[i].Object = ops[i].Object.Clone()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, own)
	return syncer.WriteResult{Created: len(ops)}, nil
}

// collect returns the batches of a first sync; the sync is run once, unmeasured.
func (r *recorder) collect(b *timed, config *rest.Config, pods int) [][]syncer.Op {
	b.unmeasured(func() {
		if r.batches == nil {
			firstSync(b.B, config, r, pods)
		}
	})
	return r.batches
}

var podResource = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}

// writeAlone is the store by itself, from one goroutine.
func writeAlone(b *testing.B, batches [][]syncer.Op) {
	store, err := sqlite.New(sqlite.Options{Path: filepath.Join(b.TempDir(), "alone.db"), Cluster: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close(b.Context())
	if err := store.Prepare(b.Context(), podResource); err != nil {
		b.Fatal(err)
	}
	for _, ops := range batches {
		if res, err := store.Write(b.Context(), podResource, ops); err != nil || res.Created != len(ops) {
			b.Fatalf("Write = %+v, %v, want %d created", res, err, len(ops))
		}
	}
}

// insertAlone is SQLite by itself: key and JSON by database/sql, in one index, one
// transaction a batch, with the store's durability.
func insertAlone(b *testing.B, batches [][]syncer.Op) {
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "alone.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 4096",
		"CREATE TABLE pods (key TEXT PRIMARY KEY, json TEXT)",
	} {
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	for _, ops := range batches {
		if err := insertAll(b.Context(), db, ops); err != nil {
			b.Fatal(err)
		}
	}
}

func insertAll(ctx context.Context, db *sql.DB, ops []syncer.Op) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.Prepare("INSERT INTO pods (key, json) VALUES (?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range ops {
		if _, err := insert.Exec(string(ops[i].Object.Key), string(ops[i].Object.JSON)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// fileAlone is the file system by itself: the JSON, one write an object, one fsync
// at the end.
func fileAlone(b *testing.B, batches [][]syncer.Op) {
	f, err := os.Create(filepath.Join(b.TempDir(), "alone"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for _, ops := range batches {
		for i := range ops {
			if _, err := f.Write(ops[i].Object.JSON); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := f.Sync(); err != nil {
		b.Fatal(err)
	}
}
