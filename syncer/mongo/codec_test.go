package mongo_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/mongo"
	"go.mongodb.org/mongo-driver/v2/bson"
)

var modes = []mongo.KeyMode{mongo.KeysPlain, mongo.KeysEscaped}

func row(keys mongo.KeyMode) mongo.Row {
	return mongo.Row{Cluster: "prod", Keys: keys, SyncedAt: time.UnixMilli(1767781800123)}
}

func object(key, doc string) syncer.Object {
	return syncer.Object{
		Key: []byte(key), UID: []byte("u-1"), RV: 4711, JSON: []byte(doc),
		Labels: []syncer.Label{{Name: []byte("app"), Value: []byte("web")}, {Name: []byte("a.b/c")}},
	}
}

// tokens is the slow oracle: order of members, values of strings, text of numbers.
func tokens(doc []byte) []string {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var all []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			return all
		}
		if err != nil {
			return append(all, "error: "+err.Error())
		}
		all = append(all, fmt.Sprintf("%T %v", token, token))
	}
}

// roundTrip checks that doc comes back, from a document that BSON's own library takes.
func roundTrip(t testing.TB, doc string, keys mongo.KeyMode) bson.Raw {
	t.Helper()
	o := object("shop/web-0", doc)
	raw, err := mongo.AppendDocument(nil, &o, row(keys))
	if err != nil {
		t.Fatalf("AppendDocument(%s keys, %q): %v", keys, doc, err)
	}
	if err := bson.Raw(raw).Validate(); err != nil {
		t.Fatalf("%s keys, %q: not valid BSON: %v", keys, doc, err)
	}
	back, err := mongo.AppendJSON(nil, raw, keys)
	if err != nil {
		t.Fatalf("AppendJSON(%s keys) of %q: %v", keys, doc, err)
	}
	if got, want := tokens(back), tokens([]byte(doc)); !slices.Equal(got, want) {
		t.Fatalf("%s keys, %q comes back as %q (-want +got):\n%s", keys, doc, back, cmp.Diff(want, got))
	}
	return raw
}

