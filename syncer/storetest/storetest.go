// Package storetest is the conformance suite of [syncer.Store]: what the
// contract promises, and nothing that it doesn't.
//
// Reading order: storetest.go (how a case speaks to a store), write.go,
// ranges.go, queries.go, json.go, checkpoints.go, history.go (the cases).
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
)

// Run checks the stores that open returns: fresh, empty, of the cluster "test",
// and closed by a cleanup of open's own, which bears that the case has closed
// the store before. It calls open once a case.
func Run(t *testing.T, open func(t *testing.T) syncer.Store) {
	for _, group := range [][]testCase{writeCases, rangeCases, queryCases, jsonCases, checkpointCases, historyCases} {
		for _, c := range group {
			t.Run(c.promise, func(t *testing.T) { c.check(&tester{T: t, s: open(t)}) })
		}
	}
}

type testCase struct {
	promise string
	check   func(t *tester)
}

var (
	pods        = syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}
	podMetrics  = syncer.Resource{Group: "metrics.k8s.io", Version: "v1beta1", Name: "pods", Kind: "PodMetrics", Namespaced: true}
	deployments = syncer.Resource{Group: "apps", Version: "v1", Name: "deployments", Kind: "Deployment", Namespaced: true}
	nodes       = syncer.Resource{Version: "v1", Name: "nodes", Kind: "Node"}
)

// tester is a case's store, with calls that end the case when they fail.
type tester struct {
	*testing.T
	s syncer.Store
}

func (t *tester) prepare(resources ...syncer.Resource) {
	t.Helper()
	for _, r := range resources {
		if err := t.s.Prepare(t.Context(), r); err != nil {
			t.Fatalf("Prepare(%s): %v", r, err)
		}
	}
}

// write hands ops to the store, and checks what the result adds up to.
func (t *tester) write(r syncer.Resource, ops ...syncer.Op) syncer.WriteResult {
	t.Helper()
	res, err := t.s.Write(t.Context(), r, ops)
	if err != nil {
		t.Fatalf("Write(%s): %v", r, err)
	}
	t.accounted(res, len(ops))
	return res
}

func (t *tester) accounted(res syncer.WriteResult, ops int) {
	t.Helper()
	if sum := res.Created + res.Updated + res.Deleted + res.Stale + len(res.Rejected); sum != ops {
		t.Errorf("result accounts for %d ops, want %d: %+v", sum, ops, res)
	}
}

// wrote writes ops and compares the result.
func (t *tester) wrote(want syncer.WriteResult, ops ...syncer.Op) {
	t.Helper()
	t.equal("result", t.write(pods, ops...), want)
}

func (t *tester) versions(r syncer.Resource, after, before string, limit int) []syncer.Version {
	t.Helper()
	rows, err := t.s.Versions(t.Context(), r, after, before, limit, nil)
	if err != nil {
		t.Fatalf("Versions(%s, %q, %q, %d): %v", r, after, before, limit, err)
	}
	return rows
}

// rows checks which rows the resource has, by key and version.
func (t *tester) rows(r syncer.Resource, want ...syncer.Version) {
	t.Helper()
	got := t.versions(r, "", "", 100_000)
	if len(got) == 0 {
		got = nil
	}
	t.equal("rows of "+r.String(), got, want)
}

func (t *tester) count(r syncer.Resource, namespace string, want int64) {
	t.Helper()
	cell := syncer.Cell{Resource: r, Namespace: namespace}
	got, err := t.s.Count(t.Context(), cell)
	if err != nil {
		t.Fatalf("Count(%s): %v", cell, err)
	}
	if got != want {
		t.Errorf("Count(%s) = %d, want %d", cell, got, want)
	}
}

// read returns copies of the rows of a range.
func (t *tester) read(r syncer.Resource, after, before string, limit int) []syncer.Object {
	t.Helper()
	return t.query(r, syncer.Query{After: after, Before: before, Limit: limit})
}

// query returns copies of the rows that Read yields.
func (t *tester) query(r syncer.Resource, q syncer.Query) []syncer.Object {
	t.Helper()
	var rows []syncer.Object
	err := t.s.Read(t.Context(), r, q, func(o *syncer.Object) error {
		rows = append(rows, o.Clone())
		return nil
	})
	if err != nil {
		t.Fatalf("Read(%s, %+v): %v", r, q, err)
	}
	return rows
}

func (t *tester) equal(what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// storeErr checks that err is of a kind that the contract names.
func (t *tester) storeErr(what string, err error) {
	t.Helper()
	_, isStore := errors.AsType[*syncer.StoreError](err)
	isCtx := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !isStore && !isCtx {
		t.Errorf("%s: error is %T (%v), want a *syncer.StoreError or ctx's own", what, err, err)
	}
}

func uidOf(key string) string { return "uid-" + key }

// object is a small object whose JSON tells its version.
func object(key string, rv uint64) syncer.Object {
	namespace, name := syncer.SplitKey(key)
	return syncer.Object{
		Key: []byte(key), UID: []byte(uidOf(key)), RV: rv,
		Labels: []syncer.Label{{Name: []byte("app.kubernetes.io/name"), Value: []byte("web")}, {Name: []byte("empty")}},
		JSON: fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":%q,"resourceVersion":"%d"}}`,
			name, namespace, rv),
	}
}

func put(key string, rv uint64) syncer.Op { return syncer.Op{Object: object(key, rv)} }

func remove(key string, rv uint64) syncer.Op {
	return syncer.Op{Delete: true, Object: syncer.Object{Key: []byte(key), RV: rv}}
}

func force(op syncer.Op) syncer.Op {
	op.Force = true
	return op
}

func version(key string, rv uint64) syncer.Version {
	return syncer.Version{Key: key, UID: uidOf(key), RV: rv}
}
