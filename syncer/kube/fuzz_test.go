package kube_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
)

// FuzzScanList: what isn't JSON is refused, and what is accepted is what the
// slow way makes of it.
func FuzzScanList(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(`{"metadata":{"resourceVersion":"1","continue":"c"},"items":[` + o + `]}`))
		f.Add([]byte(`{"items":[` + o + `,` + o + `],"metadata":{"resourceVersion":"1"}}`))
	}
	f.Add([]byte(`{"items":[{"metadata":{"name":"a","resourceVersion":"1","labels":{"b":"","a":"\ud800"}}}],"metadata":{"resourceVersion":"1","remainingItemCount":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := kube.ScanList(bytes.NewReader(data), pods, nil, new(syncer.Batch), 0)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted what isn't JSON: %q", data)
		}
		wants, rv, _, err := oracleList(data, pods)
		if err != nil {
			t.Fatalf("accepted what the oracle refuses: %v", err)
		}
		if rv != got.RV || len(wants) != len(got.Batch.Objects) {
			t.Fatalf("got %d objects at %d, want %d at %d", len(got.Batch.Objects), got.RV, len(wants), rv)
		}
		for i := range wants {
			checkObject(t, &got.Batch.Objects[i], wants[i])
		}
	})
}

// FuzzScanWatch: the same for a stream, which is refused from its first wrong
// byte on.
func FuzzScanWatch(f *testing.F) {
	for _, o := range objects {
		f.Add([]byte(`{"type":"ADDED","object":` + o + `}{"object":` + o + `,"type":"DELETED"}`))
	}
	f.Add([]byte(`{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}{"type":"ERROR","object":{"code":410}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := json.NewDecoder(bytes.NewReader(data))
		frames.UseNumber()
		next := func(want string) map[string]any {
			var frame map[string]any
			if err := frames.Decode(&frame); err != nil {
				t.Fatalf("accepted what isn't JSON: %v", err)
			}
			if frame["type"] != want {
				t.Fatalf("got type %s, want %v", want, frame["type"])
			}
			object, ok := frame["object"].(map[string]any)
			if !ok {
				t.Fatalf("accepted an object that is %T", frame["object"])
			}
			return object
		}
		_ = kube.ScanWatch(bytes.NewReader(data), pods, func(kind syncer.EventType, o *syncer.Object) {
			w, err := oracle(next(string(kind)), pods)
			if err != nil {
				t.Fatalf("accepted what the oracle refuses: %v", err)
			}
			checkObject(t, o, w)
		}, func(uint64) { next("BOOKMARK") }, func(int32) {
			var skip map[string]any
			_ = frames.Decode(&skip)
		})
	})
}
