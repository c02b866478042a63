package main

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodsHaveTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{4000, 6000, 8192, 12000, 40000} {
		for stream := range uint64(20) {
			s := newSource(1, stream)
			w, err := newWorkload(s, workloadSpec{kind: "Deployment", namespace: "shop", name: "web", component: "service", replicas: 3, podBytes: size})
			if err != nil {
				t.Fatal(err)
			}
			got, err := jsonSize(w.newPod(s, 0))
			if err != nil {
				t.Fatal(err)
			}
			if min, max := size*94/100, size*106/100; got < min || got > max {
				t.Errorf("Pod of %d bytes, stream %d: got %d, want %d to %d", size, stream, got, min, max)
			}
		}
	}
}

func TestSeedDecidesEverything(t *testing.T) {
	build := func(seed uint64) string {
		b := &shopBuilder{source: newSource(seed, shopStream), size: 0.2}
		if err := b.build(); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(b.objects)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if diff := cmp.Diff(build(1), build(1)); diff != "" {
		t.Errorf("same seed (-first +second):\n%s", diff)
	}
	if build(1) == build(2) {
		t.Error("another seed: got the same shop")
	}
}

func TestShopHasNoObjectTwice(t *testing.T) {
	b := &shopBuilder{source: newSource(1, shopStream), size: 1}
	if err := b.build(); err != nil {
		t.Fatal(err)
	}
	keys, uids := map[string]bool{}, map[string]bool{}
	for _, o := range b.objects {
		key, err := storageKey(o)
		if err != nil {
			t.Fatal(err)
		}
		if keys[key] {
			t.Errorf("key %s: got it twice", key)
		}
		if uid := string(o.GetUID()); uid == "" || uids[uid] {
			t.Errorf("UID of %s: got %q, want one of its own", key, uid)
		}
		keys[key], uids[string(o.GetUID())] = true, true
	}
}

func TestFieldSet(t *testing.T) {
	var value map[string]any
	in := `{"spec":{"containers":[{"name":"app","image":"a"}],"tolerations":[{"key":"k"}],"nodeName":"n"}}`
	if err := json.Unmarshal([]byte(in), &value); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(fieldSet(value, false))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"f:spec":{"f:containers":{".":{},"k:{\"name\":\"app\"}":{".":{},"f:image":{},"f:name":{}}},"f:nodeName":{},"f:tolerations":{}}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("field set (-want +got):\n%s", diff)
	}
}
