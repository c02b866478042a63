package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/client"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/statustest"
)

// surfaces collects what each surface told, by revision, and compares what two of
// them told of the same one.
type surfaces struct {
	t  *testing.T
	mu sync.Mutex
	// body is what GET told; the others are held against it. guarded by mu
	body map[uint64]*syncer.Status
	seen map[string]map[uint64]*syncer.Status // by surface; guarded by mu
	same map[string]int                       // comparisons by surface; guarded by mu
}

func newSurfaces(t *testing.T) *surfaces {
	return &surfaces{t: t, body: map[uint64]*syncer.Status{}, seen: map[string]map[uint64]*syncer.Status{}, same: map[string]int{}}
}

// tell takes in a document that a surface sent.
func (s *surfaces) tell(surface string, doc *syncer.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[surface] == nil {
		s.seen[surface] = map[uint64]*syncer.Status{}
	}
	s.seen[surface][doc.Revision] = doc
	s.compare(surface, doc.Revision)
}

func (s *surfaces) tellBody(doc *syncer.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.body[doc.Revision] != nil {
		return
	}
	s.body[doc.Revision] = doc
	for surface := range s.seen {
		s.compare(surface, doc.Revision)
	}
}

// compare holds one surface's document against GET's; the caller holds mu.
func (s *surfaces) compare(surface string, revision uint64) {
	want, got := s.body[revision], s.seen[surface][revision]
	if want == nil || got == nil {
		return
	}
	delete(s.seen[surface], revision)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s at revision %d (-GET +%s):\n%s", surface, revision, surface, diff)
	}
	s.same[surface]++
}

// document returns what GET told of a revision.
func (s *surfaces) document(revision uint64) *syncer.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.body[revision]
}

// count notes that a surface was compared another way.
func (s *surfaces) count(surface string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.same[surface]++
}

func (s *surfaces) counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.same)
}

// get reads the document, and holds the headers of the response against it.
func (s *surfaces) get(d *daemon) {
	resp, err := http.Get(d.server + "/api/v1/sync/status")
	if err != nil {
		return // it doesn't listen yet
	}
	defer resp.Body.Close()
	var doc syncer.Status
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		s.t.Error(err)
		return
	}
	want := map[string]string{"X-Sync-Status": string(doc.Status), "X-Sync-Revision": strconv.FormatUint(doc.Revision, 10)}
	if doc.Status == syncer.InProgress {
		want["X-Sync-Step"], want["X-Sync-Current-Resource"] = string(doc.Step), doc.CurrentResource
		want["X-Sync-Progress"] = fmt.Sprintf("%d/%d", doc.SyncedResources, doc.TotalResources)
	}
	if doc.Status == syncer.Completed {
		want["X-Sync-Duration"] = fmt.Sprintf("%dms", *doc.DurationMs)
		want["X-Sync-End-Time"] = doc.EndTime.Format("2006-01-02T15:04:05.000Z")
	}
	for _, name := range api.HeaderNames {
		if got := resp.Header.Get(name); got != want[name] {
			s.t.Errorf("%s: %q at revision %d, want %q", name, got, doc.Revision, want[name])
		}
	}
	s.tellBody(&doc)
	s.count("headers")
}

// scrape holds metrics against the document of the revision that they tell.
func (s *surfaces) scrape(d *daemon) {
	resp, err := http.Get(d.server + "/metrics")
	if err != nil {
		return
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		s.t.Error(err)
		return
	}
	value := func(name string, labels ...string) float64 {
		return sample(s.t, families["sidemirror_"+name], labels...)
	}
	doc := s.document(uint64(value("sync_revision")))
	if doc == nil {
		return
	}
	want := map[string]float64{
		"status": 1, "state": 1, "ratio": doc.Progress.Ratio, "paused": boolean(doc.Control.Paused),
		"partial": boolean(doc.Partial), "initial": boolean(doc.InitialSyncComplete), "failures": float64(doc.ConsecutiveFailures),
	}
	got := map[string]float64{
		"status": value("sync_status", string(doc.Status)), "state": value("sync_state", string(doc.State)), "ratio": value("sync_progress_ratio"),
		"paused": value("sync_paused"), "partial": value("sync_partial"), "initial": value("sync_initial_completed"), "failures": value("sync_consecutive_failures"),
	}
	for _, r := range doc.ResourceStatus {
		want[r.Name+" objects"], got[r.Name+" objects"] = float64(r.Objects), value("sync_resource_objects", r.Name)
		want[r.Name+" status"], got[r.Name+" status"] = 1, value("sync_resource_status", r.Name, string(r.Status))
		want[r.Name+" created"], got[r.Name+" created"] = float64(r.Created), value("sync_objects_total", r.Name, "created")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("metrics at revision %d (-GET +metrics):\n%s", doc.Revision, diff)
	}
	s.count("metrics")
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// sample is the value with all of the labels' values.
func sample(t *testing.T, f *dto.MetricFamily, labels ...string) float64 {
	for _, m := range f.GetMetric() {
		has := func(v string) bool {
			return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetValue() == v })
		}
		if !slices.ContainsFunc(labels, func(v string) bool { return !has(v) }) {
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Errorf("%s has no sample with %v", f.GetName(), labels)
	return 0
}

// command runs `sidemirror status`, which prints the document as it came.
func (s *surfaces) command(d *daemon) {
	out, err := exec.Command(d.path, "status", "--server", d.server, "--output", "json").Output()
	if err != nil {
		return // it doesn't listen yet
	}
	var doc syncer.Status
	if err := json.Unmarshal(out, &doc); err != nil {
		s.t.Error(err)
		return
	}
	s.tell("command", &doc)
}

// followSSE and followWebSocket tell what is pushed until ctx ends.
func (s *surfaces) followSSE(ctx context.Context, d *daemon) error {
	f, err := client.New(client.Options{URL: d.server, OnStatus: func(doc *syncer.Status) { s.tell("server-sent events", doc) }})
	if err != nil {
		return err
	}
	return f.Run(ctx)
}

func (s *surfaces) followWebSocket(ctx context.Context, d *daemon) error {
	conn, _, err := websocket.Dial(ctx, d.server+"/api/v1/sync/ws", nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(16 << 20)
	var doc api.Document
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return nil //nolint:nilerr // the end of the test, or of the daemon
		}
		var e api.Envelope
		if err := json.NewDecoder(bytes.NewReader(text)).Decode(&e); err != nil {
			return err
		}
		if err := doc.Apply(&e); err != nil {
			return err
		}
		status, err := doc.Status()
		if err != nil {
			return err
		}
		s.tell("websocket", status)
	}
}

