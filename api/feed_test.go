package api_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tmaxmax/go-sse"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const (
	eventsPath = "/api/v1/sync/events"
	socketPath = "/api/v1/sync/ws"
)

// feed publishes snapshots as syncer.Tracker does.
type feed struct {
	mu      sync.Mutex
	status  *syncer.Status
	changed chan struct{}
}

func newFeed(s *syncer.Status) *feed { return &feed{status: s, changed: make(chan struct{})} }

func (f *feed) Status() *syncer.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *feed) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// publish makes the next revision from a copy of the newest.
func (f *feed) publish(change func(*syncer.Status)) *syncer.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := *f.status
	next.Revision++
	next.ResourceStatus = slices.Clone(next.ResourceStatus)
	if change != nil {
		change(&next)
	}
	f.status = &next
	close(f.changed)
	f.changed = make(chan struct{})
	return f.status
}

// options are those of a handler whose interval doesn't slow a test down.
func (f *feed) options() api.Options {
	return api.Options{Status: f.Status, Changed: f.Changed, Push: api.PushOptions{Interval: time.Millisecond}}
}

// randomChange does to a status what a run does, and what a run rarely does.
func randomChange(rnd *rand.Rand) func(*syncer.Status) {
	return func(s *syncer.Status) {
		s.ObservedAt = s.ObservedAt.Add(time.Millisecond)
		s.State = syncer.States[rnd.IntN(len(syncer.States))]
		s.Status = syncer.RunStatuses[rnd.IntN(len(syncer.RunStatuses))]
		for range rnd.IntN(3) {
			changeResource(rnd, s)
		}
		switch rnd.IntN(20) {
		case 0:
			s.TraceID = [...]string{"", "abc"}[rnd.IntN(2)] // left out while empty
		case 1:
			text := "a\nb mongodb://u:hunter2@h"
			s.Error = [...]*string{nil, &text}[rnd.IntN(2)]
		case 2:
			rnd.Shuffle(len(s.ResourceStatus), func(i, j int) {
				s.ResourceStatus[i], s.ResourceStatus[j] = s.ResourceStatus[j], s.ResourceStatus[i]
			})
		}
	}
}

func changeResource(rnd *rand.Rand, s *syncer.Status) {
	n := len(s.ResourceStatus)
	name := fmt.Sprintf("kind%d", rnd.IntN(8))
	i := slices.IndexFunc(s.ResourceStatus, func(r syncer.ResourceStatus) bool { return r.Name == name })
	switch {
	case i < 0 && rnd.IntN(4) > 0:
		s.ResourceStatus = append(s.ResourceStatus, syncer.ResourceStatus{Name: name})
	case i < 0:
		s.ResourceStatus = slices.Insert(s.ResourceStatus, rnd.IntN(n+1), syncer.ResourceStatus{Name: name})
	case rnd.IntN(4) == 0:
		s.ResourceStatus = slices.Delete(s.ResourceStatus, i, i+1)
	default:
		s.ResourceStatus[i].Count++
	}
}

// sseReader is one connection to the events.
type sseReader struct {
	t    testing.TB
	res  *http.Response
	next func() (sse.Event, error, bool)
	stop func()
	id   string
}

func openEvents(t testing.TB, client *http.Client, url, lastEventID string) *sseReader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	next, stop := iter.Pull2(sse.Read(res.Body, &sse.ReadConfig{MaxEventSize: 1 << 24}))
	r := &sseReader{t: t, res: res, next: next, stop: stop, id: lastEventID}
	t.Cleanup(r.close)
	return r
}

func (r *sseReader) close() {
	r.res.Body.Close()
	r.stop()
}

// read returns the next event, or false at the stream's end.
func (r *sseReader) read() (*api.Envelope, bool) {
	r.t.Helper()
	event, err, ok := r.next()
	if err != nil {
		r.t.Fatal(err)
	}
	if !ok {
		return nil, false
	}
	r.id = event.LastEventID
	e := envelope(r.t, event.Data)
	if event.Type != string(e.Type) {
		r.t.Errorf("event %q holds an envelope of type %q", event.Type, e.Type)
	}
	return e, true
}

// expect reads the next event and holds its type against want.
func (r *sseReader) expect(want api.EnvelopeType) *api.Envelope {
	r.t.Helper()
	e, ok := r.read()
	if !ok || e.Type != want {
		r.t.Fatalf("event = %+v, %v, want type %s", e, ok, want)
	}
	return e
}

func envelope(t testing.TB, text string) *api.Envelope {
	t.Helper()
	var e api.Envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatalf("envelope %q: %v", text, err)
	}
	return &e
}

// sameJSON compares two documents but for the order of members.
func sameJSON(t testing.TB, what string, want, got []byte) {
	t.Helper()
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}
