// Package ferrettest holds package mongo against FerretDB, which someone else has
// written: a second opinion on whether our commands are well-formed and mean what
// we think. It is a module of its own, for FerretDB's dependencies' sake.
//
// FerretDB 1.24 keeps what follows small: an update of 100 or more documents
// hangs it, and an error of one write ends an unordered command.
package ferrettest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/mongo"
)

var pods = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}

// open starts a FerretDB that ends with the test, and a store on it.
func open(t *testing.T, o mongo.Options) *mongo.Store {
	t.Helper()
	db, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + t.TempDir() + "/?_pragma=synchronous(normal)",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	o.URI, o.Cluster, o.Timeout = db.MongoDBURI(), "test", time.Minute
	s, err := mongo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
		cancel()
		<-done
	})
	return s
}

func put(key string, rv uint64) syncer.Op {
	return syncer.Op{Object: syncer.Object{
		Key: []byte(key), UID: []byte("u-" + key), RV: rv,
		Labels: []syncer.Label{{Name: []byte("app.kubernetes.io/name"), Value: []byte("web")}},
		JSON:   fmt.Appendf(nil, `{"kind":"Pod","metadata":{"labels":{"app.kubernetes.io/name":"web"},"n":%d},"spec":{"f":0.5,"l":[1,"a"]}}`, rv),
	}}
}

func write(t *testing.T, s *mongo.Store, want string, ops ...syncer.Op) {
	t.Helper()
	got, err := s.Write(t.Context(), pods, ops)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	if text := fmt.Sprintf("%+v", got); text != want {
		t.Errorf("Write = %s, want %s", text, want)
	}
}

func versions(t *testing.T, s *mongo.Store, after, before string, limit int) string {
	t.Helper()
	rows, err := s.Versions(t.Context(), pods, after, before, limit, nil)
	if err != nil {
		t.Fatalf("Versions: %v", err)
	}
	var all []string
	for _, r := range rows {
		all = append(all, fmt.Sprintf("%s@%d", r.Key, r.RV))
	}
	return strings.Join(all, " ")
}

func TestKeysThatFerretDBTakes(t *testing.T) {
	plain := open(t, mongo.Options{})
	if keys, err := plain.Probe(t.Context()); err != nil || keys != mongo.KeysEscaped {
		t.Errorf("Probe = %s, %v, want escaped", keys, err)
	}
	if err := plain.Prepare(t.Context(), pods); err == nil || !strings.Contains(err.Error(), "--mongo-keys escaped") {
		t.Errorf("Prepare = %v, want it to name the option", err)
	}
}

func TestGuards(t *testing.T) {
	s := open(t, mongo.Options{Keys: mongo.KeysEscaped, BatchOps: 1})
	for range 2 {
		if err := s.Prepare(t.Context(), pods); err != nil {
			t.Fatalf("Prepare: %v", err)
		}
	}
	remove := syncer.Op{Delete: true, Object: syncer.Object{Key: []byte("a/y"), RV: 9}}
	forced := put("a/x", 3)
	forced.Force = true
	write(t, s, "{Created:2 Updated:0 Deleted:0 Stale:0 Rejected:[]}", put("a/x", 10), put("a/y", 10))
	write(t, s, "{Created:0 Updated:1 Deleted:0 Stale:3 Rejected:[]}", put("a/y", 10), put("a/y", 9), put("a/x", 11), remove)
	write(t, s, "{Created:0 Updated:1 Deleted:0 Stale:0 Rejected:[]}", forced)
	remove.Object.RV = 10
	write(t, s, "{Created:0 Updated:0 Deleted:1 Stale:0 Rejected:[]}", remove)
	if got := versions(t, s, "", "", 10); got != "a/x@3" {
		t.Errorf("rows = %s", got)
	}
}

