package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

// controlled is a server that takes commands, and tells of one status after the
// other from the moment on that it took one.
type controlled struct {
	before *syncer.Status
	script script
	asked  []string // "pause {…}"
}

func (c *controlled) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		c.asked = append(c.asked, strings.TrimPrefix(r.URL.Path, controlPath)+" "+string(body))
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusAccepted)
		_ = json.NewEncoder(w).Encode(syncer.Operation{ID: "01JOP", Action: syncer.ActionPause, AcceptedAt: noon, Revision: 4})
		return w.Result(), nil
	}
	if len(c.asked) == 0 {
		return (&script{statuses: []*syncer.Status{c.before}}).RoundTrip(r)
	}
	return c.script.RoundTrip(r)
}

// status makes a snapshot that differs from s in what change does.
func status(s *syncer.Status, revision uint64, change func(*syncer.Status)) *syncer.Status {
	next := *s
	next.ResourceStatus = append([]syncer.ResourceStatus(nil), s.ResourceStatus...)
	next.Revision = revision
	change(&next)
	return &next
}

func live() *syncer.Status {
	s := completed()
	s.Partial = false
	return s
}

func paused(s *syncer.Status) *syncer.Status {
	return status(s, s.Revision+1, func(s *syncer.Status) {
		s.State = syncer.Paused
		s.Control = syncer.Control{Paused: true, By: ptr("ann"), Reason: ptr("maintenance"), Since: ptr(noon)}
	})
}

// A command that waits ends when it took effect, and says so when it never will.
func TestControlWaits(t *testing.T) {
	pausing := status(paused(live()), 20, func(s *syncer.Status) { s.State = syncer.Pausing })
	running := status(inProgress(), 21, func(s *syncer.Status) { s.RunID = "01JNEXT" })
	next := status(live(), 22, func(s *syncer.Status) { s.RunID = "01JNEXT" })
	stopped := status(failed(), 23, func(s *syncer.Status) {
		s.State, s.Error, s.Retry = syncer.Idle, ptr("cancelled by ann: enough"), syncer.Retry{}
	})
	restarted := status(inProgress(), 1, func(s *syncer.Status) { s.RunID = "01JRESTART" })
	secrets := func(s *syncer.Status, change func(*syncer.ResourceStatus)) *syncer.Status {
		return status(s, s.Revision+1, func(s *syncer.Status) { change(&s.ResourceStatus[3]) })
	}
	waiting := secrets(live(), func(r *syncer.ResourceStatus) { r.NextRetryAt = ptr(noon.Add(time.Minute)) })
	again := secrets(waiting, func(r *syncer.ResourceStatus) {
		e := *r.Error
		e.Time, e.Message = noon.Add(time.Second), "still no"
		r.Error = &e
	})
	well := secrets(waiting, func(r *syncer.ResourceStatus) { r.Error, r.NextRetryAt, r.Status = nil, nil, syncer.ResourceCompleted })

	tests := []struct {
		name, command  string
		before         *syncer.Status
		after          []*syncer.Status
		asked, out     string
		err            string
		code, requests int
	}{
		{
			name: "pause", command: "pause --reason maintenance", before: live(), after: []*syncer.Status{pausing, nil, paused(live())},
			asked: `pause {"reason":"maintenance"}`, out: "paused: maintenance (operation 01JOP)\n", requests: 3,
		},
		{
			name: "pause that outlasts a restart", command: "pause", before: live(), after: []*syncer.Status{pausing, nil, restarted, paused(restarted)},
			asked: `pause {}`, out: "paused (operation 01JOP)\n", requests: 4,
		},
		{
			name: "pause that someone ended", command: "pause", before: live(), after: []*syncer.Status{pausing, live()},
			asked: `pause {}`, err: "pause was accepted as operation 01JOP: someone let the mirror go on meanwhile", code: 1, requests: 2,
		},
		{
			name: "pause in no time", command: "pause --timeout 1500ms", before: live(), after: []*syncer.Status{pausing},
			asked: `pause {}`, err: "pause was accepted as operation 01JOP: not paused after 1.5s: pausing by ann: maintenance; completed in 1m0s: 7 resources, 54,000 objects",
			code: exitTimeout, requests: 2,
		},
		{
			name: "resume", command: "resume", before: paused(live()), after: []*syncer.Status{live()},
			asked: `resume {}`, out: "resumed (operation 01JOP)\n", requests: 1,
		},
		{
			name: "cancel", command: "cancel --reason enough", before: inProgress(), after: []*syncer.Status{inProgress(), stopped},
			asked: `cancel {"reason":"enough"}`, out: "cancelled: enough (operation 01JOP)\n", requests: 2,
		},
		{
			name: "cancel that came too late", command: "cancel", before: inProgress(), after: []*syncer.Status{live()},
			asked: `cancel {}`, err: "cancel was accepted as operation 01JOP: the run had completed before", code: 1, requests: 1,
		},
		{
			name: "start", command: "start --resources pods,nodes --namespaces shop", before: live(), after: []*syncer.Status{live(), running, next},
			asked: `start {"resources":["pods","nodes"],"namespaces":["shop"]}`, out: "completed in 1m0s: 7 resources, 54,000 objects (operation 01JOP)\n", requests: 3,
		},
		{
			name: "start of a run that someone cancelled", command: "start", before: live(),
			after: []*syncer.Status{running, status(stopped, 24, func(s *syncer.Status) { s.RunID = "01JNEXT" })},
			asked: `start {}`, err: "start was accepted as operation 01JOP: the run was cancelled by ann: enough", code: 1, requests: 2,
		},
		{
			name: "retry of the run", command: "retry", before: failed(), after: []*syncer.Status{failed(), running, next},
			asked: `retry {}`, out: "completed in 1m0s: 7 resources, 54,000 objects (operation 01JOP)\n", requests: 3,
		},
		{
			name: "retry that helps", command: "retry --resources secrets", before: waiting, after: []*syncer.Status{waiting, well},
			asked: `retry {"resources":["secrets"]}`, out: "retried (operation 01JOP)\n", requests: 2,
		},
		{
			name: "retry in vain", command: "retry", before: waiting, after: []*syncer.Status{waiting, again},
			asked: `retry {}`, err: "retry was accepted as operation 01JOP: still failing: secrets: forbidden: still no", code: 1, requests: 2,
		},
		{
			name: "retry of something else", command: "retry --resources pods", before: waiting, after: []*syncer.Status{waiting},
			asked: `retry {"resources":["pods"]}`, out: "retried (operation 01JOP)\n", requests: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &controlled{before: tt.before, script: script{statuses: tt.after}}
				out, err := control(t, server, tt.command+" --wait")
				if got := fmt.Sprint(err); exitCode(err) != tt.code || tt.err != "" && got != tt.err {
					t.Errorf("got %q with code %d, want %q with %d", got, exitCode(err), tt.err, tt.code)
				}
				if diff := cmp.Diff([]string{tt.asked, tt.out}, []string{strings.Join(server.asked, "\n"), out}); diff != "" {
					t.Errorf("asked and printed (-want +got):\n%s", diff)
				}
				if server.script.asked != tt.requests {
					t.Errorf("looked %d times, want %d", server.script.asked, tt.requests)
				}
			})
		})
	}
}

