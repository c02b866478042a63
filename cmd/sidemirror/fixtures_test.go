package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// golden compares got with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// noon is when the snapshots of the tests are made.
var noon = time.Date(2026, 1, 7, 12, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// inProgress is a run half done, with a cell for each thing that a line can tell.
func inProgress() *syncer.Status {
	return &syncer.Status{
		SchemaVersion: 1, Revision: 4711, RunID: "01JRUN", Cluster: "prod", Instance: "pod-a", ObservedAt: noon,
		Status: syncer.InProgress, State: syncer.Running, Step: syncer.StepSync,
		TotalResources: 7, SyncedResources: 1, FailedResources: 2, StartTime: ptr(noon.Add(-50 * time.Second)),
		Progress: syncer.Progress{
			Ratio: 0.547, Basis: "objects",
			Objects: syncer.Amount{Synced: 54_000, Total: ptr[int64](98_700), Estimated: true},
			Bytes:   syncer.Amount{Synced: 300 << 20, Estimated: true},
		},
		ResourceStatus: []syncer.ResourceStatus{
			{
				Resource: "Pod", Name: "pods", Status: syncer.ResourceInProgress, Phase: syncer.PhaseListing,
				Count: 50_000, Total: ptr[int64](90_000), TotalEstimated: true, Objects: 50_000,
				Counts: syncer.Counts{Created: 49_000, Updated: 10, Unchanged: 990}, Watch: syncer.Watch{State: syncer.WatchPending},
			},
			{
				Resource: "ConfigMap", Name: "configmaps", Status: syncer.ResourceCompleted, Phase: syncer.PhaseWatching,
				Count: 4_000, Total: ptr[int64](4_000), Objects: 4_000,
				Counts: syncer.Counts{Created: 3_990, Deleted: 3, Swept: 4, DeadLettered: 1}, Watch: syncer.Watch{State: syncer.WatchConnected},
			},
			{Resource: "Node", Name: "nodes", Status: syncer.ResourceInProgress, Phase: syncer.PhaseCatchingUp, Watch: syncer.Watch{State: syncer.WatchConnecting}},
			{
				Resource: "Secret", Name: "secrets", Status: syncer.ResourceForbidden, Phase: syncer.PhaseRetrying,
				Watch: syncer.Watch{State: syncer.WatchPending},
				Error: &syncer.CellError{Reason: syncer.ReasonForbidden, Message: "secrets is forbidden: User \"me\"\x1b[31m cannot\nlist resource \"secrets\" in API group \"\" at the cluster scope"},
			},
			{
				Resource: "Certificate", Name: "certificaterequests.cert-manager.io", Namespace: "shop",
				Status: syncer.ResourceNotFound, Phase: syncer.PhaseRetrying, Watch: syncer.Watch{State: syncer.WatchPending},
			},
			{Resource: "Deployment", Name: "deployments.apps", Status: syncer.ResourceNotStarted, Phase: syncer.PhasePending, Watch: syncer.Watch{State: syncer.WatchPending}},
			{
				Resource: "Event", Name: "events", Status: syncer.ResourceInProgress, Phase: syncer.PhaseListing,
				Count: 12, Total: ptr[int64](10), TotalEstimated: true, Watch: syncer.Watch{State: syncer.WatchPending},
			},
		},
	}
}

// completed is the end of the same run, in part.
func completed() *syncer.Status {
	s := inProgress()
	s.Revision += 100
	s.Status, s.State, s.Step, s.Partial = syncer.Completed, syncer.Live, syncer.StepDone, true
	s.EndTime, s.DurationMs = ptr(noon.Add(10*time.Second)), ptr[int64](60_000)
	s.SyncedResources, s.Progress.Ratio = 5, 1
	return s
}

// failed is a run that is tried again in half a minute.
func failed() *syncer.Status {
	return &syncer.Status{
		SchemaVersion: 1, Revision: 9, RunID: "01JRUN", Cluster: "prod", ObservedAt: noon,
		Status: syncer.Failed, State: syncer.Retrying, Step: syncer.StepCleanup,
		StartTime: ptr(noon.Add(-3 * time.Second)), EndTime: ptr(noon), DurationMs: ptr[int64](3_000),
		Error: ptr("connect to mongodb://me:hunter2@db/: timed out"), Retry: syncer.Retry{Attempt: 1, NextRetryAt: ptr(noon.Add(30 * time.Second))},
	}
}

func notStarted() *syncer.Status {
	return &syncer.Status{SchemaVersion: 1, Revision: 1, Cluster: "prod", Status: syncer.NotStarted, State: syncer.Idle, ObservedAt: noon}
}