func TestRowsComeBack(t *testing.T) {
	s := open(t, mongo.Options{Keys: mongo.KeysEscaped, BatchOps: 40})
	if err := s.Prepare(t.Context(), pods); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	var ops []syncer.Op
	for i := range 200 {
		ops = append(ops, put(fmt.Sprintf("ns%d/%03d", i%2, i), 7))
	}
	write(t, s, "{Created:200 Updated:0 Deleted:0 Stale:0 Rejected:[]}", ops...)
	if err := s.FinishFill(t.Context(), pods); err != nil {
		t.Fatalf("FinishFill: %v", err)
	}
	if got, want := versions(t, s, "ns0/004", "ns0/010", 2), "ns0/006@7 ns0/008@7"; got != want {
		t.Errorf("Versions = %s, want %s", got, want)
	}
	if n, err := s.Count(t.Context(), syncer.Cell{Resource: pods, Namespace: "ns1"}); err != nil || n != 100 {
		t.Errorf("Count = %d, %v, want 100", n, err)
	}
	rows := 0
	err := s.Read(t.Context(), pods, syncer.Query{Limit: 500}, func(o *syncer.Object) error {
		if want := put(string(o.Key), 7).Object; string(o.JSON) != string(want.JSON) || string(o.UID) != string(want.UID) {
			t.Errorf("%s comes back as %s, want %s", o.Key, o.JSON, want.JSON)
		}
		rows++
		return nil
	})
	if err != nil || rows != 200 {
		t.Errorf("Read yields %d rows, %v, want 200", rows, err)
	}
	if names, err := s.Resources(t.Context()); err != nil || fmt.Sprint(names) != "[pods]" {
		t.Errorf("Resources = %v, %v", names, err)
	}
	if err := s.Drop(t.Context(), "pods"); err != nil {
		t.Fatalf("Drop: %v", err)
	}
	if got := versions(t, s, "", "", 10); got != "" {
		t.Errorf("rows after Drop = %s", got)
	}
}

func TestQueries(t *testing.T) {
	s := open(t, mongo.Options{Keys: mongo.KeysEscaped, BatchOps: 40})
	var ops []syncer.Op
	for key, labels := range map[string]string{"a/x": "app=web a.b/c=1", "a/y": "app=web-1", "b/x": "aXb/c=1", "b/y": ""} {
		op := put(key, 1)
		op.Object.JSON = fmt.Appendf(nil, `{"metadata":{"name":%q}}`, key[2:])
		op.Object.Labels = nil
		for _, l := range strings.Fields(labels) {
			name, value, _ := strings.Cut(l, "=")
			op.Object.Labels = append(op.Object.Labels, syncer.Label{Name: []byte(name), Value: []byte(value)})
		}
		ops = append(ops, op)
	}
	write(t, s, "{Created:4 Updated:0 Deleted:0 Stale:0 Rejected:[]}", ops...)
	label := func(name string, op syncer.LabelOp, values ...string) syncer.LabelRequirement {
		return syncer.LabelRequirement{Name: name, Op: op, Values: values}
	}
	for want, q := range map[string]syncer.Query{
		"a/x a/y b/x b/y": {},
		"b/x":             {Key: "b/x"},
		"a/x b/x":         {Name: "x"},
		"a/x a/y":         {Labels: []syncer.LabelRequirement{label("app", syncer.LabelIn, "web", "web-1")}},
		"a/y b/x b/y":     {Labels: []syncer.LabelRequirement{label("app", syncer.LabelNotIn, "web")}},
		"a/x":             {Labels: []syncer.LabelRequirement{label("a.b/c", syncer.LabelExists), label("app", syncer.LabelExists)}},
		"b/y":             {Labels: []syncer.LabelRequirement{label("app", syncer.LabelDoesNotExist), label("aXb/c", syncer.LabelDoesNotExist)}},
	} {
		q.Limit = 10
		var keys []string
		err := s.Read(t.Context(), pods, q, func(o *syncer.Object) error {
			keys = append(keys, string(o.Key))
			return nil
		})
		if got := strings.Join(keys, " "); err != nil || got != want {
			t.Errorf("%+v reads %s, %v, want %s", q, got, err, want)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	s := open(t, mongo.Options{Keys: mongo.KeysEscaped})
	for want := range int64(3) {
		if got, err := s.NextEpoch(t.Context()); err != nil || got != want+1 {
			t.Errorf("NextEpoch = %d, %v, want %d", got, err, want+1)
		}
	}
	cp := syncer.Checkpoint{Cell: "pods", Resource: "pods", ResourceVersion: 5, Form: "f", Epoch: 2, SavedAt: time.UnixMilli(5).UTC()}
	for range 2 {
		if err := s.SaveCheckpoints(t.Context(), []syncer.Checkpoint{cp}); err != nil {
			t.Fatal(err)
		}
	}
	old := cp
	old.Epoch = 1
	if err := s.SaveCheckpoints(t.Context(), []syncer.Checkpoint{old}); err == nil || !strings.Contains(err.Error(), syncer.ErrStaleEpoch.Error()) {
		t.Errorf("SaveCheckpoints of a lower epoch = %v, want ErrStaleEpoch", err)
	}
	got, err := s.Checkpoints(t.Context())
	if err != nil || len(got) != 1 || !got[0].SavedAt.Equal(cp.SavedAt) || got[0].Epoch != 2 {
		t.Errorf("Checkpoints = %+v, %v", got, err)
	}
	if err := s.DeleteCheckpoints(t.Context(), []string{"pods", "none"}); err != nil {
		t.Error(err)
	}
	if got, err := s.Checkpoints(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Checkpoints after the delete = %+v, %v", got, err)
	}
}
