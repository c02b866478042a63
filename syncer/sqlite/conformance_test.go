package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
	"github.com/sidemirror/sidemirror/syncer/storetest"
)

var pods = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) syncer.Store {
		return open(t, filepath.Join(t.TempDir(), "mirror.db"), "test")
	})
}

func open(t testing.TB, path, cluster string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(sqlite.Options{Path: path, Cluster: cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}
