package pagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// stage shows documents that a test writes, in the real page, and streams what the
// test sends: the contract of the events, without the code that keeps it.
type stage struct {
	url     string
	handler http.Handler
	runs    []syncer.Run

	mu       sync.Mutex
	status   *syncer.Status           // guarded by mu
	streams  map[chan string]struct{} // guarded by mu
	opened   int                      // streams so far; guarded by mu
	refusing int                      // the code that answers streams, 0 serves them; guarded by mu
	received []string                 // bodies of commands; guarded by mu
	commands http.HandlerFunc         // answers commands
}

func newStage(t *testing.T, s *syncer.Status, runs ...syncer.Run) *stage {
	t.Helper()
	g := &stage{status: s, runs: runs, streams: map[chan string]struct{}{}}
	inner := api.NewHandler(api.Options{Status: g.current, History: g})
	g.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v1/sync/events":
			g.events(w, r)
		case r.Method == http.MethodPost && g.commands != nil:
			g.commands(w, r)
		default:
			inner.ServeHTTP(w, r)
		}
	})
	g.url = "http://" + listen(t, "127.0.0.1:0", g.handler).address + "/"
	return g
}

func (g *stage) current() *syncer.Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

// set replaces the document, and tells nobody.
func (g *stage) set(s *syncer.Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status = s
}

// send streams one event to everybody.
func (g *stage) send(kind, data string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.streams {
		c <- fmt.Sprintf("event: %s\nid: 1-x\ndata: %s\n\n", kind, strings.ReplaceAll(data, "\n", ""))
	}
}

// refuse ends the streams, and answers further ones with code; 0 serves them.
func (g *stage) refuse(code int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusing = code
	for c := range g.streams {
		close(c)
		delete(g.streams, c)
	}
}

func (g *stage) openedStreams() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened
}

// join counts a stream in, unless streams are refused.
func (g *stage) join() (chan string, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusing != 0 {
		return nil, g.refusing
	}
	c := make(chan string, 100)
	g.opened++
	g.streams[c] = struct{}{}
	return c, 0
}

func (g *stage) events(w http.ResponseWriter, r *http.Request) {
	c, code := g.join()
	if code != 0 {
		http.Error(w, "no stream", code)
		return
	}
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.streams, c)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "retry: 200\n\nevent: snapshot\nid: 1-x\ndata: %s\n\n", g.snapshot())
	flush := http.NewResponseController(w)
	for {
		if flush.Flush() != nil {
			return
		}
		select {
		case text, ok := <-c:
			if !ok {
				return
			}
			fmt.Fprint(w, text)
		case <-r.Context().Done():
			return
		}
	}
}

func (g *stage) got(body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.received = append(g.received, body)
}

