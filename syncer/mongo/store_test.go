package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/mongo"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

var pods = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}

func put(key string, rv uint64) syncer.Op {
	o := object(key, `{"kind":"Pod"}`)
	o.RV = rv
	return syncer.Op{Object: o}
}

func remove(key string, rv uint64) syncer.Op {
	return syncer.Op{Object: syncer.Object{Key: []byte(key), RV: rv}, Delete: true}
}

func write(t *testing.T, s *mongo.Store, want syncer.WriteResult, ops ...syncer.Op) {
	t.Helper()
	got, err := s.Write(t.Context(), pods, ops)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func keysOf(t *testing.T, s *mongo.Store) string {
	t.Helper()
	rows, err := s.Versions(t.Context(), pods, "", "", 1000, nil)
	if err != nil {
		t.Fatalf("Versions: %v", err)
	}
	var all []string
	for _, r := range rows {
		all = append(all, fmt.Sprintf("%s@%d", r.Key, r.RV))
	}
	return strings.Join(all, " ")
}

// fails checks that err is the store's, and not the context's.
func fails(t *testing.T, what string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*syncer.StoreError](err); !ok {
		t.Errorf("%s: error is %T (%v), want a *syncer.StoreError", what, err, err)
	}
}

func TestNewChecksItsOptions(t *testing.T) {
	for what, o := range map[string]mongo.Options{
		"no cluster":        {URI: "mongodb://h/"},
		"a cluster with /":  {URI: "mongodb://h/", Cluster: "a/b"},
		"a bad database":    {URI: "mongodb://h/a%20b", Cluster: "c"},
		"no scheme":         {URI: "localhost:27017", Cluster: "c"},
		"negative batch":    {URI: "mongodb://h/", Cluster: "c", BatchOps: -1},
		"an unknown option": {URI: "mongodb://h/?w=-1", Cluster: "c"},
	} {
		if _, err := mongo.New(o); err == nil {
			t.Errorf("New with %s: no error", what)
		}
	}
	if _, err := mongo.New(mongo.Options{URI: "mongodb+srv://u:p@nowhere.invalid/db", Cluster: "c"}); err != nil {
		t.Errorf("New of a mongodb+srv URI asks the DNS: %v", err)
	}
}

func TestErrorsShowNoPassword(t *testing.T) {
	for _, uri := range []string{
		"mongodb://user:s3cr3t%zz@host/", "mongodb://user:s3cr3t@", "mongodb://user:s3cr3t@host:99999999/", "mongodb://user:s3cr3t/x@host/",
		"mongodb://user:a@s3cr3t@host/", "mongodb://user:s3cr3t", "user:s3cr3t@host", "mongodb://user:s3cr3t@host/?tls=maybe",
		"mongodb://user:s3cr3t@host/?authMechanism=NONE", "mongodb://user:s3%63r3t%@host/", "mongodb://:s3cr3t@host/", "mongodb://user:s3cr3t@host/s3.cr3t",
	} {
		s, err := mongo.New(mongo.Options{URI: uri, Cluster: "c"})
		if err == nil {
			_, err = s.NextEpoch(cancelled(t))
			if closed := s.Close(context.Background()); closed != nil {
				t.Error(closed)
			}
		}
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("New(%q) = %v, want an error without the password", uri, err)
		}
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestUnchangedRowsAreNotWritten(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	if err := s.Prepare(t.Context(), pods); err != nil {
		t.Fatal(err)
	}
	write(t, s, syncer.WriteResult{Created: 2}, put("a/x", 1), put("a/y", 1))
	before := server.Writes()
	write(t, s, syncer.WriteResult{Stale: 3}, put("a/x", 1), put("a/y", 1), remove("a/z", 5))
	if got := keysOf(t, s); got != "a/x@1 a/y@1" {
		t.Errorf("rows = %s", got)
	}
	after := server.Writes()
	after.Commands = before.Commands
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("stale ops changed documents (-before +after):\n%s", d)
	}
	if before.Inserted != 2 || before.Commands["update"] != 1 {
		t.Errorf("writes = %+v, want 2 documents by 1 update", before)
	}
}

func TestWritesAreSplitByCountAndBytes(t *testing.T) {
	for _, c := range []struct {
		ops, bytes, want int
	}{{3, 1 << 20, 4}, {1000, 1, 10}, {1000, 1 << 20, 1}} {
		server := mongotest.Start(t)
		s := open(t, mongo.Options{URI: server.URI(), BatchOps: c.ops, BatchBytes: c.bytes})
		var ops []syncer.Op
		for i := range 10 {
			ops = append(ops, put(fmt.Sprintf("a/%d", i), 1))
		}
		write(t, s, syncer.WriteResult{Created: 10}, ops...)
		if got := server.Seen("update"); got != c.want {
			t.Errorf("10 ops, %d and %d bytes a batch: %d commands, want %d", c.ops, c.bytes, got, c.want)
		}
	}
}