func TestEverySurfaceTellsTheSameOfOneRevision(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "3000", "--mixed", "200")
	d := newDaemon(t, c)
	d.start()
	d.waitFor("the daemon listening", func(*syncer.Status) bool { return true })
	s := newSurfaces(t)
	ctx, cancel := context.WithCancel(t.Context())
	var followers sync.WaitGroup
	for _, follow := range []func(context.Context, *daemon) error{s.followSSE, s.followWebSocket} {
		followers.Go(func() {
			if err := follow(ctx, d); err != nil {
				t.Error(err)
			}
		})
	}
	all := []string{"headers", "metrics", "command", "server-sent events", "websocket"}
	// each waits until every surface was compared again, in what phase the run may be.
	each := func(phase string) {
		t.Helper()
		before, deadline := s.counts(), time.Now().Add(time.Minute)
		for {
			s.get(d)
			s.scrape(d)
			s.command(d)
			now := s.counts()
			if !slices.ContainsFunc(all, func(surface string) bool { return now[surface] == before[surface] }) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: comparisons by surface were %v and are %v, want more of each", phase, before, now)
			}
		}
	}
	each("the first sync")
	d.waitCompleted()
	each("live")
	if code := d.ask(syncer.ActionPause, ""); code != http.StatusAccepted {
		t.Fatalf("pause: %d", code)
	}
	each("paused")
	c.Churn("--rate", "0", "--count", "300")
	if code := d.ask(syncer.ActionResume, ""); code != http.StatusAccepted {
		t.Fatalf("resume: %d", code)
	}
	for range 5 {
		c.Churn("--rate", "0", "--count", "50")
		each("live, with changes")
	}
	cancel()
	followers.Wait()
	d.stop()
}

func TestEveryDocumentOfTheDaemonKeepsItsPromisesWhateverIsAsked(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "2000", "--mixed", "100")
	d := newDaemon(t, c)
	d.start()
	d.waitFor("the daemon listening", func(*syncer.Status) bool { return true })
	var last *syncer.Status // owned by the follower's goroutine
	documents := 0
	f, err := client.New(client.Options{URL: d.server, OnStatus: func(s *syncer.Status) {
		err := statustest.Check(s)
		if err == nil && last != nil {
			err = statustest.CheckSuccession(last, s)
		}
		if err != nil {
			t.Error(err)
		}
		last = s
		documents++
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	rnd := rand.New(rand.NewPCG(1, 8))
	answers := map[int]int{}
	for i := range 40 {
		action := syncer.Actions[rnd.IntN(len(syncer.Actions))]
		answers[d.ask(action, "")]++
		if i%10 == 0 {
			c.Churn("--rate", "0", "--count", "50", "--seed", strconv.Itoa(i+1))
		}
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
	}
	if len(answers) != 2 || answers[http.StatusAccepted] == 0 || answers[http.StatusConflict] == 0 {
		t.Errorf("answers %v, want 202 and 409 alone", answers)
	}
	d.ask(syncer.ActionResume, "")
	d.waitFor("the mirror whole again", func(s *syncer.Status) bool {
		if s.State == syncer.Idle {
			d.ask(syncer.ActionStart, "")
		}
		return s.State == syncer.Live
	})
	d.verify()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if documents < 20 {
		t.Errorf("%d documents were seen, want more", documents)
	}
	d.stop()
}
