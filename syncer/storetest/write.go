package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/sidemirror/sidemirror/syncer"
)

var writeCases = []testCase{
	{"a replace is guarded by the version", replaceGuarded},
	{"a delete is guarded by the version", deleteGuarded},
	{"a delete of an absent row is stale", deleteAbsent},
	{"an object is created again after its delete", recreate},
	{"Force writes over a newer row", forceOverNewer},
	{"a result accounts for every op", mixedBatch},
	{"a refused object leaves its neighbours alone", refusedObject},
	{"a repeated batch changes nothing", repeatedBatch},
	{"an empty batch is no error", func(t *tester) { t.prepare(pods); t.wrote(syncer.WriteResult{}) }},
	{"a large batch is written whole", largeBatch},
	{"the slices of ops aren't kept", slicesNotKept},
	{"writes of distinct keys may run side by side", concurrentWrites},
	{"Prepare and FinishFill are idempotent and remove nothing", prepareAgain},
	{"two resources don't mix", twoResources},
	{"a cancelled context ends every call", cancelled},
	{"calls after Close fail", closed},
}

func replaceGuarded(t *tester) {
	t.prepare(pods)
	t.wrote(syncer.WriteResult{Created: 1}, put("a/x", 10))
	t.wrote(syncer.WriteResult{Stale: 1}, put("a/x", 10))
	t.wrote(syncer.WriteResult{Stale: 1}, put("a/x", 9))
	t.rows(pods, version("a/x", 10))
	newer := put("a/x", 11)
	newer.Object.UID = []byte("another")
	t.wrote(syncer.WriteResult{Updated: 1}, newer)
	t.rows(pods, syncer.Version{Key: "a/x", UID: "another", RV: 11})
	sameJSON(t, t.read(pods, "", "", 10)[0].JSON, newer.Object.JSON)
	t.count(pods, "", 1)
}

func deleteGuarded(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/same", 10), put("a/newer", 11), put("a/older", 9))
	t.wrote(syncer.WriteResult{Deleted: 2, Stale: 1}, remove("a/same", 10), remove("a/newer", 10), remove("a/older", 10))
	t.rows(pods, version("a/newer", 11))
}

func deleteAbsent(t *tester) {
	t.prepare(pods)
	t.wrote(syncer.WriteResult{Stale: 2}, remove("a/x", 10), force(remove("a/y", 10)))
	t.rows(pods)
}

func recreate(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/x", 10))
	t.wrote(syncer.WriteResult{Deleted: 1}, remove("a/x", 12))
	t.wrote(syncer.WriteResult{Created: 1}, put("a/x", 13))
	t.wrote(syncer.WriteResult{Stale: 1}, remove("a/x", 12))
	t.rows(pods, version("a/x", 13))
}

func forceOverNewer(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/replaced", 100), put("a/same", 7), put("a/deleted", 100))
	t.wrote(syncer.WriteResult{Updated: 2, Created: 1, Deleted: 1},
		force(put("a/replaced", 5)), force(put("a/same", 7)), force(put("a/fresh", 6)), force(remove("a/deleted", 5)))
	t.rows(pods, version("a/fresh", 6), version("a/replaced", 5), version("a/same", 7))
}

func mixedBatch(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/updated", 1), put("a/stale", 9), put("a/deleted", 1), put("a/kept", 9))
	t.wrote(syncer.WriteResult{Created: 2, Updated: 1, Deleted: 1, Stale: 3},
		put("a/new1", 5), put("a/updated", 5), remove("a/deleted", 5), put("a/stale", 5),
		remove("a/absent", 5), put("a/new2", 5), remove("a/kept", 5))
	t.rows(pods, version("a/kept", 9), version("a/new1", 5), version("a/new2", 5),
		version("a/stale", 9), version("a/updated", 5))
}

// refusedObject doesn't say whether a store takes the object: only that its
// neighbours are written, and that it is either there or rejected.
func refusedObject(t *tester) {
	t.prepare(pods)
	odd := put("a/odd", 2)
	odd.Object.JSON = []byte(`{"kind":"Pod","data":{"a\u0000b":"x"}}`)
	ops := []syncer.Op{put("a/before", 1), odd, put("a/then", 3)}
	res := t.write(pods, ops...)
	want := []syncer.Version{version("a/before", 1), version("a/odd", 2), version("a/then", 3)}
	if len(res.Rejected) > 0 {
		if r := res.Rejected[0]; len(res.Rejected) != 1 || r.Index != 1 || r.Err == nil {
			t.Errorf("Rejected = %+v, want index 1 with its reason", res.Rejected)
		}
		want = []syncer.Version{want[0], want[2]}
	}
	t.rows(pods, want...)
}

func repeatedBatch(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/updated", 1), put("a/deleted", 1))
	ops := []syncer.Op{put("a/new", 5), put("a/updated", 5), remove("a/deleted", 5)}
	t.wrote(syncer.WriteResult{Created: 1, Updated: 1, Deleted: 1}, ops...)
	t.wrote(syncer.WriteResult{Stale: 3}, ops...)
	t.rows(pods, version("a/new", 5), version("a/updated", 5))
}

