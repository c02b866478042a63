package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
)

// TestKilled ends a process in the middle of its writes. What it was told to be
// written is there, whole batches only.
func TestKilled(t *testing.T) {
	if path := os.Getenv("SIDEMIRROR_TEST_VICTIM"); path != "" {
		victim(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "mirror.db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "SIDEMIRROR_TEST_VICTIM="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := 0
	for acknowledged < 20 {
		if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
			t.Fatalf("victim: %v", err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	s := open(t, path, "test")
	n, err := s.Count(t.Context(), syncer.Cell{Resource: pods})
	if err != nil || n < int64(acknowledged*victimBatch) || n%victimBatch != 0 {
		t.Errorf("Count after the kill = %d, %v, want whole batches of %d, at least %d", n, err, victimBatch, acknowledged)
	}
	fill(t, s, put("z/new", 1))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, path, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check = %s", got)
	}
}

const victimBatch = 50

func victim(t *testing.T, path string) {
	s := open(t, path, "test")
	for b := 1; ; b++ {
		var ops []syncer.Op
		for i := range victimBatch {
			ops = append(ops, put(fmt.Sprintf("a/%d-%d", b, i), 1))
		}
		fill(t, s, ops...)
		fmt.Println(b)
	}
}

func query(t *testing.T, path, statement string) (answer string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(statement).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
