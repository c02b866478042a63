package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
)

func TestNewChecksOptions(t *testing.T) {
	for _, o := range []sqlite.Options{
		{Cluster: "test"},
		{Path: "x.db"},
		{Path: "x.db", Cluster: "test", BusyTimeout: -time.Second},
	} {
		if _, err := sqlite.New(o); err == nil {
			t.Errorf("New(%+v): no error", o)
		}
	}
}

// TestRefusesFiles checks that what isn't ours is told apart, and not changed.
func TestRefusesFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"not a database", func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("keep me "), 2000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not an SQLite database"},
		{"another application's", func(t *testing.T, path string) { execute(t, path, "CREATE TABLE theirs (a)") }, "another application"},
		{"a newer schema", func(t *testing.T, path string) {
			s := open(t, path, "test")
			fill(t, s, put("a/x", 1))
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			execute(t, path, "PRAGMA user_version = 99")
		}, "schema version 99"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			c.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, path, "test")
			wantStoreError(t, s.Prepare(t.Context(), pods), c.want)
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file has changed (%v)", err)
			}
		})
	}
}

func TestRefusesPaths(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing", "x.db"): "no such file or directory",
		filepath.Join(file, "x.db"):           "is not a directory",
		dir:                                   "is a directory",
	} {
		_, err := open(t, path, "test").NextEpoch(t.Context())
		wantStoreError(t, err, want)
	}
}

func TestNoPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := filepath.Join(t.TempDir(), "mirror.db")
	s := open(t, path, "test")
	fill(t, s, put("a/x", 1))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	wantStoreError(t, open(t, path, "test").Prepare(t.Context(), pods), "no permission to write")

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	wantStoreError(t, open(t, filepath.Join(dir, "x.db"), "test").Prepare(t.Context(), pods), "no permission")
}

func TestAnotherWriterHoldsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mirror.db")
	s, err := sqlite.New(sqlite.Options{Path: path, Cluster: "test", BusyTimeout: 30 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	fill(t, s, put("a/x", 1))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Write(t.Context(), pods, []syncer.Op{put("a/y", 1)})
	wantStoreError(t, err, "another process is writing")
	count(t, s, 1) // readers aren't held up
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	fill(t, s, put("a/y", 1))
	count(t, s, 2)
}

func TestTooLargeVersionIsRejected(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "mirror.db"), "test")
	fill(t, s)
	res, err := s.Write(t.Context(), pods, []syncer.Op{put("a/x", 1), put("a/y", math.MaxInt64+1), put("a/z", math.MaxInt64)})
	if err != nil || res.Created != 2 || len(res.Rejected) != 1 || res.Rejected[0].Index != 1 {
		t.Errorf("Write = %+v, %v, want op 1 rejected alone", res, err)
	}
	count(t, s, 2)
}

func wantStoreError(t *testing.T, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*syncer.StoreError](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v (%T), want a *syncer.StoreError with %q", err, err, want)
	}
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
