package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	benchBatch = 500
	benchBytes = 8 << 10
)

// benchOps is a batch of objects with 8 KiB of JSON whose keys rise with start.
func benchOps(ops []syncer.Op, start int, rv uint64) []syncer.Op {
	ops = ops[:0]
	pad := bytes.Repeat([]byte("x"), benchBytes-40)
	labels := []syncer.Label{{Name: []byte("app"), Value: []byte("web")}, {Name: []byte("pod-template-hash"), Value: []byte("5d8f7c9b6")}}
	for i := range benchBatch {
		ops = append(ops, syncer.Op{Object: syncer.Object{
			Key: fmt.Appendf(nil, "shop/web-5d8f7c9b6-%09d", start+i), RV: rv, Labels: labels,
			UID:  fmt.Appendf(nil, "3f1c8a52-0000-4000-8000-%012d", start+i),
			JSON: fmt.Appendf(nil, `{"kind":"Pod","pad":"%s"}`, pad),
		}})
	}
	return ops
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N*benchBatch)/b.Elapsed().Seconds(), "objects/s")
}

// BenchmarkWrite writes batches of 500 objects of 8 KiB to a file on disk: new
// keys, then the same ones replaced. The floor cases write the same bytes with
// nothing of ours: plain inserts of a key and its JSON by database/sql, one
// transaction a batch, and one write of a file.
func BenchmarkWrite(b *testing.B) {
	b.Run("create", func(b *testing.B) { benchWrite(b, 1<<40, 1) })
	b.Run("replace", func(b *testing.B) { benchWrite(b, 20*benchBatch, 2) })
	b.Run("floor=inserts", benchInserts)
	b.Run("floor=file", benchFile)
}

// benchWrite writes over and over the keys below keys, each time with a newer version.
func benchWrite(b *testing.B, keys int, firstRV uint64) {
	s := open(b, filepath.Join(b.TempDir(), "mirror.db"), "test")
	if err := s.Prepare(b.Context(), pods); err != nil {
		b.Fatal(err)
	}
	var ops []syncer.Op
	write := func(n int, rv uint64) {
		b.StopTimer()
		ops = benchOps(ops, n*benchBatch%keys, rv)
		b.StartTimer()
		res, err := s.Write(b.Context(), pods, ops)
		if err != nil || res.Created+res.Updated != benchBatch {
			b.Fatalf("Write = %+v, %v", res, err)
		}
	}
	if firstRV > 1 {
		for n := range keys / benchBatch {
			write(n, 1)
		}
	}
	b.SetBytes(benchBatch * benchBytes)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		write(n, firstRV+uint64(n))
	}
	b.StopTimer()
	perSecond(b)
}

func benchInserts(b *testing.B) {
	db, err := sql.Open("sqlite", filepath.Join(b.TempDir(), "floor.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	for _, q := range []string{
		"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
		"CREATE TABLE pods (key TEXT PRIMARY KEY, json TEXT)",
	} {
		if _, err := db.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(benchBatch * benchBytes)
	b.ReportAllocs()
	b.ResetTimer()
	var ops []syncer.Op
	for n := 0; n < b.N; n++ {
		b.StopTimer()
		ops = benchOps(ops, n*benchBatch, 1)
		b.StartTimer()
		if err := insertAll(b.Context(), db, ops); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	perSecond(b)
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

func benchFile(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	var ops []syncer.Op
	b.SetBytes(benchBatch * benchBytes)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n++ {
		b.StopTimer()
		ops = benchOps(ops, n*benchBatch, 1)
		b.StartTimer()
		for i := range ops {
			if _, err := f.Write(ops[i].Object.JSON); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	perSecond(b)
}

// BenchmarkVersions walks 20,000 rows in chunks, as a resync does.
func BenchmarkVersions(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "mirror.db"), "test")
	if err := s.Prepare(b.Context(), pods); err != nil {
		b.Fatal(err)
	}
	const rows = 20_000
	for n := 0; n < rows; n += benchBatch {
		if _, err := s.Write(b.Context(), pods, benchOps(nil, n, 1)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	var dst []syncer.Version
	for b.Loop() {
		seen, after := 0, ""
		for seen < rows {
			var err error
			if dst, err = s.Versions(b.Context(), pods, after, "", 2000, dst[:0]); err != nil || len(dst) == 0 {
				b.Fatalf("Versions = %d rows, %v", len(dst), err)
			}
			seen, after = seen+len(dst), dst[len(dst)-1].Key
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "rows/s")
}