func TestDocumentLayout(t *testing.T) {
	raw := roundTrip(t, `{"kind":"Pod","spec":{"n":1,"f":0.5,"ok":true,"none":null,"l":["a"]}}`, mongo.KeysPlain)
	var got bson.D
	if err := bson.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	want := bson.D{
		{Key: "_id", Value: "prod/shop/web-0"},
		{Key: "kind", Value: "Pod"},
		{Key: "spec", Value: bson.D{
			{Key: "n", Value: int64(1)}, {Key: "f", Value: 0.5}, {Key: "ok", Value: true},
			{Key: "none", Value: nil}, {Key: "l", Value: bson.A{"a"}},
		}},
		{Key: "_mirror", Value: bson.D{
			{Key: "cluster", Value: "prod"}, {Key: "uid", Value: "u-1"}, {Key: "rv", Value: int64(4711)},
			{Key: "labels", Value: bson.A{"app=web", "a.b/c="}},
			{Key: "syncedAt", Value: bson.DateTime(1767781800123)},
		}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("document (-want +got):\n%s", d)
	}
}

func TestNumbersKeepTheirText(t *testing.T) {
	for text, want := range map[string]bson.Type{
		"0": bson.TypeInt64, "-1": bson.TypeInt64, "9007199254740993": bson.TypeInt64,
		"9223372036854775807": bson.TypeInt64, "-9223372036854775808": bson.TypeInt64,
		"0.1": bson.TypeDouble, "1.0": bson.TypeDouble, "-0.0": bson.TypeDouble, "1e-7": bson.TypeDouble,
		"1.5e+300": bson.TypeDouble, "100000000000000000000": bson.TypeDouble, "0.30000000000000004": bson.TypeDouble,
		"18446744073709551615": bson.TypeDecimal128, "9223372036854775808": bson.TypeDecimal128, "-9223372036854775809": bson.TypeDecimal128,
		"1.10": bson.TypeDecimal128, "1E+3": bson.TypeDecimal128, "100000000000000000000.0": bson.TypeDecimal128,
		"1e3": bson.TypeBinary, "-0": bson.TypeDecimal128, "1E-7": bson.TypeDecimal128, "1e999999": bson.TypeBinary,
		strings.Repeat("9", 400): bson.TypeBinary,
	} {
		raw := roundTrip(t, `{"n":`+text+`}`, mongo.KeysPlain)
		if got := raw.Lookup("n").Type; got != want {
			t.Errorf("%s is stored as %s, want %s", text, got, want)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ key, plainTop, escaped string }{
		{"app.kubernetes.io/name", "app.kubernetes.io/name", "app．kubernetes．io/name"},
		{"$ref", "＄ref", "＄ref"},
		{"a$", "a$", "a$"},
		{"", "", ""},
		{"＄x", "＼＄x", "＼＄x"},
		{"a．b", "a．b", "a＼．b"},
		{"＼", "＼＼", "＼＼"},
		{"＼＄.$", "＼＼＄.$", "＼＼＄．$"},
		{"a＼.b", "a＼.b", "a＼＼．b"},
		{"ＡＢ", "ＡＢ", "ＡＢ"},
	} {
		name, err := json.Marshal(c.key)
		if err != nil {
			t.Fatal(err)
		}
		doc := fmt.Sprintf(`{%s:1,"spec":{%s:2}}`, name, name)
		plain := roundTrip(t, doc, mongo.KeysPlain)
		escaped := roundTrip(t, doc, mongo.KeysEscaped)
		got := []string{key(t, plain, 1), key(t, plain.Lookup("spec").Document(), 0), key(t, escaped, 1), key(t, escaped.Lookup("spec").Document(), 0)}
		want := []string{c.plainTop, c.key, c.escaped, c.escaped}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q as plain top, plain, escaped top, escaped (-want +got):\n%s", c.key, d)
		}
	}
}

func key(t *testing.T, doc bson.Raw, i int) string {
	t.Helper()
	elements, err := doc.Elements()
	if err != nil {
		t.Fatal(err)
	}
	return elements[i].Key()
}

func TestRefusedObjects(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	roundTrip(t, deep(100), mongo.KeysPlain)
	for what, doc := range map[string]string{
		"a NUL in a key":  `{"a\u0000b":1}`,
		"a field _id":     `{"_id":1}`,
		"a field _mirror": `{"_\u006dirror":{}}`,
		"101 levels":      deep(101),
		"17 MiB":          `{"a":"` + strings.Repeat("x", 17<<20) + `"}`,
		"an array":        `[]`, "nothing": "", "two documents": "{}{}", "a leading zero": `{"a":01}`,
		"a trailing comma": `{"a":1,}`, "an open string": `{"a":"b`, "an open object": `{"a":1`, "half an escape": `{"a":"\u12"}`,
		"a control character": "{\"a\":\"\n\"}", "a lone minus": `{"a":-}`, "no value": `{"a":}`, "another literal": `{"a":nul}`,
	} {
		o := object("a/x", doc)
		dst := []byte("before")
		if got, err := mongo.AppendDocument(dst, &o, row(mongo.KeysPlain)); err == nil || string(got) != "before" {
			t.Errorf("AppendDocument of %s = %d bytes, %v; want the 6 bytes of dst and an error", what, len(got), err)
		}
	}
	o := object("a/x", "{}")
	o.RV = 1 << 63
	if _, err := mongo.AppendDocument(nil, &o, row(mongo.KeysPlain)); err == nil {
		t.Error("AppendDocument of version 1<<63: no error")
	}
	for _, doc := range []string{`{"a\u0000b":1}`, `{"spec":{"_id":1,"_mirror":"\u0000"}}`} {
		o := object("a/x", doc)
		_, err := mongo.AppendDocument(nil, &o, row(mongo.KeysEscaped))
		if refused := err != nil; refused != strings.HasPrefix(doc, `{"a`) {
			t.Errorf("AppendDocument(%s): %v", doc, err)
		}
	}
}

func TestRandomDocuments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var doc bytes.Buffer
		randomObject(r, &doc, 0)
		for _, keys := range modes {
			roundTrip(t, doc.String(), keys)
		}
	}
}

