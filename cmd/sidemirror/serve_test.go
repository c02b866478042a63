package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/syncer"
)

// script is a server that gives one answer after the other, the last for ever. A
// nil status is a server that is away.
type script struct {
	statuses []*syncer.Status
	asked    int
	sent     int // bodies; the others were 304
}

// RoundTrip answers as the API does, ETag included, without a network, so that
// it can be used where time is simulated.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.RawQuery != "" && s.asked > 0 && s.statuses[min(s.asked, len(s.statuses)-1)] != nil {
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusBadRequest)
		return w.Result(), nil
	}
	status := s.statuses[min(s.asked, len(s.statuses)-1)]
	s.asked++
	if status == nil {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	etag := fmt.Sprintf("%q", fmt.Sprint(status.Revision))
	w.Header().Set("ETag", etag)
	switch {
	case r.URL.Path != statusPath:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		s.sent++
		_ = json.NewEncoder(w).Encode(status)
	}
	return w.Result(), nil
}

func TestWait(t *testing.T) {
	almost := inProgress()
	almost.Revision, almost.SyncedResources = 4712, 4
	tests := []struct {
		name     string
		statuses []*syncer.Status
		target   string
		timeout  time.Duration
		code     int
		err      string
		stderr   string
		took     time.Duration
	}{
		{
			name: "reached", statuses: []*syncer.Status{nil, nil, notStarted(), inProgress(), inProgress(), almost, completed()},
			stderr: `waiting: no answer from http://s: connection refused
sync: 54%, 1/7 resources, 54,000/~98,700 objects
sync: 54%, 4/7 resources, 54,000/~98,700 objects
completed in 1m0s in part: 5 of 7 resources, 54,000 objects
`, took: 6 * time.Second,
		},
		{name: "at once", statuses: []*syncer.Status{completed()}, stderr: "completed in 1m0s in part: 5 of 7 resources, 54,000 objects\n"},
		{
			name: "failed", statuses: []*syncer.Status{notStarted(), failed()}, took: time.Second,
			code: 1, err: "the run failed: connect to mongodb://***@db/: timed out",
		},
		{
			name: "terminal", statuses: []*syncer.Status{notStarted(), failed()}, target: "terminal", took: time.Second,
			stderr: "failed: connect to mongodb://***@db/: timed out\n",
		},
		{
			name: "paused on the way", statuses: []*syncer.Status{inProgress(), paused(inProgress()), completed()}, took: 2 * time.Second,
			stderr: `sync: 54%, 1/7 resources, 54,000/~98,700 objects
paused by ann: maintenance; sync: 54%, 1/7 resources, 54,000/~98,700 objects
completed in 1m0s in part: 5 of 7 resources, 54,000 objects
`,
		},
		{
			name: "cancelled", statuses: []*syncer.Status{cancelledRun()},
			code: 1, err: "the run was cancelled by ann: enough",
		},
		{
			name: "live", target: "live", statuses: []*syncer.Status{paused(live()), live()}, took: time.Second,
			stderr: "paused by ann: maintenance; completed in 1m0s: 7 resources, 54,000 objects\ncompleted in 1m0s: 7 resources, 54,000 objects\n",
		},
		{
			name: "standing still", target: "paused", statuses: []*syncer.Status{
				failed(), status(paused(live()), 20, func(s *syncer.Status) { s.State = syncer.Pausing }), paused(live()),
			}, took: 2 * time.Second,
			stderr: `pausing by ann: maintenance; completed in 1m0s: 7 resources, 54,000 objects
paused by ann: maintenance; completed in 1m0s: 7 resources, 54,000 objects
`,
		},
		{
			name: "timeout", statuses: []*syncer.Status{inProgress()}, timeout: 90500 * time.Millisecond, took: 90500 * time.Millisecond,
			code: 124, err: "not completed after 1m30.5s: sync: 54%, 1/7 resources, 54,000/~98,700 objects",
			stderr: "sync: 54%, 1/7 resources, 54,000/~98,700 objects\n",
		},
		{
			name: "never there", statuses: []*syncer.Status{nil}, timeout: time.Minute, took: time.Minute,
			code: 124, err: "not completed after 1m0s: no answer from http://s: connection refused",
			stderr: "waiting: no answer from http://s: connection refused\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := waitOptions{serverOptions: serverOptions{server: "http://s", interval: time.Second}, target: newEnum("completed", "terminal", "live", "paused"), timeout: tt.timeout}
				if tt.target != "" {
					o.target.value = tt.target
				}
				client, err := o.client()
				if err != nil {
					t.Fatal(err)
				}
				client.http.Transport = &script{statuses: tt.statuses}
				var stderr bytes.Buffer
				began := time.Now()
				err = withoutCredentials(o.wait(t.Context(), client, &stderr))
				if took := time.Since(began); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				if got := fmt.Sprint(err); exitCode(err) != tt.code || tt.err != "" && got != tt.err {
					t.Errorf("got %q with code %d, want %q with %d", got, exitCode(err), tt.err, tt.code)
				}
				if diff := cmp.Diff(tt.stderr, stderr.String()); diff != "" {
					t.Errorf("stderr (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWaitIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := waitOptions{serverOptions: serverOptions{server: "http://s", interval: time.Second}, target: newEnum("completed")}
		client, _ := o.client()
		client.http.Transport = &script{statuses: []*syncer.Status{notStarted()}}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		err := o.wait(ctx, client, &bytes.Buffer{})
		if want := "interrupted: not started"; fmt.Sprint(err) != want || exitCode(err) != 1 {
			t.Errorf("got %v with code %d, want %q with 1", err, exitCode(err), want)
		}
	})
}

// While nothing changes, the server sends no document, and watching prints none.
func TestStatusWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := statusOptions{serverOptions: serverOptions{server: "http://s", interval: time.Second}, output: newEnum("text")}
		client, _ := o.client()
		s := &script{statuses: []*syncer.Status{inProgress(), inProgress(), nil, inProgress(), completed()}}
		client.http.Transport = s
		ctx, cancel := context.WithTimeout(t.Context(), 9500*time.Millisecond)
		defer cancel()
		var out bytes.Buffer
		if err := o.follow(ctx, client, &out); err != nil {
			t.Fatal(err)
		}
		const want = `2026-01-07T12:00:00Z sync: 54%, 1/7 resources, 54,000/~98,700 objects
2026-01-07T12:00:00Z completed in 1m0s in part: 5 of 7 resources, 54,000 objects
`
		if got := out.String(); got != want || s.asked != 10 || s.sent != 2 {
			t.Errorf("got %d questions, %d documents and\n%swant 10, 2 and\n%s", s.asked, s.sent, got, want)
		}
	})
}