func TestRejectedObjectsAreNamedByIndex(t *testing.T) {
	s := open(t, mongo.Options{URI: mongotest.Start(t).URI(), BatchOps: 2})
	odd, own, huge := put("a/odd", 1), put("a/own", 1), put("a/huge", 1)
	odd.Object.JSON = []byte(`{"a\u0000":1}`)
	own.Object.JSON = []byte(`{"_mirror":1}`)
	huge.Object.JSON = []byte(`{"a":"` + strings.Repeat("x", 16<<20) + `"}`)
	res, err := s.Write(t.Context(), pods, []syncer.Op{put("a/1", 1), odd, put("a/2", 1), huge, own, put("a/3", 1)})
	if err != nil {
		t.Fatal(err)
	}
	var rejected []int
	for _, r := range res.Rejected {
		rejected = append(rejected, r.Index)
	}
	if d := cmp.Diff([]int{1, 3, 4}, rejected); d != "" || res.Created != 3 {
		t.Errorf("created %d, want 3; rejected (-want +got):\n%s", res.Created, d)
	}
	if got := keysOf(t, s); got != "a/1@1 a/2@1 a/3@1" {
		t.Errorf("rows = %s", got)
	}
}

// A document just under the limit passes, with the filter that travels with it.
func TestLargestDocument(t *testing.T) {
	s := open(t, mongo.Options{URI: mongotest.Start(t).URI()})
	o := object("a/x", `{"a":""}`)
	raw, err := mongo.AppendDocument(nil, &o, mongo.Row{Cluster: "test"})
	if err != nil {
		t.Fatal(err)
	}
	o.JSON = []byte(`{"a":"` + strings.Repeat("x", 16<<20-len(raw)) + `"}`)
	write(t, s, syncer.WriteResult{Created: 1, Updated: 0}, syncer.Op{Object: o})
	o.JSON = append(o.JSON[:len(o.JSON)-2], `x"}`...)
	o.RV++
	if res, err := s.Write(t.Context(), pods, []syncer.Op{{Object: o}}); err != nil || len(res.Rejected) != 1 {
		t.Errorf("a byte more: %+v, %v, want it rejected", res, err)
	}
}

func TestServerRefusesDocuments(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	server.RefuseKeys()
	dotted := put("a/dotted", 1)
	dotted.Object.JSON = []byte(`{"a":{"b.c":1}}`)
	res, err := s.Write(t.Context(), pods, []syncer.Op{put("a/1", 1), dotted, put("a/2", 1)})
	if err != nil || res.Created != 2 || len(res.Rejected) != 1 || res.Rejected[0].Index != 1 {
		t.Errorf("Write = %+v, %v, want 2 created and op 1 rejected", res, err)
	}
}

func TestProbe(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	if keys, err := s.Probe(t.Context()); keys != mongo.KeysPlain || err != nil {
		t.Errorf("Probe = %s, %v, want plain", keys, err)
	}
	if err := s.Prepare(t.Context(), pods); err != nil {
		t.Errorf("Prepare: %v", err)
	}
	if w := server.Writes(); len(w.Commands) != 0 {
		t.Errorf("the probe wrote to the mirror: %+v", w)
	}

	old := mongotest.Start(t)
	old.RefuseKeys()
	s = open(t, mongo.Options{URI: old.URI()})
	if keys, err := s.Probe(t.Context()); keys != mongo.KeysEscaped || err != nil {
		t.Errorf("Probe of a server that refuses keys = %s, %v, want escaped", keys, err)
	}
	err := s.Prepare(t.Context(), pods)
	fails(t, "Prepare", err)
	if err != nil && !strings.Contains(err.Error(), "--mongo-keys escaped") {
		t.Errorf("Prepare = %v, want it to name the option", err)
	}
	if err := open(t, mongo.Options{URI: old.URI(), Keys: mongo.KeysEscaped}).Prepare(t.Context(), pods); err != nil {
		t.Errorf("Prepare with escaped keys: %v", err)
	}
}

