package main_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

// control runs a command that controls the daemon, waits until it took effect,
// and returns what it printed.
func (d *daemon) control(args ...string) string {
	d.t.Helper()
	out, err := d.tryControl(append(args, "--wait", "--timeout", "60s")...)
	if err != nil {
		d.t.Fatalf("sidemirror %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (d *daemon) tryControl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 70*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, d.path, append(args, "--server", d.server)...).CombinedOutput()
	return string(out), err
}

// store is where the daemon mirrors to, as --store has it.
func (d *daemon) store() string { return d.args[slices.Index(d.args, "--store")+1] }

// runs are the past runs as sidemirror history tells them, the newest first.
func (d *daemon) runs() []syncer.Run {
	d.t.Helper()
	out, err := exec.Command(d.path, "history", "-o", "json", "--server", d.server).Output()
	if err != nil {
		d.t.Fatalf("sidemirror history: %v", err)
	}
	var history struct{ Runs []syncer.Run }
	if err := json.Unmarshal(out, &history); err != nil {
		d.t.Fatal(err)
	}
	return history.Runs
}

// outcomes are the runs in words, "startup completed", the oldest first.
func outcomes(runs []syncer.Run) string {
	var words []string
	for _, run := range runs {
		words = append(words, string(run.Trigger)+" "+string(run.Outcome))
	}
	slices.Reverse(words)
	return strings.Join(words, ", ")
}

func isPaused(s *syncer.Status) bool { return s.State == syncer.Paused }

// listCount counts the lists of Pods that somebody else than a test's own load made.
type listCount struct {
	t     *testing.T
	c     *kubetest.Cluster
	load  float64
	since float64
}

func countLists(t *testing.T, c *kubetest.Cluster) *listCount {
	return &listCount{t: t, c: c, since: c.RequestCount(t.Context(), "LIST", "pods")}
}

// churn changes the cluster, for which it lists what is there.
func (l *listCount) churn(args ...string) {
	before := l.c.RequestCount(l.t.Context(), "LIST", "pods")
	l.c.Churn(args...)
	l.load += l.c.RequestCount(l.t.Context(), "LIST", "pods") - before
}

func (l *listCount) count() float64 {
	return l.c.RequestCount(l.t.Context(), "LIST", "pods") - l.since - l.load
}

// pausedThroughRestarts pauses a mirror, changes the cluster, ends the daemon in
// both ways, and resumes: nothing is mirrored in between, and all of it after.
func pausedThroughRestarts(t *testing.T, c *kubetest.Cluster, d *daemon) {
	d.start()
	d.waitCompleted()
	if out := d.control("pause", "--reason", "maintenance"); !strings.Contains(out, "paused: maintenance (operation 01") {
		t.Errorf("pause printed %q", out)
	}
	before := resource(d.status(), "pods")
	lists := countLists(t, c)
	lists.churn("--rate", "0", "--count", "300")
	for i, end := range []func(){d.stop, d.kill} {
		end()
		d.start()
		d.waitFor("paused again after the restart", isPaused)
		s := d.status()
		if s.Control.Reason == nil || *s.Control.Reason != "maintenance" || s.Status != syncer.InProgress {
			t.Errorf("restart %d: status %s, %+v, want a run that is paused for maintenance", i, s.Status, s.Control)
		}
		lists.churn("--rate", "0", "--count", "100", "--seed", string(rune('2'+i)))
		if s := d.status(); !isPaused(s) || resource(s, "pods").Received != 0 {
			t.Errorf("restart %d: state %s with %d Pods read, want paused with none", i, s.State, resource(s, "pods").Received)
		}
	}
	if out, err := d.tryControl("pause"); err == nil || !strings.Contains(out, "possible now: resume") {
		t.Errorf("a second pause: got %v and %q, want it refused with what is possible", err, out)
	}
	d.control("resume")
	d.waitCompleted()
	if got := lists.count(); got != 0 {
		t.Errorf("Pods were listed %v times, want none: the checkpoint outlasts a pause", got)
	}
	d.verify()
	after := resource(d.status(), "pods")
	if after.Events.Added+after.Events.Modified+after.Events.Deleted == 0 || after.ResourceVersion == before.ResourceVersion {
		t.Errorf("after the pause at version %s with %+v, want what changed meanwhile", after.ResourceVersion, after.Events)
	}
}

func TestPauseOutlastsRestartsAndLosesNothing(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "500", "--mixed", "100")
	d := newDaemon(t, c)
	pausedThroughRestarts(t, c, d)
	if got, want := outcomes(d.runs()), "startup completed, startup completed"; got != want {
		t.Errorf("the history has %s, want %s: a run that a restart cut off has no outcome", got, want)
	}
	d.stop()
}

func TestMongoDBPauseOutlastsRestartsAndLosesNothing(t *testing.T) {
	c, server := kubetest.Start(t), mongotest.Start(t)
	c.Fill("--pods", "200")
	d := newMongoDaemon(t, c, server)
	pausedThroughRestarts(t, c, d)
	d.stop()
}

// A pause that comes while the mirror is live lets the watches go on from where
// they ended.
func TestPauseOfALiveMirrorIsCaughtUpWithoutAList(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "500")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	d.control("pause")
	lists := countLists(t, c)
	lists.churn("--rate", "0", "--count", "300")
	if s := d.status(); s.Status != syncer.Completed || !isPaused(s) {
		t.Errorf("%s and %s while paused, want completed and paused: the mirror is still there", s.Status, s.State)
	}
	d.control("resume")
	d.waitFor("every watch connected", func(s *syncer.Status) bool {
		return !slices.ContainsFunc(s.ResourceStatus, func(r syncer.ResourceStatus) bool { return r.Watch.State != syncer.WatchConnected })
	})
	if got := lists.count(); got != 0 {
		t.Errorf("Pods were listed %v times after the pause, want none", got)
	}
	d.verify()
	if got, want := outcomes(d.runs()), "startup completed"; got != want {
		t.Errorf("the history has %s, want %s: a pause is no run", got, want)
	}
	d.stop()
}

