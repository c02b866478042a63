package storetest

import (
	"errors"
	"fmt"

	"github.com/sidemirror/sidemirror/syncer"
)

var rangeCases = []testCase{
	{"rows come in the bytewise order of their keys", bytewiseOrder},
	{"a range begins behind after and ends before before", ranges},
	{"Versions appends to dst", versionsAppend},
	{"chunks of any limit make the whole", chunks},
	{"Count is of the cell", counts},
	{"an error of yield ends Read", yieldError},
	{"Read gives key, uid and version", readFields},
	{"Resources names what has rows or checkpoints", resources},
	{"Drop removes the rows and checkpoints of one resource", drop},
}

// ordered are keys in their bytewise order: '-' and '.' sort before '/', and
// U+FFFD before U+1F600, which comparing UTF-16 gets wrong.
var ordered = []string{
	"/node-1", "/node.2", "a-b/x", "a.b/x", "a/X", "a/x", "a/x-1", "a/x.y", "a/x0", "a/é", "a/\uFFFD", "a/\U0001F600", "a0/x", "b/a",
}

func (t *tester) fill(keys []string) {
	t.Helper()
	t.prepare(pods)
	var ops []syncer.Op
	for i := range keys {
		k := keys[(i*5+3)%len(keys)]
		ops = append(ops, put(k, 1))
	}
	t.wrote(syncer.WriteResult{Created: len(keys)}, ops...)
}

func keysOf(rows []syncer.Version) []string {
	var keys []string
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys
}

func readKeys(rows []syncer.Object) []string {
	var keys []string
	for _, r := range rows {
		keys = append(keys, string(r.Key))
	}
	return keys
}

func bytewiseOrder(t *tester) {
	t.fill(ordered)
	t.equal("keys of Versions", keysOf(t.versions(pods, "", "", 100)), ordered)
	t.equal("keys of Read", readKeys(t.read(pods, "", "", 100)), ordered)
}

func ranges(t *tester) {
	t.fill(ordered)
	for _, c := range []struct {
		after, before string
		limit         int
		want          []string
	}{
		{"", "", 3, ordered[:3]},
		{"a/", "a0", 100, ordered[4:12]},
		{"/", "0", 100, ordered[:2]},
		{"a/x", "", 2, ordered[6:8]},
		{"a/x", "a/x", 100, nil},
		{"", "a/x", 100, ordered[:5]},
		{"a/w", "a/x-1", 100, ordered[5:6]},
		{"b/a", "", 100, nil},
		{"zz", "", 100, nil},
	} {
		what := fmt.Sprintf("(after %q, before %q, limit %d)", c.after, c.before, c.limit)
		t.equal("Versions"+what, keysOf(t.versions(pods, c.after, c.before, c.limit)), c.want)
		t.equal("Read"+what, readKeys(t.read(pods, c.after, c.before, c.limit)), c.want)
	}
}

func versionsAppend(t *tester) {
	t.fill([]string{"a/x"})
	first := syncer.Version{Key: "first"}
	got, err := t.s.Versions(t.Context(), pods, "", "", 10, []syncer.Version{first})
	if err != nil {
		t.Fatal(err)
	}
	t.equal("rows", got, []syncer.Version{first, version("a/x", 1)})
}

func chunks(t *tester) {
	t.fill(ordered)
	for limit := 1; limit <= len(ordered)+1; limit++ {
		var versions, read []string
		after := ""
		for {
			rows := t.versions(pods, after, "", limit)
			versions = append(versions, keysOf(rows)...)
			read = append(read, readKeys(t.read(pods, after, "", limit))...)
			if len(rows) < limit {
				break
			}
			after = rows[len(rows)-1].Key
		}
		t.equal(fmt.Sprintf("keys of Versions, limit %d", limit), versions, ordered)
		t.equal(fmt.Sprintf("keys of Read, limit %d", limit), read, ordered)
	}
}

func counts(t *tester) {
	t.fill(ordered)
	t.prepare(nodes)
	t.write(nodes, put("/n1", 1), put("/n2", 1))
	t.count(pods, "", int64(len(ordered)))
	t.count(pods, "a", 8)
	t.count(pods, "a-b", 1)
	t.count(pods, "b", 1)
	t.count(pods, "absent", 0)
	t.count(nodes, "", 2)
}

func yieldError(t *tester) {
	t.fill(ordered)
	calls := 0
	err := t.s.Read(t.Context(), pods, syncer.Query{Limit: 10}, func(*syncer.Object) error {
		calls++
		return errors.New("enough")
	})
	if err == nil || calls != 1 {
		t.Errorf("Read = %v after %d calls, want an error after 1", err, calls)
	}
	t.count(pods, "b", 1) // the store is still good
}

func readFields(t *tester) {
	t.prepare(pods)
	const rv = 1<<62 + 3
	want := object("a/x", rv)
	t.write(pods, syncer.Op{Object: want})
	t.rows(pods, version("a/x", rv))
	rows := t.read(pods, "", "", 10)
	if len(rows) != 1 {
		t.Fatalf("Read yields %d rows, want 1", len(rows))
	}
	got := rows[0]
	if string(got.Key) != string(want.Key) || string(got.UID) != string(want.UID) || got.RV != want.RV {
		t.Errorf("Read yields key %q, uid %q, version %d; want %q, %q, %d", got.Key, got.UID, got.RV, want.Key, want.UID, want.RV)
	}
}

// named checks what Resources says, in any order.
func (t *tester) named(want ...string) {
	t.Helper()
	names, err := t.s.Resources(t.Context())
	if err != nil {
		t.Fatalf("Resources: %v", err)
	}
	got := map[string]int{}
	for _, n := range names {
		got[n]++
	}
	wanted := map[string]int{}
	for _, n := range want {
		wanted[n] = 1
	}
	t.equal("Resources", got, wanted)
}

func resources(t *tester) {
	t.named()
	t.prepare(pods, deployments, nodes)
	t.named()
	t.write(deployments, put("a/x", 1))
	t.write(pods, put("a/x", 1))
	t.named("deployments.apps", "pods")
	t.save(checkpoint("nodes", 1, 1), checkpoint("pods/shop", 1, 1))
	t.named("deployments.apps", "pods", "nodes")
	t.write(deployments, remove("a/x", 1))
	t.named("pods", "nodes")
}

func drop(t *tester) {
	t.prepare(pods, podMetrics)
	t.write(pods, put("a/x", 1))
	t.write(podMetrics, put("a/x", 2))
	kept := checkpoint("pods.metrics.k8s.io", 3, 1)
	t.save(checkpoint("pods", 1, 1), checkpoint("pods/shop", 2, 1), kept)
	if err := t.s.Drop(t.Context(), "pods"); err != nil {
		t.Fatalf("Drop: %v", err)
	}
	t.named("pods.metrics.k8s.io")
	t.checkpoints(kept)
	t.rows(podMetrics, version("a/x", 2))
	t.prepare(pods)
	t.rows(pods)
	t.wrote(syncer.WriteResult{Created: 1}, put("a/x", 1))
}