// serve starts a server over the network, for the commands as a whole.
func serve(t *testing.T, status *syncer.Status) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(status)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestStatusOutputs(t *testing.T) {
	url := serve(t, failed())
	for _, output := range []string{"json", "yaml"} {
		stdout, _, err := sidemirror(t, "status", "--server", url, "-o", output)
		if err != nil {
			t.Fatal(err)
		}
		var got syncer.Status
		if err := yaml.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatalf("%s: %v", output, err)
		}
		if got.Revision != 9 || got.Status != syncer.Failed || *got.DurationMs != 3000 {
			t.Errorf("%s: got %+v", output, got)
		}
	}
	stdout, _, err := sidemirror(t, "status", "--server", url+"/")
	if err != nil || !strings.HasPrefix(stdout, "Cluster:   prod\nStatus:    failed (retrying)\n") {
		t.Errorf("got %v and\n%s", err, stdout)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	tests := []struct {
		name, kind, body string
		code             int
		want             string
	}{
		{"another server", "text/html", "<html>", 200, "URL is no Sidemirror: what it answered isn't a status document"},
		{"another document", "application/json", `{"status":"ok"}`, 200, "URL is no Sidemirror: what it answered isn't a status document"},
		{"not found", "text/plain", "404", 404, "URL answered 404 Not Found"},
		{"problem", "application/problem+json", `{"title":"Forbidden","detail":"No\u001b[2J token"}`, 403, "URL answered 403 Forbidden: No [2J token; give the token of somebody who may with --token-file or SIDEMIRROR_TOKEN"},
		{"away", "application/problem+json", `{"title":"Starting"}`, 503, "no answer from URL: 503 Service Unavailable: Starting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.code)
				fmt.Fprint(w, tt.body)
			}))
			defer server.Close()
			_, _, err := sidemirror(t, "status", "--server", server.URL)
			if got := strings.ReplaceAll(fmt.Sprint(err), server.URL, "URL"); got != tt.want || exitCode(err) != exitError {
				t.Errorf("got %q with code %d, want %q with 1", got, exitCode(err), tt.want)
			}
		})
	}
}

func TestStoppingTakesFiveSecondsAtMost(t *testing.T) {
	tests := []struct {
		name   string
		ending time.Duration // how long the work takes to end
		took   time.Duration
	}{
		{"at once", 0, 0},
		{"in time", 3 * time.Second, 3 * time.Second},
		{"too late", time.Hour, stopTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				stop()
				began := time.Now()
				err := withinStopTimeout(ctx, hclog.NewNullLogger(), func(ctx context.Context) error {
					<-ctx.Done()
					time.Sleep(tt.ending)
					return ctx.Err()
				})
				if took := time.Since(began); err != nil || took != tt.took {
					t.Errorf("got %v after %s, want no error after %s", err, took, tt.took)
				}
				time.Sleep(tt.ending) // the process would have ended; the bubble waits
			})
		})
	}
}

func TestAnErrorEndsTheRun(t *testing.T) {
	want := errors.New("unknown resource x")
	err := withinStopTimeout(t.Context(), hclog.NewNullLogger(), func(context.Context) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