// control runs one of the commands against server, without a network.
func control(t *testing.T, server http.RoundTripper, line string) (string, error) {
	t.Helper()
	words := strings.Fields(line)
	for _, c := range controls {
		if string(c.action) != words[0] {
			continue
		}
		o := controlOptions{controlCommand: c}
		cmd := o.command()
		if err := cmd.ParseFlags(words[1:]); err != nil {
			t.Fatal(err)
		}
		client, err := o.client()
		if err != nil {
			t.Fatal(err)
		}
		client.http.Transport = server
		var out bytes.Buffer
		err = o.run(t.Context(), client, &out, io.Discard)
		return out.String(), err
	}
	t.Fatalf("no command %q", words[0])
	return "", nil
}

// Without --wait, one line or the server's document says that it was accepted.
func TestControlAnswers(t *testing.T) {
	server := &controlled{before: live()}
	out, err := control(t, server, "pause --reason x")
	if want := "pausing: x (operation 01JOP)\n"; err != nil || out != want {
		t.Errorf("got %q and %v, want %q", out, err, want)
	}
	out, err = control(t, server, "start -o json")
	var op syncer.Operation
	if jsonErr := json.Unmarshal([]byte(out), &op); err != nil || jsonErr != nil || op.ID != "01JOP" || op.Revision != 4 {
		t.Errorf("got %q, %v and %v, want the operation", out, err, jsonErr)
	}
	if server.script.asked != 0 {
		t.Errorf("looked at the status %d times, want none", server.script.asked)
	}
}

func TestControlRefused(t *testing.T) {
	tests := []struct {
		name, kind, body string
		code             int
		want             string
	}{
		{
			"in the wrong state", "application/problem+json",
			`{"title":"Conflict","detail":"pause isn't possible while the run is completed and the mirror paused; possible now: resume","allowedActions":["resume"]}`, 409,
			"refused: pause isn't possible while the run is completed and the mirror paused; possible now: resume",
		},
		{"unknown resource", "application/problem+json", `{"detail":"\"x\" isn't a resource that is mirrored"}`, 400, `URL answered 400 Bad Request: "x" isn't a resource that is mirrored`},
		{"store away", "application/problem+json", `{"detail":"the store doesn't answer"}`, 503, "no answer from URL: 503 Service Unavailable: the store doesn't answer"},
		{"older server", "text/plain", "404", 404, "URL answered 404 Not Found"},
		{"another server", "text/html", "<html>", 202, "URL is no Sidemirror: what it answered isn't an operation"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			url := answer(t, tt.code, tt.kind, tt.body)
			_, _, err := sidemirror(t, "pause", "--server", url)
			if got := strings.ReplaceAll(fmt.Sprint(err), url, "URL"); got != tt.want || exitCode(err) != exitError {
				t.Errorf("got %q with code %d, want %q with 1", got, exitCode(err), tt.want)
			}
		})
	}
}

// answer starts a server that has one answer.
func answer(t *testing.T, code int, kind, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// In run's container the variables of its flags say what is mirrored: they don't
// limit what is asked for there.
func TestControlIsNotLimitedByTheSettingsOfRun(t *testing.T) {
	t.Setenv("SIDEMIRROR_RESOURCES", "*,-secrets")
	t.Setenv("SIDEMIRROR_NAMESPACES", "shop")
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprint(w, `{"operationId":"01JOP"}`)
	}))
	defer server.Close()
	t.Setenv("SIDEMIRROR_SERVER", server.URL)
	stdout, _, err := sidemirror(t, "start", "--reason", "x")
	if want := `{"reason":"x"}`; err != nil || body != want || stdout != "starting: x (operation 01JOP)\n" {
		t.Errorf("got %v and %q, sent %s, want %s sent to the server of the environment", err, stdout, body, want)
	}
	if got := unknownVariables(newRootCommand(), []string{"SIDEMIRROR_RESOURCES=x", "SIDEMIRROR_NAMESPACES=x"}); len(got) != 0 {
		t.Errorf("got %v as unknown, want none: run knows them", got)
	}
}
