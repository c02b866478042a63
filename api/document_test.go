package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// follower is one connection to either stream.
type follower interface {
	read() (*api.Envelope, bool)
	close()
}

type socketReader struct {
	t    testing.TB
	conn *websocket.Conn
}

func openSocket(t testing.TB, url string) *socketReader {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 24)
	s := &socketReader{t, conn}
	t.Cleanup(s.close)
	return s
}

func (s *socketReader) close() { _ = s.conn.CloseNow() }

func (s *socketReader) read() (*api.Envelope, bool) {
	s.t.Helper()
	_, text, err := s.conn.Read(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return envelope(s.t, string(text)), true
}

// A burst of changes comes as one that leaps; connections are lost at random, and
// taken up again from the last event's id.
func TestAReaderHoldsExactlyTheDocumentOfItsRevision(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			f := newFeed(inProgress())
			h := api.NewHandler(f.options())
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			bodies := map[uint64][]byte{}
			record := func() { bodies[f.Status().Revision] = []byte(read(t, do(h, "GET", statusPath))) }
			record()
			events := openEvents(t, server.Client(), server.URL+eventsPath, "")
			socket := openSocket(t, server.URL+socketPath)
			documents := map[string]*api.Document{"events": {}, "socket": {}}
			changes := 0
			catchUp := func(name string, r follower) {
				for d := documents[name]; d.Revision() != f.Status().Revision; {
					e, ok := r.read()
					if !ok {
						t.Fatalf("%s ended at %d", name, d.Revision())
					}
					if e.Type == api.EnvelopeChange {
						changes++
					}
					if err := d.Apply(e); err != nil {
						t.Fatal(err)
					}
					text, err := json.Marshal(d)
					if err != nil {
						t.Fatal(err)
					}
					sameJSON(t, fmt.Sprintf("%s at revision %d", name, d.Revision()), bodies[d.Revision()], text)
				}
			}
			for range 60 {
				catchUp("events", events)
				catchUp("socket", socket)
				reconnect := rnd.IntN(3) == 0
				if reconnect {
					events.close()
				}
				for range 1 + rnd.IntN(4) {
					f.publish(randomChange(rnd))
					record()
				}
				if reconnect {
					events = openEvents(t, server.Client(), server.URL+eventsPath, events.id)
				}
			}
			if changes < 30 {
				t.Errorf("%d changes were seen, want most of what happens to come as one", changes)
			}
		})
	}
}

func TestDocumentRefusesWhatDoesNotApply(t *testing.T) {
	var d api.Document
	snapshot := `{"revision":5,"a":1,"resourceStatus":[{"name":"pods","count":1}]}`
	apply := func(e api.Envelope) error { return d.Apply(&e) }
	if err := apply(api.Envelope{Type: api.EnvelopeChange, Revision: 5, Since: 4}); !errors.Is(err, api.ErrGap) {
		t.Errorf("a change before any snapshot: %v, want ErrGap", err)
	}
	if err := apply(api.Envelope{Type: api.EnvelopeSnapshot, Revision: 5, Status: []byte(snapshot)}); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]api.Envelope{
		"gap":                     {Type: api.EnvelopeChange, Revision: 8, Since: 7, Status: []byte(`{"a":2}`)},
		"status isn't an object":  {Type: api.EnvelopeChange, Revision: 6, Since: 5, Status: []byte(`7`)},
		"resource isn't one":      {Type: api.EnvelopeChange, Revision: 6, Since: 5, Status: []byte(`{"a":2}`), Resources: []json.RawMessage{[]byte(`7`)}},
		"snapshot isn't a object": {Type: api.EnvelopeSnapshot, Revision: 6, Status: []byte(`[]`)},
		"snapshot has none":       {Type: api.EnvelopeSnapshot, Revision: 6, Status: []byte(`{"resourceStatus":7}`)},
	} {
		if err := apply(e); err == nil {
			t.Errorf("%s: no error", name)
		}
		text, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		sameJSON(t, name+" left another document", []byte(snapshot), text)
	}
	if err := apply(api.Envelope{Type: "later"}); err != nil {
		t.Errorf("a type from the future: %v, want it ignored", err)
	}
}

func TestDocumentStatusIsASnapshotOfItsOwn(t *testing.T) {
	var d api.Document
	want := failed("x")
	want.ResourceStatus = []syncer.ResourceStatus{{Name: "pods", Count: 1, Total: new(int64)}}
	res := do(newHandler(want), http.MethodGet, statusPath)
	if err := d.Apply(&api.Envelope{Type: api.EnvelopeSnapshot, Revision: 44, Status: []byte(read(t, res))}); err != nil {
		t.Fatal(err)
	}
	before, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	copied := *before
	if err := d.Apply(&api.Envelope{
		Type: api.EnvelopeChange, Revision: 45, Since: 44, Status: []byte(`{"error":"y","status":"failed"}`),
		Resources: []json.RawMessage{[]byte(`{"name":"pods","count":2,"total":9}`)},
	}); err != nil {
		t.Fatal(err)
	}
	after, err := d.Status()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&copied, before); diff != "" || *before.Error != "x" || *before.ResourceStatus[0].Total != 0 {
		t.Errorf("the change reached the snapshot before:\n%s", diff)
	}
	if *after.Error != "y" || after.ResourceStatus[0].Count != 2 || *after.ResourceStatus[0].Total != 9 {
		t.Errorf("status = %+v", after)
	}
}