var alphabet = []string{"a", "b", ".", "$", "．", "＄", "＼", "é", "😀", `\"`, `\\`, `\/`, `\n`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, `\udE00x`, "\u2028", "\x7f", "12345678", "<&>"}

func randomString(r *rand.Rand, doc *bytes.Buffer) {
	doc.WriteByte('"')
	for range r.IntN(12) {
		doc.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	doc.WriteByte('"')
}

func randomNumber(r *rand.Rand) string {
	switch r.IntN(5) {
	case 0:
		return fmt.Sprint(r.Int64() >> r.IntN(63))
	case 1:
		return fmt.Sprint(-r.Int64() >> r.IntN(63))
	case 2:
		return fmt.Sprintf("%g", r.NormFloat64())
	case 3:
		return fmt.Sprintf("%d.%d", r.IntN(1000), r.IntN(1000))
	default:
		return fmt.Sprintf("%d.%de%+d", r.IntN(10), r.Uint64(), r.IntN(700)-350)
	}
}

func randomValue(r *rand.Rand, doc *bytes.Buffer, depth int) {
	n := r.IntN(8)
	if depth > 5 {
		n = r.IntN(6)
	}
	switch n {
	case 0:
		doc.WriteString("null")
	case 1:
		doc.WriteString([]string{"true", "false"}[r.IntN(2)])
	case 2, 3:
		doc.WriteString(randomNumber(r))
	case 4, 5:
		randomString(r, doc)
	case 6:
		randomObject(r, doc, depth+1)
	default:
		doc.WriteString("[ ")
		for i := range r.IntN(13) {
			if i > 0 {
				doc.WriteString(" ,")
			}
			randomValue(r, doc, depth+1)
		}
		doc.WriteByte(']')
	}
}

func randomObject(r *rand.Rand, doc *bytes.Buffer, depth int) {
	doc.WriteByte('{')
	for i := range r.IntN(6) {
		if i > 0 {
			doc.WriteString(",\n")
		}
		randomString(r, doc)
		doc.WriteByte(':')
		randomValue(r, doc, depth)
	}
	doc.WriteByte('}')
}

func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":[1,-0,1.0,1e3,18446744073709551615,{"b":null}]}`, `{"$a.b":{"．":"＼","":""}}`,
		`{"s":"\ud83d\ude00\ud83d\u0000é"}`, ` {"a" : [ ] , "b":[[],{}]} `, `{"a":1,"a":2}`, `{"_id":1}`, `{"a\u0000":1}`, `{"\u0000"`,
		"{\"\xff\":\"\xc3\"}", string(podJSON()), `{"a":-9223372036854775808,"b":1E-7,"c":0.000001}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		valid := json.Valid(doc) && bytes.HasPrefix(bytes.TrimLeft(doc, " \t\r\n"), []byte("{"))
		for _, keys := range modes {
			o := object("a/x", string(doc))
			_, err := mongo.AppendDocument(nil, &o, row(keys))
			syntax := err != nil && strings.Contains(err.Error(), "not valid JSON")
			if valid && syntax || !valid && err == nil {
				t.Fatalf("AppendDocument(%q) = %v; valid for encoding/json: %t", doc, err, valid)
			}
			if err == nil {
				roundTrip(t, string(doc), keys)
			}
		}
	})
}

func FuzzAppendJSON(f *testing.F) {
	for _, doc := range []string{`{"a":[1,2.5,"x",{"b":null}],"c":true,"n":1e3}`, string(podJSON())} {
		o := object("a/x", doc)
		raw, err := mongo.AppendDocument(nil, &o, row(mongo.KeysEscaped))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, keys := range modes {
			if doc, err := mongo.AppendJSON(nil, raw, keys); err == nil && !json.Valid(doc) {
				t.Fatalf("AppendJSON(%x) = %q, which isn't JSON", raw, doc)
			}
		}
	})
}

// podJSON is a Pod of 8 KB, as the API server has it.
func podJSON() []byte {
	var containers, statuses []map[string]any
	for i := range 4 {
		name := fmt.Sprintf("container-%d", i)
		var env []any
		for j := range 12 {
			env = append(env, map[string]any{"name": fmt.Sprintf("SETTING_%d", j), "value": fmt.Sprintf("value \"%d\" of it", j*i)})
		}
		containers = append(containers, map[string]any{
			"name": name, "image": "registry.example.com/team/" + name + ":v1.2.3", "imagePullPolicy": "IfNotPresent", "env": env,
			"ports":                  []any{map[string]any{"containerPort": 8080 + i, "name": "http", "protocol": "TCP"}},
			"resources":              map[string]any{"limits": map[string]any{"cpu": "500m", "memory": "256Mi"}, "requests": map[string]any{"cpu": "50m", "memory": "64Mi"}},
			"livenessProbe":          map[string]any{"httpGet": map[string]any{"path": "/livez", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 1},
			"volumeMounts":           []any{map[string]any{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access", "readOnly": true}},
			"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
		})
		statuses = append(statuses, map[string]any{
			"name": name, "image": "registry.example.com/team/" + name + ":v1.2.3", "ready": true, "started": true, "restartCount": i,
			"containerID": "containerd://" + strings.Repeat("0123456789abcdef", 4), "imageID": "registry.example.com/team/" + name + "@sha256:" + strings.Repeat("fedcba9876543210", 4),
			"state": map[string]any{"running": map[string]any{"startedAt": "2026-01-07T10:30:00Z"}}, "lastState": map[string]any{},
		})
	}
	doc, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{
			"name": "web-0", "namespace": "shop", "uid": "5b4b1e6e-2f0a-4a5f-8c07-000000000001", "resourceVersion": "4711", "generation": 1,
			"creationTimestamp": "2026-01-07T10:29:00Z", "labels": map[string]any{"app.kubernetes.io/name": "web", "app": "web", "pod-template-hash": "abcdef"},
			"annotations": map[string]any{"prometheus.io/scrape": "true", "example.com/note": "line one\nline two — \"quoted\""},
		},
		"spec":   map[string]any{"containers": containers, "nodeName": "node-17", "priority": 0, "enableServiceLinks": true, "terminationGracePeriodSeconds": 30},
		"status": map[string]any{"phase": "Running", "podIP": "10.1.2.3", "containerStatuses": statuses},
	})
	if err != nil {
		panic(err)
	}
	return doc
}

func TestTranscodeAllocatesNothing(t *testing.T) {
	for _, keys := range modes {
		o := object("shop/web-0", string(podJSON()))
		o.JSON = append(o.JSON[:len(o.JSON)-1], `,"f":[0.25,1.0]}`...)
		raw, err := mongo.AppendDocument(nil, &o, row(keys))
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, 0, 2*len(raw))
		if n := testing.AllocsPerRun(100, func() { _, _ = mongo.AppendDocument(dst, &o, row(keys)) }); n != 0 {
			t.Errorf("AppendDocument with %s keys: %v allocations, want 0", keys, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = mongo.AppendJSON(dst, raw, keys) }); n != 0 {
			t.Errorf("AppendJSON with %s keys: %v allocations, want 0", keys, n)
		}
	}
}

func BenchmarkTranscodePod(b *testing.B) {
	for _, keys := range modes {
		b.Run(keys.String(), func(b *testing.B) {
			o := object("shop/web-0", string(podJSON()))
			b.SetBytes(int64(len(o.JSON)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = mongo.AppendDocument(dst[:0], &o, row(keys)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnstructuredBSON(b *testing.B) {
	doc := podJSON()
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(doc, &m); err != nil {
			b.Fatal(err)
		}
		if _, err := bson.Marshal(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	o := object("shop/web-0", string(podJSON()))
	raw, err := mongo.AppendDocument(nil, &o, row(mongo.KeysPlain))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		if dst, err = mongo.AppendJSON(dst[:0], raw, mongo.KeysPlain); err != nil {
			b.Fatal(err)
		}
	}
}