func TestFaultsOfOneWrite(t *testing.T) {
	ops := []syncer.Op{put("a/1", 2), put("a/2", 2), put("a/3", 2), put("a/4", 2)}
	const whole = "a/1@2 a/2@2 a/3@2 a/4@2"
	for _, c := range []struct {
		what   string
		action mongotest.Action
		stored string // after the call that failed
		again  syncer.WriteResult
	}{
		{"failed and not applied", mongotest.Action{Apply: mongotest.ApplyNothing, Answer: mongotest.AnswerNothing}, "", syncer.WriteResult{Created: 4}},
		{"failed but was applied", mongotest.Action{Answer: mongotest.AnswerNothing}, whole, syncer.WriteResult{Stale: 4}},
		{"failed half way", mongotest.Action{Apply: mongotest.ApplyHalf, Answer: mongotest.AnswerNothing}, "a/1@2 a/2@2", syncer.WriteResult{Created: 2, Stale: 2}},
		{"not primary", mongotest.Action{Apply: mongotest.ApplyNothing, Answer: mongotest.AnswerNotPrimary}, "", syncer.WriteResult{Created: 4}},
		{"not replicated", mongotest.Action{Answer: mongotest.AnswerWriteConcernError}, whole, syncer.WriteResult{Stale: 4}},
		{"unauthorized", mongotest.Action{Apply: mongotest.ApplyNothing, Answer: mongotest.AnswerUnauthorized}, "", syncer.WriteResult{Created: 4}},
		{"too slow", mongotest.Action{Delay: 2 * time.Second}, whole, syncer.WriteResult{Stale: 4}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			server := mongotest.Start(t)
			// The driver looks for a server that it has lost twice a second.
			s := open(t, mongo.Options{URI: server.URI(), Timeout: 1500 * time.Millisecond})
			if err := s.Prepare(t.Context(), pods); err != nil {
				t.Fatal(err)
			}
			server.SetFault(func(cmd string, _ int) mongotest.Action {
				if cmd == "update" {
					return c.action
				}
				return mongotest.Action{}
			})
			_, err := s.Write(t.Context(), pods, ops)
			fails(t, "Write", err)
			server.SetFault(nil)
			time.Sleep(c.action.Delay) // the server is still at it, since the time-out
			if got := keysOf(t, s); got != c.stored {
				t.Errorf("rows after the fault = %q, want %q", got, c.stored)
			}
			write(t, s, c.again, ops...)
			if got := keysOf(t, s); got != whole {
				t.Errorf("rows after the repeat = %q, want %q", got, whole)
			}
		})
	}
}

func TestServerComesBack(t *testing.T) {
	t.Parallel()
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI() + "&connectTimeoutMS=200", Timeout: 500 * time.Millisecond})
	write(t, s, syncer.WriteResult{Created: 1}, put("a/x", 1))
	server.Stop()
	_, err := s.Write(t.Context(), pods, []syncer.Op{put("a/y", 1)})
	fails(t, "Write while the server is away", err)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		if _, err = s.Write(t.Context(), pods, []syncer.Op{put("a/y", 1)}); err == nil || time.Now().After(deadline) {
			break
		}
	}
	if got := keysOf(t, s); err != nil || got != "a/x@1 a/y@1" {
		t.Errorf("Write once it is back = %v; rows %s", err, got)
	}
}

