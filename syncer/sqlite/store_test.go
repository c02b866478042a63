package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

func put(key string, rv uint64) syncer.Op {
	return syncer.Op{Object: syncer.Object{
		Key: []byte(key), UID: []byte("u"), RV: rv,
		Labels: []syncer.Label{{Name: []byte("app"), Value: []byte("web")}, {Name: []byte(`q"`), Value: []byte("\\\n")}},
		JSON:   []byte(`{"kind":"Pod","spec":{"nodeName":"n1"}}`),
	}}
}

func fill(t *testing.T, s *sqlite.Store, ops ...syncer.Op) {
	t.Helper()
	if err := s.Prepare(t.Context(), pods); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), pods, ops); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s *sqlite.Store, want int64) {
	t.Helper()
	got, err := s.Count(t.Context(), syncer.Cell{Resource: pods})
	if err != nil || got != want {
		t.Errorf("Count = %d, %v, want %d", got, err, want)
	}
}

func TestNewLeavesTheDiskAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	s := open(t, path, "test")
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("file after New and Close: %v, want none", err)
	}
}

func TestRestartKeepsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "with space?and%20more.db")
	s := open(t, path, "test")
	fill(t, s, put("a/x", 1), put("a/y", 2))
	cp := syncer.Checkpoint{Cell: "pods", Resource: "pods", ResourceVersion: 2, Epoch: 1, SavedAt: time.Now().UTC()}
	if err := s.SaveCheckpoints(t.Context(), []syncer.Checkpoint{cp}); err != nil {
		t.Fatal(err)
	}
	first, err := s.NextEpoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("wal after Close: %v, want none", err)
	}

	s = open(t, path, "test")
	count(t, s, 2)
	cps, err := s.Checkpoints(t.Context())
	if d := cmp.Diff([]syncer.Checkpoint{cp}, cps); err != nil || d != "" {
		t.Errorf("checkpoints: %v (-want +got):\n%s", err, d)
	}
	if epoch, err := s.NextEpoch(t.Context()); err != nil || epoch != first+1 {
		t.Errorf("NextEpoch = %d, %v, want %d", epoch, err, first+1)
	}
}

func TestClustersShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	a, b := open(t, path, "a"), open(t, path, "b")
	fill(t, a, put("a/x", 1), put("a/y", 1))
	fill(t, b, put("a/x", 5))
	count(t, a, 2)
	count(t, b, 1)
	if err := a.Drop(t.Context(), "pods"); err != nil {
		t.Fatal(err)
	}
	count(t, b, 1)
	if err := b.Drop(t.Context(), "pods"); err != nil {
		t.Fatal(err)
	}
	fill(t, a, put("a/x", 1))
	count(t, a, 1)
}

// TestReadableInTheShell checks the columns that doc.go promises.
func TestReadableInTheShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	s := open(t, path, "test")
	fill(t, s, put("shop/x", 1))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var namespace, name, node, labels string
	err = db.QueryRow(`SELECT namespace, name, json ->> '$.spec.nodeName', (SELECT group_concat(value) FROM json_each(labels))
		FROM pods WHERE typeof(json) = 'text'`).Scan(&namespace, &name, &node, &labels)
	got := []string{namespace, name, node, labels}
	if d := cmp.Diff([]string{"shop", "x", "n1", "app=web,q\"=\\\n"}, got); err != nil || d != "" {
		t.Errorf("row: %v (-want +got):\n%s", err, d)
	}
}

// TestVersionsReadsNoJSON holds the query planner to the covering index.
func TestVersionsReadsNoJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	fill(t, open(t, path, "test"), put("a/x", 1))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var id, parent, unused int
	var plan string
	err = db.QueryRow(`EXPLAIN QUERY PLAN SELECT key, uid, rv FROM "pods" WHERE cluster = ? AND key > ? AND key < ? ORDER BY key LIMIT ?`,
		"test", "a/", "a0", 10).Scan(&id, &parent, &unused, &plan)
	if err != nil || !strings.Contains(plan, "USING COVERING INDEX pods_version") {
		t.Errorf("plan = %q, %v, want the covering index", plan, err)
	}
}

// TestCloseEndsEveryHandle counts the files that the process has open.
func TestCloseEndsEveryHandle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	s := open(t, path, "test")
	fill(t, s, put("a/x", 1))
	count(t, s, 1)
	if handles(t, path) == 0 {
		t.Skip("open files can't be counted here")
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := handles(t, path); n != 0 {
		t.Errorf("%d handles are open after Close, want none", n)
	}
}

// handles counts what the process has open of the database, Linux only.
func handles(t *testing.T, path string) (n int) {
	t.Helper()
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, l := range links {
		if target, err := os.Readlink(l); err == nil && strings.HasPrefix(target, path) {
			n++
		}
	}
	return n
}

// TestWALStaysBounded fills while a slow reader is in the middle of its rows.
func TestWALStaysBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100 MB")
	}
	path := filepath.Join(t.TempDir(), "mirror.db")
	s := open(t, path, "test")
	fill(t, s, benchOps(nil, 0, 1)...)
	started := false
	err := s.Read(t.Context(), pods, syncer.Query{Limit: 1}, func(*syncer.Object) error {
		started = true
		for n := range 25 {
			fill(t, s, benchOps(nil, n*benchBatch, 2)...)
		}
		return nil
	})
	if err != nil || !started {
		t.Fatalf("Read: %v", err)
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(64 << 20); info.Size() > limit {
		t.Errorf("WAL has %d bytes, want at most %d", info.Size(), limit)
	}
}

// schema1 is what the first version made.
const schema1 = `
CREATE TABLE _sidemirror_checkpoints (
	cluster TEXT NOT NULL, cell TEXT NOT NULL, resource TEXT NOT NULL, rv INTEGER NOT NULL,
	form TEXT NOT NULL, epoch INTEGER NOT NULL, saved_at TEXT NOT NULL,
	PRIMARY KEY (cluster, cell)) WITHOUT ROWID;
CREATE TABLE _sidemirror_meta (
	cluster TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
	PRIMARY KEY (cluster, name)) WITHOUT ROWID;
CREATE TABLE _sidemirror_resources (
	resource TEXT NOT NULL, cluster TEXT NOT NULL,
	PRIMARY KEY (resource, cluster)) WITHOUT ROWID;
INSERT INTO _sidemirror_checkpoints VALUES ('test', 'pods', 'pods', 7, 'f', 1, '2026-01-07T12:00:00Z');
PRAGMA application_id = 1396985170;
PRAGMA user_version = 1`

func TestFileOfTheFirstVersionIsUpgradedWithWhatIsInIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(schema1); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.New(sqlite.Options{Path: path, Cluster: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	cps, err := s.Checkpoints(t.Context())
	if err != nil || len(cps) != 1 || cps[0].Cell != "pods" || cps[0].ResourceVersion != 7 {
		t.Fatalf("checkpoints %+v, %v; want the one of before", cps, err)
	}
	if err := s.SaveControl(t.Context(), syncer.Control{Paused: true}); err != nil {
		t.Error(err)
	}
	if err := s.SaveCheckpoints(t.Context(), cps); err != nil {
		t.Error(err)
	}
}
