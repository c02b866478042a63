package kube_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
)

// readers show the same bytes in pieces of several sizes, so that every value
// is once cut by the window's end.
func readers(data []byte) map[string]io.Reader {
	return map[string]io.Reader{
		"whole":  bytes.NewReader(data),
		"bytes":  iotest.OneByteReader(bytes.NewReader(data)),
		"halves": iotest.HalfReader(bytes.NewReader(data)),
		"eof":    iotest.DataErrReader(bytes.NewReader(data)),
	}
}

func checkList(t *testing.T, data []byte, cell syncer.Cell) {
	t.Helper()
	for how, r := range readers(data) {
		wants, rv, next, err := oracleList(data, cell)
		if err != nil {
			t.Fatalf("oracle: %v", err)
		}
		got, err := kube.ScanList(r, cell, nil, new(syncer.Batch), 0)
		if err != nil {
			t.Fatalf("%s: %v\n%.2000s", how, err, data)
		}
		if got.RV != rv || got.Continue != next || len(got.Batch.Objects) != len(wants) {
			t.Fatalf("%s: got version %d, continue %q, %d objects, want %d, %q, %d", how, got.RV, got.Continue, len(got.Batch.Objects), rv, next, len(wants))
		}
		for i := range wants {
			checkObject(t, &got.Batch.Objects[i], wants[i])
		}
	}
}

const object = `{"metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"12","labels":{"app":"x","b\u0063":"\ud83d\ude00"},"annotations":{"k":"v"}},"spec":{"n":1.50e+3,"s":"\\\"\u0000"}}`

var objects = []string{
	object,
	`{ "kind" : "Pod" , "apiVersion":"v1", "metadata" : { "managedFields":[{"manager":"kubectl"}], "name":"b" , "resourceVersion" : "1" } }`,
	`{"metadata":{"managedFields":[],"annotations":{"` + lastApplied + `":"{}"},"name":"c","resourceVersion":"2"}}`,
	`{"metadata":{"name":"c","annotations":{"` + lastApplied + `":"{}"},"managedFields":[{"a":[{}]}],"resourceVersion":"2"}}`,
	`{"metadata":{"name":"c","resourceVersion":"2","annotations":{"a":"1","` + lastApplied + `":"{}","b":"2"},"managedFields":null}}`,
	`{"metadata":{"name":"c","resourceVersion":"2","annotations":{"` + lastApplied + `":"{}" , "b":"2"}}}`,
	`{"metadata":{"name":"c","resourceVersion":"2","annotations":{"b":"2","` + lastApplied + `":"{}"}, "managedFields":[] , "x":1}}`,
	`{"metadata":{"name":"c","resourceVersion":"2","annotations":{},"labels":null}}`,
	`{"\u006detadata":{"\u006eame":"d","resourceVersi\u006fn":"3","managed\u0046ields":[1],"annotations":{"kubectl.kubernetes.io\/last-applied-configuration":"x"},"labels":{"z":"1","a":"2"}}}`,
	`{"kind":"Pod","status":{"deep":[[[[{"a":[]},-0,0.1E-7,true,false,null]]]]},"metadata":{"resourceVersion":"18446744073709551600","name":"e","namespace":null}}`,
}

func TestScanListMakesWhatTheSlowWayMakes(t *testing.T) {
	for i, o := range objects {
		checkList(t, []byte(`{"kind":"PodList","metadata":{"resourceVersion":"99","continue":"tok\n\u0041","remainingItemCount":7},"items":[`+o+`]}`), pods)
		checkList(t, []byte(` { "items" : [ `+strings.Repeat(o+" ,\n", i)+o+` ] , "kind":"x", "metadata" : {"continue":"","resourceVersion":"99"} } `), pods)
	}
	checkList(t, []byte(`{"metadata":{"resourceVersion":"1"},"items":null}`), pods)
	checkList(t, []byte(`{"metadata":{"resourceVersion":"1"},"items":[]}`), pods)
}