func TestClustersShareADatabase(t *testing.T) {
	server := mongotest.Start(t)
	one := open(t, mongo.Options{URI: server.URI(), Cluster: "one"})
	two := open(t, mongo.Options{URI: server.URI(), Cluster: "one-two"})
	write(t, one, syncer.WriteResult{Created: 1}, put("a/x", 1))
	write(t, two, syncer.WriteResult{Created: 1}, put("a/x", 2))
	for _, s := range []*mongo.Store{one, two} {
		if err := s.SaveCheckpoints(t.Context(), []syncer.Checkpoint{{Cell: "pods", Resource: "pods", ResourceVersion: 1, Epoch: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.Drop(t.Context(), "pods"); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(t, one); got != "" {
		t.Errorf("rows of the dropped = %s", got)
	}
	if got := keysOf(t, two); got != "a/x@2" {
		t.Errorf("rows of the other = %s", got)
	}
	if cps, err := two.Checkpoints(t.Context()); err != nil || len(cps) != 1 {
		t.Errorf("checkpoints of the other = %v, %v", cps, err)
	}
	if epoch, err := two.NextEpoch(t.Context()); err != nil || epoch != 1 {
		t.Errorf("epoch of the other = %d, %v", epoch, err)
	}
}

// Resources and Drop leave documents alone that happen to have our prefix.
func TestStrangersDocumentsStay(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	c := raw(t, server).Collection("orders")
	if _, err := c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "test/17"}, {Key: "$top", Value: 1}}); err != nil {
		t.Fatal(err)
	}
	if names, err := s.Resources(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("Resources = %v, %v, want none", names, err)
	}
	if err := s.Drop(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	if n, err := c.CountDocuments(t.Context(), bson.D{}); err != nil || n != 1 {
		t.Errorf("after Drop: %d documents, %v, want 1", n, err)
	}
}

func raw(t *testing.T, server *mongotest.Server) *driver.Database {
	t.Helper()
	client, err := driver.Connect(options.Client().ApplyURI(server.URI()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database("mirror")
}

func TestQueriesOfApplications(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	op := put("shop/web-0", 1)
	op.Object.JSON = []byte(`{"kind":"Pod","metadata":{"namespace":"shop"},"spec":{"nodeName":"n1"}}`)
	write(t, s, syncer.WriteResult{Created: 1}, op)
	for _, filter := range []bson.D{
		{{Key: "metadata.namespace", Value: "shop"}, {Key: "spec.nodeName", Value: "n1"}},
		{{Key: "_mirror.labels", Value: "app=web"}},
	} {
		if n, err := raw(t, server).Collection("pods").CountDocuments(t.Context(), filter); err != nil || n != 1 {
			t.Errorf("%v finds %d documents, %v, want 1", filter, n, err)
		}
	}
}

func TestMonitorSeesCommandsWithWriteConcern(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	monitor := &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s.%s %s", e.DatabaseName, e.CommandName, e.Command.Lookup("writeConcern", "w")))
	}}
	s := open(t, mongo.Options{URI: mongotest.Start(t).URI(), Monitor: monitor})
	write(t, s, syncer.WriteResult{Created: 1}, put("a/x", 1))
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{`mirror.update "majority"`}, seen); d != "" {
		t.Errorf("commands (-want +got):\n%s", d)
	}
}

// A cursor that is read in several answers gives the same rows as one in one.
func TestReadAcrossAnswers(t *testing.T) {
	server := mongotest.Start(t)
	s := open(t, mongo.Options{URI: server.URI()})
	var ops []syncer.Op
	for i := range 300 {
		ops = append(ops, put(fmt.Sprintf("a/%03d", i), 1))
		ops[i].Object.JSON = []byte(`{"kind":"Pod","x":"` + strings.Repeat("x", 100_000) + `"}`)
	}
	write(t, s, syncer.WriteResult{Created: 300}, ops...)
	n := 0
	err := s.Read(t.Context(), pods, syncer.Query{Limit: 1000}, func(o *syncer.Object) error {
		if want := fmt.Sprintf("a/%03d", n); string(o.Key) != want || len(o.Labels) != 2 || string(o.Labels[0].Value) != "web" {
			t.Errorf("row %d is %s with labels %v", n, o.Key, o.Labels)
		}
		n++
		return nil
	})
	if err != nil || n != 300 || server.Seen("getMore") < 2 {
		t.Errorf("Read yields %d rows with %d getMore, %v; want 300 with 2 or more", n, server.Seen("getMore"), err)
	}
}

func TestDoubleRefusesWhatItDoesNotKnow(t *testing.T) {
	db := raw(t, mongotest.Start(t))
	for what, cmd := range map[string]bson.D{
		"command":  {{Key: "renameEverything", Value: 1}},
		"field":    {{Key: "find", Value: "pods"}, {Key: "hint", Value: "_id_"}},
		"operator": {{Key: "find", Value: "pods"}, {Key: "filter", Value: bson.D{{Key: "a", Value: bson.D{{Key: "$regex", Value: "x"}}}}}},
		"update": {{Key: "update", Value: "pods"}, {Key: "updates", Value: bson.A{bson.D{
			{Key: "q", Value: bson.D{}}, {Key: "u", Value: bson.D{{Key: "$set", Value: bson.D{{Key: "a", Value: 1}}}}},
		}}}},
		"pipeline": {{Key: "aggregate", Value: "pods"}, {Key: "cursor", Value: bson.D{}}, {Key: "pipeline", Value: bson.A{bson.D{{Key: "$out", Value: "x"}}}}},
	} {
		if err := db.RunCommand(t.Context(), cmd).Err(); err == nil {
			t.Errorf("the double takes an unknown %s", what)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	server := mongotest.Start(b)
	s := open(b, mongo.Options{URI: server.URI()})
	ops := make([]syncer.Op, 500)
	doc := podJSON()
	for i := range ops {
		ops[i] = put(fmt.Sprintf("a/%d", i), 0)
		ops[i].Object.JSON = doc
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range ops {
			ops[i].Object.RV++
		}
		if _, err := s.Write(b.Context(), pods, ops); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ops)), "ns/doc")
}
