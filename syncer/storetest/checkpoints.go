package storetest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

var checkpointCases = []testCase{
	{"checkpoints are kept, replaced and deleted", checkpointsKept},
	{"a checkpoint of a lower epoch is refused", staleEpoch},
	{"NextEpoch is one more than any before", nextEpoch},
	{"NextEpoch gives no epoch twice", concurrentEpochs},
}

// savedAt has no more digits than a store of milliseconds keeps.
var savedAt = time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)

// checkpoint is one of the cell that Cell.String names so.
func checkpoint(cell string, rv uint64, epoch int64) syncer.Checkpoint {
	resource, _, _ := strings.Cut(cell, "/")
	return syncer.Checkpoint{
		Cell: cell, Resource: resource, ResourceVersion: rv,
		Form: "v1;redact=on;selector=app in (a,b)", Epoch: epoch, SavedAt: savedAt,
		Kind: "Kind of " + resource, Version: "v1beta1", Namespaced: resource == "pods",
	}
}

func (t *tester) save(cps ...syncer.Checkpoint) {
	t.Helper()
	if err := t.s.SaveCheckpoints(t.Context(), cps); err != nil {
		t.Fatalf("SaveCheckpoints: %v", err)
	}
}

// checkpoints checks which there are, in any order.
func (t *tester) checkpoints(want ...syncer.Checkpoint) {
	t.Helper()
	got, err := t.s.Checkpoints(t.Context())
	if err != nil {
		t.Fatalf("Checkpoints: %v", err)
	}
	byCell := func(a, b syncer.Checkpoint) int { return cmp.Compare(a.Cell, b.Cell) }
	got = slices.SortedFunc(slices.Values(got), byCell)
	for i := range got {
		got[i].SavedAt = got[i].SavedAt.UTC()
	}
	t.equal("checkpoints", got, slices.SortedFunc(slices.Values(want), byCell))
}

func checkpointsKept(t *tester) {
	t.checkpoints()
	t.save()
	t.save(checkpoint("pods", 0, 1), checkpoint("deployments.apps/shop", 1<<62+1, 1))
	t.checkpoints(checkpoint("pods", 0, 1), checkpoint("deployments.apps/shop", 1<<62+1, 1))

	moved := checkpoint("pods", 20, 2)
	moved.Form, moved.SavedAt = "v2", savedAt.Add(time.Hour)
	t.save(moved, checkpoint("pods/a", 1, 2))
	t.checkpoints(moved, checkpoint("pods/a", 1, 2), checkpoint("deployments.apps/shop", 1<<62+1, 1))
	back := checkpoint("pods", 5, 2) // a cluster that was restored goes back
	t.save(back)
	t.checkpoints(back, checkpoint("pods/a", 1, 2), checkpoint("deployments.apps/shop", 1<<62+1, 1))

	if err := t.s.DeleteCheckpoints(t.Context(), []string{"pods", "absent"}); err != nil {
		t.Fatalf("DeleteCheckpoints: %v", err)
	}
	t.checkpoints(checkpoint("pods/a", 1, 2), checkpoint("deployments.apps/shop", 1<<62+1, 1))
}

func staleEpoch(t *tester) {
	t.save(checkpoint("pods", 10, 5))
	err := t.s.SaveCheckpoints(t.Context(), []syncer.Checkpoint{checkpoint("pods", 11, 4)})
	if !errors.Is(err, syncer.ErrStaleEpoch) {
		t.Errorf("SaveCheckpoints of a lower epoch = %v, want ErrStaleEpoch", err)
	}
	t.checkpoints(checkpoint("pods", 10, 5))
	t.save(checkpoint("pods", 11, 5))
	t.save(checkpoint("pods", 12, 6))
	t.checkpoints(checkpoint("pods", 12, 6))
}

func (t *tester) nextEpoch() int64 {
	t.Helper()
	epoch, err := t.s.NextEpoch(t.Context())
	if err != nil {
		t.Fatalf("NextEpoch: %v", err)
	}
	return epoch
}

func nextEpoch(t *tester) {
	first := t.nextEpoch()
	if first < 1 {
		t.Errorf("first epoch = %d, want 1 or more", first)
	}
	for i := range int64(3) {
		if got := t.nextEpoch(); got != first+1+i {
			t.Errorf("NextEpoch = %d, want %d", got, first+1+i)
		}
	}
}

func concurrentEpochs(t *tester) {
	const n = 8
	epochs := make([]int64, n)
	var running sync.WaitGroup
	for i := range epochs {
		running.Go(func() {
			var err error
			if epochs[i], err = t.s.NextEpoch(t.Context()); err != nil {
				t.Errorf("NextEpoch: %v", err)
			}
		})
	}
	running.Wait()
	slices.Sort(epochs)
	if len(slices.Compact(epochs)) != n {
		t.Errorf("epochs of concurrent calls = %v, want distinct ones", epochs)
	}
}