// awaitGot waits for a command with this body.
func (g *stage) awaitGot(t *testing.T, want string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		g.mu.Lock()
		received := slices.Clone(g.received)
		g.mu.Unlock()
		if slices.Contains(received, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("commands %q, want %q", received, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// snapshot is the document as the API shows it, in its envelope.
func (g *stage) snapshot() string {
	w := httptest.NewRecorder()
	api.NewHandler(api.Options{Status: g.current}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/v1/sync/status", nil))
	text, err := json.Marshal(map[string]any{"type": "snapshot", "revision": g.current().Revision, "status": json.RawMessage(w.Body.Bytes())})
	if err != nil {
		panic(err) // a document is JSON
	}
	return string(text)
}

func ptr[T any](v T) *T { return &v }

// running is a document in the middle of a first run.
func running() *syncer.Status {
	now := time.Now().UTC().Truncate(time.Millisecond)
	start := now.Add(-50 * time.Second)
	s := &syncer.Status{
		SchemaVersion: 1, Revision: 4711, Epoch: 7, RunID: "01JH0V8M3Q9XK2T4Z6B8D0F2GA", ObservedAt: now, Cluster: "prod-eu-1", Instance: "shop-7d9f5-x2x4k",
		Role: syncer.Leader, Trigger: syncer.TriggerStartup, Status: syncer.InProgress, State: syncer.Running, Step: syncer.StepSync,
		Progress: syncer.Progress{
			Ratio: 0.54, Basis: syncer.BasisObjects, Objects: syncer.Amount{Synced: 26_431, Total: ptr(int64(48_950)), Estimated: true},
			Bytes: syncer.Amount{Synced: 214_748_364, Estimated: true},
		},
		ETA:       &syncer.ETA{Seconds: 42, CompletesAt: now.Add(42 * time.Second), Confidence: syncer.ConfidenceMedium},
		StartTime: &start, LastProgressAt: &now, ActiveSeconds: 50,
		StepStatus: []syncer.StepStatus{
			{Step: syncer.StepCleanup, StartTime: start, EndTime: ptr(start.Add(1200 * time.Millisecond))},
			{Step: syncer.StepSync, StartTime: start.Add(1200 * time.Millisecond)},
		},
		AllowedActions: []syncer.Action{syncer.ActionPause, syncer.ActionCancel},
	}
	for i, kind := range []string{"Namespace", "Node", "Pod", "Service", "ConfigMap", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Ingress"} {
		group := []string{"", "", "", "", "", "apps", "apps", "apps", "batch", "batch", "networking.k8s.io"}[i]
		name := []string{"namespaces", "nodes", "pods", "services", "configmaps", "deployments.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch", "ingresses.networking.k8s.io"}[i]
		r := syncer.ResourceStatus{Resource: kind, Name: name, Group: group, Version: "v1", Namespaced: i > 1, Status: syncer.ResourceNotStarted, Phase: syncer.PhasePending,
			Watch: syncer.Watch{State: syncer.WatchPending}}
		switch {
		case i < 2 || i == 3:
			r.Status, r.Phase, r.Count, r.Objects, r.Total = syncer.ResourceCompleted, syncer.PhaseWatching, 120, 120, ptr(int64(120))
			r.Created, r.Watch = 120, connected(now)
		case i < 6:
			r.Status, r.Phase, r.Count, r.Total, r.TotalEstimated = syncer.ResourceInProgress, syncer.PhaseListing, int64(8000*(i-1)), ptr(int64(20_000*(i-1))), true
			r.Created, r.StartTime = r.Count, &start
		}
		s.ResourceStatus = append(s.ResourceStatus, r)
	}
	s.TotalResources, s.SyncedResources = 11, 3
	return s
}

func connected(now time.Time) syncer.Watch {
	return syncer.Watch{State: syncer.WatchConnected, LagSeconds: ptr(0.0), LastEventAt: ptr(now.Add(-3 * time.Second))}
}

// live is a document of a mirror that follows everything.
func live() *syncer.Status {
	s := running()
	now := s.ObservedAt
	s.Status, s.State, s.Step, s.ETA = syncer.Completed, syncer.Live, syncer.StepDone, nil
	s.Progress.Ratio, s.Progress.TotalsFinal = 1, true
	s.EndTime, s.DurationMs, s.InitialSyncComplete, s.LastSuccessAt = &now, ptr(int64(50_000)), true, &now
	s.StepStatus[1].EndTime = ptr(now.Add(-2 * time.Second))
	s.StepStatus = append(s.StepStatus, syncer.StepStatus{Step: syncer.StepInformer, StartTime: now.Add(-2 * time.Second), EndTime: &now},
		syncer.StepStatus{Step: syncer.StepDone, StartTime: now})
	s.AllowedActions = []syncer.Action{syncer.ActionStart, syncer.ActionPause}
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		r.Status, r.Phase, r.Objects, r.Watch = syncer.ResourceCompleted, syncer.PhaseWatching, max(r.Count, 40), connected(now)
		r.Updated = int64(i * 3)
	}
	s.SyncedResources = s.TotalResources
	return s
}

// troubled is a live document in which much isn't well, and whose texts are hostile.
func troubled() *syncer.Status {
	s := live()
	now := s.ObservedAt
	s.Partial, s.FailedResources, s.SyncedResources = true, 2, 9
	s.AllowedActions = append(s.AllowedActions, syncer.ActionRetry)
	secret := &s.ResourceStatus[4]
	secret.Status, secret.Phase, secret.Attempt, secret.NextRetryAt = syncer.ResourceForbidden, syncer.PhaseRetrying, 4, ptr(now.Add(95*time.Second))
	secret.Error = &syncer.CellError{Reason: syncer.ReasonForbidden, Time: now, Message: hostile}
	secret.Watch = syncer.Watch{State: syncer.WatchBroken}
	ingress := &s.ResourceStatus[10]
	ingress.Status, ingress.Phase, ingress.Attempt, ingress.NextRetryAt = syncer.ResourceNotFound, syncer.PhaseRetrying, 1, ptr(now.Add(20*time.Second))
	ingress.Error = &syncer.CellError{Reason: syncer.ReasonNotFound, Time: now, Message: "list ingresses.networking.k8s.io: the server could not find the requested resource"}
	ingress.Watch = syncer.Watch{State: syncer.WatchPending}
	pods := &s.ResourceStatus[2]
	pods.DeadLettered = 2
	pods.DeadLetters = []syncer.DeadLetter{
		{Key: "shop/" + hostile, ResourceVersion: 1, Error: "document is larger than 16 MiB", Time: now},
		{Key: "shop/huge", ResourceVersion: 2, Error: hostile, Time: now},
	}
	s.ResourceStatus[5].Watch.LagSeconds = ptr(7.4)
	s.Warnings = []syncer.Warning{{Code: syncer.WarnStoreSlow, Resource: "pods", Message: "the watch was closed until the store has caught up " + hostile, Since: now}}
	return s
}

const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"'&amp;` + "\u202e" + `{{7*7}} averylongwordwithoutanyspacethatgoesonandonandonandonandonandonandonandonandonandonandon`

// pastRuns are runs of every outcome, the newest first.
func pastRuns(n int) []syncer.Run {
	var runs []syncer.Run
	now := time.Now().UTC()
	for i := range n {
		start := now.Add(-time.Duration(i+1) * 7 * time.Hour)
		run := syncer.Run{
			ID: fmt.Sprintf("01J%023d", n-i), Trigger: syncer.TriggerStartup, Outcome: syncer.RunCompleted, StartTime: start,
			DurationMs: int64(42_000 + (i*7919)%23_000), Objects: 48_950 - int64(i*13), Steps: []syncer.RunStep{}, Resources: []syncer.RunResource{},
		}
		switch i % 9 {
		case 3:
			run.Outcome, run.DurationMs, run.Error = syncer.RunFailed, 12_400, ptr("list pods: Get \"https://10.0.0.1:443/api/v1/pods\": connection refused "+hostile)
		case 5:
			run.Partial, run.Resources = true, []syncer.RunResource{{Name: "secrets", Error: "secrets is forbidden"}}
		case 7:
			run.Outcome, run.DurationMs, run.Trigger, run.Error = syncer.RunCancelled, 31_000, syncer.TriggerManual, ptr("cancelled: maintenance")
		}
		run.EndTime = start.Add(time.Duration(run.DurationMs) * time.Millisecond)
		runs = append(runs, run)
	}
	return runs
}

// Runs makes the stage its own history.
func (g *stage) Runs(context.Context, string, int) ([]syncer.Run, error) {
	return slices.Clone(g.runs), nil
}

// awaitStreams waits until so many streams are open.
func (g *stage) awaitStreams(t *testing.T, want int) {
	t.Helper()
	g.awaitCount(t, "streams that are open", want, func() int { return len(g.streams) })
}

// awaitOpened waits until so many streams have been opened.
func (g *stage) awaitOpened(t *testing.T, want int) {
	t.Helper()
	g.awaitCount(t, "streams that were opened", want, func() int { return g.opened })
}

func (g *stage) awaitCount(t *testing.T, what string, want int, count func() int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		g.mu.Lock()
		n := count()
		g.mu.Unlock()
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, want %d", what, n, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