func largeBatch(t *tester) {
	t.prepare(pods)
	const n = 5000
	ops := make([]syncer.Op, n)
	want := make([]syncer.Version, n)
	for i := range ops {
		key := fmt.Sprintf("a/%05d", i)
		// The batch isn't in the order of keys.
		ops[(i*7)%n], want[i] = put(key, uint64(i+1)), version(key, uint64(i+1))
	}
	t.wrote(syncer.WriteResult{Created: n}, ops...)
	t.rows(pods, want...)
	for i := range ops {
		ops[i].Object.RV += n
		ops[i].Delete = i%2 == 0
	}
	t.wrote(syncer.WriteResult{Updated: n / 2, Deleted: n / 2}, ops...)
	t.count(pods, "", n/2)
}

func slicesNotKept(t *tester) {
	t.prepare(pods)
	op := put("a/x", 10)
	json := string(op.Object.JSON)
	t.write(pods, op)
	clear(op.Object.Key)
	clear(op.Object.UID)
	clear(op.Object.JSON)
	t.rows(pods, version("a/x", 10))
	sameJSON(t, t.read(pods, "", "", 10)[0].JSON, []byte(json))
}

func concurrentWrites(t *tester) {
	t.prepare(pods, nodes)
	const writers, batches, each = 6, 10, 20
	var running sync.WaitGroup
	for w := range writers {
		r := pods
		if w%2 == 1 {
			r = nodes
		}
		running.Go(func() {
			for b := range batches {
				ops := make([]syncer.Op, each)
				for i := range ops {
					ops[i] = put(fmt.Sprintf("ns%d/%d-%d", w, b, i), 1)
				}
				res, err := t.s.Write(t.Context(), r, ops)
				if err != nil || res.Created != each {
					t.Errorf("Write = %+v, %v, want %d created", res, err, each)
					return
				}
				if _, err := t.s.Versions(t.Context(), r, "", "", 50, nil); err != nil {
					t.Errorf("Versions beside writes: %v", err)
				}
			}
		})
	}
	running.Wait()
	t.count(pods, "", writers/2*batches*each)
	t.count(nodes, "", writers/2*batches*each)
	t.count(pods, "ns2", batches*each)
}

func prepareAgain(t *tester) {
	t.prepare(pods, pods)
	t.write(pods, put("a/x", 1))
	for range 2 {
		t.prepare(pods)
		if err := t.s.FinishFill(t.Context(), pods); err != nil {
			t.Fatalf("FinishFill: %v", err)
		}
	}
	t.rows(pods, version("a/x", 1))
	t.wrote(syncer.WriteResult{Created: 1, Updated: 1}, put("a/x", 2), put("a/y", 2))
}

func twoResources(t *tester) {
	t.prepare(pods, podMetrics, deployments)
	t.write(pods, put("a/x", 1), put("a/y", 2))
	t.write(podMetrics, put("a/x", 3))
	t.wrote(syncer.WriteResult{Deleted: 1}, remove("a/y", 2))
	t.rows(pods, version("a/x", 1))
	t.rows(podMetrics, version("a/x", 3))
	t.rows(deployments)
	t.count(podMetrics, "", 1)
	t.count(deployments, "", 0)
	if n := len(t.read(deployments, "", "", 10)); n != 0 {
		t.Errorf("Read of an empty resource yields %d rows", n)
	}
}

// calls is every method but Close, as one that a context can end.
func (t *tester) calls() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Prepare":    func(ctx context.Context) error { return t.s.Prepare(ctx, deployments) },
		"FinishFill": func(ctx context.Context) error { return t.s.FinishFill(ctx, pods) },
		"Resources":  func(ctx context.Context) error { _, err := t.s.Resources(ctx); return err },
		"Drop":       func(ctx context.Context) error { return t.s.Drop(ctx, "pods") },
		"Versions": func(ctx context.Context) error {
			_, err := t.s.Versions(ctx, pods, "", "", 10, nil)
			return err
		},
		"Write": func(ctx context.Context) error {
			_, err := t.s.Write(ctx, pods, []syncer.Op{put("a/late", 9)})
			return err
		},
		"Count": func(ctx context.Context) error { _, err := t.s.Count(ctx, syncer.Cell{Resource: pods}); return err },
		"Read": func(ctx context.Context) error {
			return t.s.Read(ctx, pods, syncer.Query{Limit: 10}, func(*syncer.Object) error { return nil })
		},
		"Checkpoints": func(ctx context.Context) error { _, err := t.s.Checkpoints(ctx); return err },
		"SaveCheckpoints": func(ctx context.Context) error {
			return t.s.SaveCheckpoints(ctx, []syncer.Checkpoint{checkpoint("pods", 1, 1)})
		},
		"DeleteCheckpoints": func(ctx context.Context) error { return t.s.DeleteCheckpoints(ctx, []string{"pods"}) },
		"NextEpoch":         func(ctx context.Context) error { _, err := t.s.NextEpoch(ctx); return err },
	}
}

func cancelled(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/x", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := t.calls()
	delete(calls, "FinishFill") // may have nothing to do
	delete(calls, "Prepare")
	for name, call := range calls {
		if err := call(ctx); err == nil {
			t.Errorf("%s with a cancelled context: no error", name)
		} else {
			t.storeErr(name, err)
		}
	}
	t.write(pods, put("a/y", 1)) // the store is still good
}

func closed(t *tester) {
	t.prepare(pods)
	t.write(pods, put("a/x", 1))
	if err := t.s.Close(t.Context()); err != nil {
		t.Fatalf("Close: %v", err)
	}
	for name, call := range t.calls() {
		if name == "FinishFill" {
			continue // may have nothing to do
		}
		if err := call(t.Context()); err == nil {
			t.Errorf("%s after Close: no error", name)
		}
	}
}
