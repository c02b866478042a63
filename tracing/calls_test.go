package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/tracing"
)

// roundTrip answers without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestURLsAreShownWithoutWhatTheyAskFor(t *testing.T) {
	rec, provider := recorder()
	var sent string
	transport := tracing.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.URL.String()
		return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Request: r}, nil
	}), provider)
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	const asked = "https://me:hunter2@kube:6443/api/v1/pods?continue=hunter2&labelSelector=a%3Dhunter2&limit=500&resourceVersion=7&x=hunter2"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, asked, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	span.End()
	if sent != asked {
		t.Errorf("sent %s, want it untouched", sent)
	}
	s := named(t, rec, "GET")
	got := attributes(s)
	for name, want := range map[string]string{
		"url.full":            "https://kube:6443/api/v1/pods?continue=REDACTED&labelSelector=REDACTED&limit=500&resourceVersion=7&x=REDACTED",
		"http.request.method": "GET", "server.address": "kube", "server.port": "6443", "http.response.status_code": "403", "error.type": "403",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	if s.SpanKind() != trace.SpanKindClient || s.Status().Code != codes.Error {
		t.Errorf("%v %v, want a client's span and an error", s.SpanKind(), s.Status())
	}
}

// However many pages a list has, a trace can be loaded; and what explains a run is in it.
func TestSpansOfRequestsAreBoundedAndFavourTheSlowAndTheFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec, provider := recorder()
		transport := tracing.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case "/slow":
				time.Sleep(2 * time.Second)
			case "/failed":
				return nil, errors.New("connection reset")
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		}), provider)
		ctx, end := tracing.NewObserver(provider).StartRun(t.Context(), syncer.RunInfo{})
		get := func(path string) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://kube"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res, err := transport.RoundTrip(r); err == nil {
				res.Body.Close()
			}
		}
		for range 1200 {
			get("/")
		}
		get("/slow")
		get("/failed")
		end(syncer.RunResult{})
		if got := len(rec.Ended()); got != 1000+2+1 {
			t.Errorf("%d spans, want 1000, the slow and the failed one, and the run", got)
		}
		if got := attributes(named(t, rec, "sync run"))["sidemirror.spans.omitted"]; got != "200" {
			t.Errorf("omitted = %q, want 200", got)
		}
	})
}

func TestMongoDBBatchesSayTheirSize(t *testing.T) {
	rec, provider := recorder()
	s, store := newServer(provider)
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	defer span.End()
	var got []string
	for _, reply := range []bson.D{
		{{Key: "ok", Value: 1}, {Key: "n", Value: int32(3)}},
		{{Key: "ok", Value: 1}, {Key: "n", Value: int32(1)}},
		{{Key: "ok", Value: 1}, {Key: "n", Value: int64(2)}, {Key: "writeErrors", Value: bson.A{bson.D{}, bson.D{}}}},
		{{Key: "ok", Value: 1}},
	} {
		s.reply = reply
		if _, err := store.Write(ctx, pods, nil); err != nil {
			t.Fatal(err)
		}
		got = append(got, attributes(rec.Ended()[len(rec.Ended())-1])["db.operation.batch.size"])
	}
	if diff := cmp.Diff([]string{"3", "", "4", ""}, got); diff != "" {
		t.Errorf("batch sizes (-want +got):\n%s", diff)
	}
	if s.monitor.Started != nil {
		t.Error("the start of commands is listened to, for which the driver copies each")
	}
}

// What isn't about one resource is named after the database.
func TestMongoDBCommandsOutsideOfACollection(t *testing.T) {
	rec, provider := recorder()
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	defer span.End()
	tracing.MongoMonitor(provider).Succeeded(ctx, &event.CommandSucceededEvent{
		CommandFinishedEvent: event.CommandFinishedEvent{CommandName: "listCollections", DatabaseName: "k8s"},
	})
	if got := attributes(named(t, rec, "listCollections k8s")); got["db.namespace"] != "k8s" || got["db.collection.name"] != "" {
		t.Errorf("attributes %v", got)
	}
}

// table is a store that has two rows, and refuses to write when it is told to.
type table struct {
	syncer.Store
	err error
}

func (s *table) Write(context.Context, syncer.Resource, []syncer.Op) (syncer.WriteResult, error) {
	return syncer.WriteResult{Created: 1}, s.err
}

func (s *table) Read(_ context.Context, _ syncer.Resource, _ syncer.Query, yield func(*syncer.Object) error) error {
	for range 2 {
		if err := yield(&syncer.Object{}); err != nil {
			return err
		}
	}
	return s.err
}

func TestSQLite(t *testing.T) {
	rec, provider := recorder()
	inner := &table{}
	store := tracing.SQLite(inner, provider)
	put, del := syncer.Op{}, syncer.Op{Delete: true}
	if res, err := store.Write(t.Context(), pods, []syncer.Op{put}); err != nil || res.Created != 1 || len(rec.Ended()) != 0 {
		t.Errorf("without a parent: %v, %v, %d spans", res, err, len(rec.Ended()))
	}
	ctx, span := provider.Tracer("test").Start(t.Context(), "parent")
	defer span.End()
	write := func(ops ...syncer.Op) {
		if _, err := store.Write(ctx, pods, ops); !errors.Is(err, inner.err) {
			t.Errorf("Write = %v, want %v", err, inner.err)
		}
	}
	write(put)
	write(put, put)
	write(del, del, del)
	write(put, del)
	enough := errors.New("enough")
	if err := store.Read(ctx, pods, syncer.Query{}, func(*syncer.Object) error { return enough }); err != enough {
		t.Errorf("Read = %v, want what the reader said", err)
	}
	if err := store.Read(ctx, pods, syncer.Query{}, func(*syncer.Object) error { return nil }); err != nil {
		t.Error(err)
	}
	inner.err = &syncer.StoreError{Err: errors.New("disk full at /home/hunter2")}
	write(put, put)
	var got []string
	for _, s := range rec.Ended() {
		a := attributes(s)
		if s.SpanKind() != trace.SpanKindClient || a["db.system.name"] != "sqlite" || a["db.collection.name"] != "pods" || a["db.operation.name"]+" pods" != s.Name() {
			t.Errorf("%s: %v %v", s.Name(), s.SpanKind(), a)
		}
		got = append(got, strings.Join([]string{s.Name(), a["db.operation.batch.size"], a["db.response.returned_rows"], s.Status().Code.String()}, "|"))
		if strings.Contains(a["error.type"], "hunter2") || strings.Contains(s.Status().Description, "hunter2") {
			t.Errorf("%s tells the error's text", s.Name())
		}
	}
	want := []string{
		"INSERT pods|||Unset", "BATCH INSERT pods|2||Unset", "BATCH DELETE pods|3||Unset", "BATCH pods|2||Unset",
		"SELECT pods||1|Unset", "SELECT pods||2|Unset", "BATCH INSERT pods|2||Error",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}
