package kube_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

var pods = syncer.Cell{Resource: syncer.Resource{Version: "v1", Name: "pods", Kind: "Pod", Namespaced: true}}

// want is what the slow way makes of an object.
type want struct {
	key, uid string
	rv       uint64
	labels   map[string]string
	object   map[string]any
}

func decode(data []byte) (map[string]any, error) {
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return v, d.Decode(&v)
}

// oracle does what the scanner does, with maps.
func oracle(object map[string]any, cell syncer.Cell) (want, error) {
	w := want{object: object, labels: map[string]string{}}
	for field, value := range map[string]string{"apiVersion": cell.Resource.APIVersion(), "kind": cell.Resource.Kind} {
		if _, ok := object[field]; !ok {
			object[field] = value
		}
	}
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		return w, fmt.Errorf("no metadata")
	}
	delete(meta, "managedFields")
	if a, ok := meta["annotations"].(map[string]any); ok {
		if _, ok := a[lastApplied]; ok {
			delete(a, lastApplied)
			if len(a) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	w.uid, _ = meta["uid"].(string)
	w.key = syncer.JoinKey(namespace, name)
	rv, _ := meta["resourceVersion"].(string)
	var err error
	if w.rv, err = strconv.ParseUint(rv, 10, 64); err != nil || name == "" {
		return w, fmt.Errorf("name %q, resourceVersion %q", name, rv)
	}
	if labels, ok := meta["labels"].(map[string]any); ok {
		for k, v := range labels {
			w.labels[k], _ = v.(string)
		}
	}
	return w, nil
}

func oracleList(data []byte, cell syncer.Cell) ([]want, uint64, string, error) {
	list, err := decode(data)
	if err != nil {
		return nil, 0, "", err
	}
	meta, _ := list["metadata"].(map[string]any)
	text, _ := meta["resourceVersion"].(string)
	rv, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, 0, "", err
	}
	next, _ := meta["continue"].(string)
	items, _ := list["items"].([]any)
	var all []want
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, 0, "", fmt.Errorf("item is %T", item)
		}
		w, err := oracle(object, cell)
		if err != nil {
			return nil, 0, "", err
		}
		all = append(all, w)
	}
	return all, rv, next, nil
}

// checkObject holds what the scanner found against the oracle. Bytes that aren't
// UTF-8 stay with the one and are replaced by the other.
func checkObject(t *testing.T, got *syncer.Object, w want) {
	t.Helper()
	clean := func(b []byte) string {
		quoted, _ := json.Marshal(string(b))
		var s string
		_ = json.Unmarshal(quoted, &s)
		return s
	}
	labels := map[string]string{}
	for _, l := range got.Labels {
		labels[clean(l.Name)] = clean(l.Value)
	}
	if !json.Valid(got.JSON) {
		t.Fatalf("object isn't JSON:\n%s", got.JSON)
	}
	object, err := decode(got.JSON)
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, got.JSON)
	}
	found := want{clean(got.Key), clean(got.UID), got.RV, labels, object}
	if d := cmp.Diff(w, found, cmp.AllowUnexported(want{})); d != "" {
		t.Fatalf("object differs (-want +got):\n%s\n%s", d, got.JSON)
	}
	if strings.Contains(string(got.JSON), `"managedFields":[{"manager":"kubectl"`) {
		t.Fatalf("managed fields are left in %s", got.JSON)
	}
}
