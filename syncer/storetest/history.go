package storetest

import (
	"fmt"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

var historyCases = []testCase{
	{"a pause is kept until it is replaced", controlKept},
	{"runs are kept whole, and come newest first", runsKept},
	{"of the runs only the newest are kept", runsBounded},
}

func (t *tester) control(want syncer.Control) {
	t.Helper()
	got, err := t.s.Control(t.Context())
	if err != nil {
		t.Fatalf("Control: %v", err)
	}
	t.equal("control", got, want)
}

func controlKept(t *tester) {
	t.control(syncer.Control{})
	by, reason, since := "ann", "a \"quoted\" $reason.with\ttabs, ünïcode", savedAt
	paused := syncer.Control{Paused: true, By: &by, Reason: &reason, Since: &since}
	for _, c := range []syncer.Control{paused, {}, paused} {
		if err := t.s.SaveControl(t.Context(), c); err != nil {
			t.Fatalf("SaveControl: %v", err)
		}
		t.control(c)
	}
}

// aRun is one with something in every field.
func aRun(n int) syncer.Run {
	text, took := "list pods.metrics.k8s.io: $gone", int64(1234)
	start := savedAt.Add(time.Duration(n) * time.Minute)
	return syncer.Run{
		ID: fmt.Sprintf("01J%05d", n), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", Epoch: 1 << 40, Instance: "pod-a",
		Trigger: syncer.TriggerManual, Attempt: 2, Outcome: syncer.RunFailed, Partial: true,
		StartTime: start, EndTime: start.Add(time.Second), DurationMs: 1000, PausedSeconds: 0.25,
		Objects: 1 << 53, Bytes: 4194304, Error: &text,
		Steps: []syncer.RunStep{{Step: syncer.StepCleanup, DurationMs: 5}, {Step: syncer.StepSync, DurationMs: 990}},
		Resources: []syncer.RunResource{
			{Name: "pods", Namespace: "shop", Status: syncer.ResourceCompleted, Count: 800, Objects: 801, DurationMs: &took},
			{Name: "deployments.apps", Status: syncer.ResourceForbidden, Error: "forbidden"},
		},
	}
}

func (t *tester) runs(before string, limit int, want ...syncer.Run) {
	t.Helper()
	got, err := t.s.Runs(t.Context(), before, limit)
	if err != nil {
		t.Fatalf("Runs: %v", err)
	}
	t.equal(fmt.Sprintf("runs before %q, up to %d", before, limit), got, want)
}

func (t *tester) saveRun(run syncer.Run) {
	t.Helper()
	if err := t.s.SaveRun(t.Context(), run); err != nil {
		t.Fatalf("SaveRun: %v", err)
	}
}

func runsKept(t *tester) {
	t.runs("", 10)
	for _, n := range []int{1, 3, 2, 3} {
		t.saveRun(aRun(n))
	}
	t.runs("", 10, aRun(3), aRun(2), aRun(1))
	t.runs("", 2, aRun(3), aRun(2))
	t.runs(aRun(3).ID, 1, aRun(2))
	t.runs(aRun(1).ID, 1)
}

func runsBounded(t *tester) {
	for n := range syncer.MaxRuns + 3 {
		t.saveRun(aRun(n))
	}
	got, err := t.s.Runs(t.Context(), "", 1000)
	if err != nil || len(got) != syncer.MaxRuns || got[len(got)-1].ID != aRun(3).ID {
		t.Errorf("%d runs, %v; want the newest %d", len(got), err, syncer.MaxRuns)
	}
}