func TestScanKeepsBytes(t *testing.T) {
	in := `{ "metadata":{"name":"a","resourceVersion":"12",  "managedFields":[1]},"n":1.50e+3 , "s":"\u0041/\/"}`
	got, err := kube.ScanList(strings.NewReader(`{"metadata":{"resourceVersion":"1"},"items":[`+in+`]}`), pods, nil, new(syncer.Batch), 0)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"v1","kind":"Pod", "metadata":{"name":"a","resourceVersion":"12"},"n":1.50e+3 , "s":"\u0041/\/"}`
	if d := cmp.Diff(want, string(got.Batch.Objects[0].JSON)); d != "" {
		t.Error(d)
	}
}

func TestScanListRefuses(t *testing.T) {
	list := func(item string) string {
		return `{"metadata":{"resourceVersion":"1"},"items":[` + object + `,` + item + `]}`
	}
	meta := func(members string) string {
		return list(`{"metadata":{"name":"a","resourceVersion":"1",` + members + `}}`)
	}
	at := len(list("")) - 2 // where the second item begins
	cases := []struct {
		name, in, text string
		offset         int // 0: not checked
	}{
		{"nothing", "", "unexpected end at byte 0", 0},
		{"html", "<html>", "instead of a list", 0},
		{"array", "[]", "instead of a list", 0},
		{"no items", `{"metadata":{"resourceVersion":"1"}}`, "without items", 0},
		{"no metadata", `{"items":[]}`, "without metadata", 0},
		{"no version", `{"items":[],"metadata":{}}`, "without resourceVersion", 0},
		{"bad version", `{"items":[],"metadata":{"resourceVersion":"x"}}`, "metadata.resourceVersion: isn't a resource version", 0},
		{"number as version", `{"items":[],"metadata":{"resourceVersion":1}}`, "instead of a string", 0},
		{"metadata twice", `{"metadata":{"resourceVersion":"1"},"items":[],"metadata":{"resourceVersion":"1"}}`, "twice", 0},
		{"items twice", `{"metadata":{"resourceVersion":"1"},"items":[],"\u0069tems":[]}`, "twice", 0},
		{"data behind", `{"metadata":{"resourceVersion":"1"},"items":[]}{}`, "instead of the end", 0},
		{"count", `{"metadata":{"resourceVersion":"1","remainingItemCount":1.5},"items":[]}`, "isn't a count", 0},
		{"truncated item", list(`{"metadata":{"na`)[:at+14], "item 1 metadata: unexpected end", at + 14},
		{"no name", list(`{"metadata":{"resourceVersion":"1"}}`), "item 1 metadata: object has no name", 0},
		{"no object version", list(`{"metadata":{"name":"a"}}`), "no resourceVersion", 0},
		{"object version", list(`{"metadata":{"name":"a","resourceVersion":"1a"}}`), "item 1 metadata.resourceVersion", 0},
		{"object version zero", list(`{"metadata":{"name":"a","resourceVersion":"0"}}`), "isn't a resource version", 0},
		{"huge version", list(`{"metadata":{"name":"a","resourceVersion":"99999999999999999999"}}`), "isn't a resource version", 0},
		{"item null", list(`null`), "instead of an object", at},
		{"metadata null", list(`{"metadata":null}`), "instead of an object", 0},
		{"name twice", meta(`"n\u0061me":"b"`), "metadata.name: member appears twice", 0},
		{"labels twice", meta(`"labels":{},"labels":{}`), "twice", 0},
		{"label twice", meta(`"labels":{"a":"1","a":"2"}`), "label appears twice", 0},
		{"label twice unsorted", meta(`"labels":{"b":"1","a":"2","\u0062":"2"}`), "label appears twice", 0},
		{"label a number", meta(`"labels":{"a":1}`), "instead of a string", 0},
		{"annotations a list", meta(`"annotations":[]`), "instead of an object", 0},
		{"slash", list(`{"metadata":{"name":"a/b","resourceVersion":"1"}}`), "slash", 0},
		{"kind twice", list(`{"kind":"a","kind":"b"}`), "twice", 0},
		{"kind empty", list(`{"kind":""}`), "item 1 kind: is empty", 0},
		{"control character", list(`{"a":"` + "\n" + `"}`), "invalid character '\\n'", at + 6},
		{"escape", list(`{"a":"\x"}`), "instead of an escape", at + 7},
		{"escape digits", list(`{"a":"\u12g4"}`), "hexadecimal", at + 10},
		{"leading zero", list(`{"a":01}`), "a comma or a brace", at + 6},
		{"plus", list(`{"a":+1}`), "instead of a value", at + 5},
		{"no fraction", list(`{"a":1.}`), "instead of a digit", at + 7},
		{"no exponent", list(`{"a":1e}`), "instead of a digit", at + 7},
		{"minus", list(`{"a":-}`), "instead of a value", at + 6},
		{"literal", list(`{"a":trye}`), "instead of true", at + 7},
		{"trailing comma", list(`{"a":1,}`), "a member's name", at + 7},
		{"trailing comma below", list(`{"a":{"b":1,}}`), "a member's name", at + 12},
		{"array comma", list(`{"a":[1,]}`), "instead of a value", at + 8},
		{"bare member", list(`{a:1}`), "a member's name", at + 1},
		{"no colon", list(`{"a" 1}`), "a colon", at + 5},
		{"deep", list(`{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`), "nested too deeply", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for how, r := range readers([]byte(c.in)) {
				_, err := kube.ScanList(r, pods, nil, new(syncer.Batch), 0)
				se, ok := errors.AsType[*kube.ScanError](err)
				if !ok || !strings.Contains(err.Error(), c.text) {
					t.Fatalf("%s: got error %v, want one with %q", how, err, c.text)
				}
				if c.offset != 0 && se.Offset != int64(c.offset) {
					t.Errorf("%s: got offset %d, want %d: %v", how, se.Offset, c.offset, err)
				}
			}
		})
	}
}