// removeRows takes Pods out of the mirror behind the daemon's back.
func (d *daemon) removeRows(limit int) {
	d.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(d.store(), "sqlite:")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	result, err := db.ExecContext(d.t.Context(), `DELETE FROM "pods" WHERE rowid IN (SELECT rowid FROM "pods" LIMIT ?)`, limit)
	if err != nil {
		d.t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(limit) {
		d.t.Fatalf("removed %d rows with %v, want %d", n, err, limit)
	}
}

func TestStartMendsWhatWasChangedInTheStoreByHand(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "300", "--mixed", "50")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	d.removeRows(3)
	services := c.RequestCount(t.Context(), "LIST", "services")
	d.control("start", "--resources", "pods", "--reason", "rows are missing")
	s := d.status()
	if r := resource(s, "pods"); r.Objects != 300 || s.Trigger != syncer.TriggerManual || s.Status != syncer.Completed {
		t.Errorf("%s by %s with %d Pods, want completed by hand with 300", s.Status, s.Trigger, r.Objects)
	}
	if got := c.RequestCount(t.Context(), "LIST", "services") - services; got != 0 {
		t.Errorf("Services were listed %v times, want none: they weren't named", got)
	}
	d.verify()

	d.stop()
	d.removeRows(2)
	d.start()
	d.waitCompleted()
	d.control("start")
	d.verify()
	if got, want := outcomes(d.runs()), "startup completed, manual completed, startup completed, manual completed"; got != want {
		t.Errorf("the history has %s, want %s", got, want)
	}
	d.stop()
}

func TestCancelLeavesTheMirrorIdleUntilStart(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "2000")
	d := newDaemon(t, c, "--page-size", "1") // slow enough to be met on the way
	d.start()
	d.waitFor("Pods on their way", func(s *syncer.Status) bool { return resource(s, "pods").Count > 0 })
	d.control("cancel", "--reason", "enough")
	s := d.status()
	if s.State != syncer.Idle || s.Status != syncer.Failed || s.Error == nil || *s.Error != "cancelled: enough" || s.Retry.NextRetryAt != nil {
		t.Errorf("state %s, status %s, error %v, next try %v, want idle after a run that was cancelled", s.State, s.Status, s.Error, s.Retry.NextRetryAt)
	}
	lists := c.RequestCount(t.Context(), "LIST", "pods")
	if out, err := d.tryControl("wait", "--for", "completed"); err == nil || !strings.Contains(out, "the run was cancelled: enough") {
		t.Errorf("wait: got %v and %q, want that the run was cancelled", err, out)
	}
	if got := c.RequestCount(t.Context(), "LIST", "pods") - lists; got != 0 {
		t.Errorf("Pods were listed %v times while idle, want none", got)
	}

	d.stop()
	d.args[slices.Index(d.args, "--page-size")+1] = "500"
	d.start()
	d.waitCompleted()
	d.control("start")
	d.verify()
	if got, want := outcomes(d.runs()), "startup cancelled, startup completed, manual completed"; got != want {
		t.Errorf("the history has %s, want %s", got, want)
	}
	d.stop()
}

// Without the command, the next attempt would be many seconds away.
func TestRetryBringsAForbiddenResourceBackAtOnce(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken))
	allow(t, c, "", "pods")
	d := newDaemon(t, c, "--kubeconfig", kubeconfigFor(t, c.Config(), viewerToken), "--resources", "pods,configmaps")
	d.start()
	d.waitFor("an attempt that is more than 4 s away", func(s *syncer.Status) bool {
		next := resource(s, "configmaps").NextRetryAt
		return s.Status == syncer.Completed && next != nil && time.Until(*next) > 4*time.Second
	})
	if out, err := d.tryControl("retry", "--wait", "--resources", "configmaps"); err == nil || !strings.Contains(out, "still failing: configmaps: forbidden") {
		t.Errorf("retry in vain: got %v and %q", err, out)
	}
	d.waitFor("an attempt that is more than 4 s away", func(s *syncer.Status) bool {
		next := resource(s, "configmaps").NextRetryAt
		return next != nil && time.Until(*next) > 4*time.Second
	})
	allow(t, c, "", "configmaps")
	began := time.Now()
	for {
		// The API server's authorizer hears of the role a moment later.
		out, err := d.tryControl("retry", "--wait", "--resources", "configmaps")
		if err == nil {
			break
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("retry: %v\n%s", err, out)
		}
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("back after %s, want within 3 s of the permission", took)
	}
	if s := d.status(); s.Partial || resource(s, "configmaps").Status != syncer.ResourceCompleted {
		t.Errorf("partial %v, configmaps %s, want all of it completed", s.Partial, resource(s, "configmaps").Status)
	}
	d.verify()
	d.stop()
}
