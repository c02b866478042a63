package syncer_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/syncer"
)

// listener keeps what an engine tells its observer of resources, and notes.
type listener struct {
	syncer.Observer
	mu      sync.Mutex
	notes   []string // "kind by why in"
	results []syncer.ResourceResult
}

func newListener() *listener { return &listener{Observer: syncer.Observers()} }

type resourceKey struct{}

func (l *listener) StartResource(ctx context.Context, cell syncer.Cell) (context.Context, func(syncer.ResourceResult)) {
	return context.WithValue(ctx, resourceKey{}, cell.String()), func(r syncer.ResourceResult) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.results = append(l.results, r)
	}
}

func (l *listener) Note(ctx context.Context, n syncer.Note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in, _ := ctx.Value(resourceKey{}).(string)
	l.notes = append(l.notes, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", n.Kind, n.By, n.Why, in)), " "))
}

// take returns the notes since the last call, sorted: cells run side by side.
func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.notes
	l.notes = nil
	slices.Sort(taken)
	return taken
}

func wantNotes(t *testing.T, l *listener, when string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("%s: notes (-want +got):\n%s", when, diff)
	}
}

func TestNotesTellWhatExplainsADuration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, m, l := newCluster(pods, services), newMemory(), newListener()
		fill(c, pods, 20)
		observed := func(o *syncer.Options) { o.Observer = l }
		r := startMirror(t, c, m, observed)
		settle(10 * time.Second)
		wantNotes(t, l, "first sync", "checkpoint pods", "checkpoint services")
		r.do(syncer.Command{Action: syncer.ActionPause, By: "ann", Reason: "maintenance"})
		settle(time.Second)
		wantNotes(t, l, "pause", "paused ann maintenance")
		r.end()

		r = startMirror(t, c, m, observed)
		settle(time.Second)
		wantNotes(t, l, "a pause that goes on", "paused ann maintenance")
		r.do(syncer.Command{Action: syncer.ActionResume, By: "bob"})
		settle(10 * time.Second)
		wantNotes(t, l, "resume", "checkpoint pods", "checkpoint services", "resumed bob")
		r.do(syncer.Command{Action: syncer.ActionStart, Resources: []string{"pods"}})
		settle(10 * time.Second)
		wantNotes(t, l, "a run that was asked for", "checkpoint pods", "checkpoint services", "relist manual pods")
		r.end()
	})
}

// Whoever looks for what went wrong looks for what nobody tries again.
func TestOnlyTheAttemptThatNothingWaitsForBeyondIsGivenUp(t *testing.T) {
	for reason, want := range map[syncer.Reason][]bool{
		syncer.ReasonForbidden:   {true},
		syncer.ReasonUnavailable: {false, false, false, false, true},
	} {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, m, l := newCluster(pods), newMemory(), newListener()
				c.refuse["pods"] = reason
				r := startMirror(t, c, m, func(o *syncer.Options) { o.Observer = l })
				defer r.end()
				for r.tracker.Status().Status != syncer.Failed {
					settle(time.Second)
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				var got []bool
				for _, result := range l.results[:min(len(want), len(l.results))] {
					got = append(got, result.GivenUp)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("given up, by attempt (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// The log leads to the trace, and says nothing of traces where there are none.
func TestLogLinesOfARunCarryItsTrace(t *testing.T) {
	id := func(s string) func(context.Context) string { return func(context.Context) string { return s } }
	for _, traced := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			c, m := newCluster(pods), newMemory()
			fill(c, pods, 5)
			r := startMirror(t, c, m, func(o *syncer.Options) {
				o.Log = hclog.New(&hclog.LoggerOptions{Output: &log})
				if traced {
					o.TraceID, o.SpanID = id("trace-1"), id("span-1")
				}
			})
			settle(10 * time.Second)
			r.end()
			for _, want := range []string{"run started", "resource synced", "run completed"} {
				i := strings.Index(log.String(), want)
				if i < 0 {
					t.Fatalf("no line %q in\n%s", want, log.String())
				}
				line, _, _ := strings.Cut(log.String()[i:], "\n")
				if has := strings.Contains(line, "span_id=span-1 trace_id=trace-1"); has != traced || strings.Contains(line, "_id=\"\"") {
					t.Errorf("traced %v: %s", traced, line)
				}
			}
		})
	}
}