func TestScanListRefusesEveryTruncation(t *testing.T) {
	whole := `{"metadata":{"resourceVersion":"1"},"items":[` + strings.Join(objects, ",") + `]}`
	for n := range len(whole) {
		if _, err := kube.ScanList(strings.NewReader(whole[:n]), pods, nil, new(syncer.Batch), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("first %d bytes: got error %v, want an unexpected end", n, err)
		}
	}
}

func TestScanLimits(t *testing.T) {
	big := `{"metadata":{"name":"a","resourceVersion":"1"},"data":"` + strings.Repeat("x", 1<<20) + `"}`
	in := `{"metadata":{"resourceVersion":"1"},"items":[` + big + `]}`
	if _, err := kube.ScanList(strings.NewReader(in), pods, nil, new(syncer.Batch), 1<<18); err == nil || !strings.Contains(err.Error(), "object of more than 262144 bytes") {
		t.Errorf("got error %v, want the limit named", err)
	}
	if _, err := kube.ScanList(strings.NewReader(in), pods, nil, new(syncer.Batch), 0); err != nil {
		t.Error(err)
	}
	limited := pods
	limited.Namespace = "other"
	if _, err := kube.ScanList(strings.NewReader(`{"metadata":{"resourceVersion":"1"},"items":[`+object+`]}`), limited, nil, new(syncer.Batch), 0); err == nil || !strings.Contains(err.Error(), "another namespace") {
		t.Errorf("got error %v, want the namespace refused", err)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	secrets := syncer.Cell{Resource: syncer.Resource{Version: "v1", Name: "secrets", Kind: "Secret", Namespaced: true}}
	in := `{"metadata":{"resourceVersion":"1"},"items":[{"type":"Opaque", "d\u0061ta": {"a":"aHVudGVyMg==" , "b":null,"c":""},"stringData":{"s":"hunter2"},"metadata":{"name":"s","resourceVersion":"5","annotations":{"` + lastApplied + `":"hunter2"}}}]}`
	got, err := kube.ScanList(strings.NewReader(in), secrets, []byte("0123456789abcdef"), new(syncer.Batch), 0)
	if err != nil {
		t.Fatal(err)
	}
	mac := "redacted:len=7:hmac-sha256=" + digest("0123456789abcdef", "hunter2")
	empty := "redacted:len=0:hmac-sha256=" + digest("0123456789abcdef", "")
	want := `{"apiVersion":"v1","kind":"Secret","type":"Opaque", "d\u0061ta": {"a":"` + mac + `" , "b":null,"c":"` + empty + `"},"stringData":{"s":"` + mac + `"},"metadata":{"name":"s","resourceVersion":"5"}}`
	if d := cmp.Diff(want, string(got.Batch.Objects[0].JSON)); d != "" {
		t.Error(d)
	}
	bad := strings.Replace(in, "aHVudGVyMg==", "hunter2!", 1)
	if _, err := kube.ScanList(strings.NewReader(bad), secrets, []byte("0123456789abcdef"), new(syncer.Batch), 0); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got error %v, want one without the value", err)
	}
}

func TestScanWatchRefuses(t *testing.T) {
	cases := map[string]string{
		`{"type":"ADDED"}`:                             "without object",
		`{"object":` + object + `}`:                    "without type",
		`{"type":"PATCHED","object":{}}`:               "unknown type",
		`{"type":"ADDED","type":"ADDED"}`:              "twice",
		`{"object":{},"object":{},"type":"ADDED"}`:     "twice",
		`{"type":"BOOKMARK","object":{"metadata":{}}}`: "bookmark without resourceVersion",
		`{"type":"ADDED","object":{"metadata":{}}}`:    "no name",
		`{"object":{"metadata":{}},"type":"MODIFIED"}`: "no name",
		`{"type":"ADDED","object":` + object[:40]:      "unexpected end",
		`{"type":"ADDED","object":` + object + `},`:    "instead of an event",
		`[]`:                               "instead of an event",
		`{"type":"ERROR","object":"gone"}`: "without a status",
		`{"type":"ADDED","object":5}`:      "instead of an object",
		`{"object":null,"type":"DELETED"}`: "instead of an object",
	}
	for in, text := range cases {
		for how, r := range readers([]byte(in)) {
			err := kube.ScanWatch(r, pods, func(syncer.EventType, *syncer.Object) {}, func(uint64) {}, func(int32) {})
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s %s: got error %v, want %q", how, in, err, text)
			}
		}
	}
}

func TestScanWatch(t *testing.T) {
	var in strings.Builder
	for _, o := range objects {
		fmt.Fprintf(&in, `{"type":"ADDED","object":%s}`+"\n", o)
		fmt.Fprintf(&in, `{"object":%s,"x":[1],"type":"DELETED"}`, o)
		in.WriteString(`{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"77","creationTimestamp":null}}}`)
		in.WriteString(`{"object":{"code":410,"reason":"Expired"},"type":"ERROR"}` + "\r\n")
	}
	for how, r := range readers([]byte(in.String())) {
		events, bookmarks, statuses := 0, 0, 0
		err := kube.ScanWatch(r, pods, func(kind syncer.EventType, o *syncer.Object) {
			if want := []syncer.EventType{syncer.Added, syncer.Deleted}[events%2]; kind != want {
				t.Errorf("%s: got %s, want %s", how, kind, want)
			}
			object, err := decode([]byte(objects[events/2]))
			if err != nil {
				t.Fatal(err)
			}
			w, err := oracle(object, pods)
			if err != nil {
				t.Fatal(err)
			}
			checkObject(t, o, w)
			events++
		}, func(rv uint64) {
			if rv != 77 {
				t.Errorf("%s: bookmark at %d", how, rv)
			}
			bookmarks++
		}, func(code int32) {
			if code != 410 {
				t.Errorf("%s: status %d", how, code)
			}
			statuses++
		})
		if err != nil || events != 2*len(objects) || bookmarks != len(objects) || statuses != len(objects) {
			t.Errorf("%s: got %d events, %d bookmarks, %d statuses, %v", how, events, bookmarks, statuses, err)
		}
	}
}
