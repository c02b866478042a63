package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

var jsonCases = []testCase{
	{"the order of members is kept", sameBack(`{"z":1,"a":{"y":[1,{"b":2,"a":3}],"x":null},"m":true}`)},
	{"integers keep every digit", sameBack(
		`{"n":[0,-1,2147483648,9007199254740993,9223372036854775807,-9223372036854775808,18446744073709551615]}`)},
	{"numbers keep their text", sameBack(`{"n":[1.0,0.1,-2.50,1e3,1E-7,1.5e300,100000000000000000000.0]}`)},
	{"odd keys are kept", sameBack(
		`{"":"empty","a.b/c":"dotted","$ref":"dollar","$":1,"é":"ü","😀":2,"metadata":{"labels":{"app.kubernetes.io/name":"x","$x":"","":""}}}`)},
	{"odd strings are kept", sameBack(`{"s":["","\u0000","\"\\\/\b\f\n\r\t","\u2028é😀","\ud83d\ude00","a\u0000b","<&>"]}`)},
	{"empty and nested values are kept", sameBack(`{"o":{},"a":[],"n":null,"t":[true,false,[[],[[]],{}],{"a":{"b":{"c":[]}}}]}`)},
	{"an object may hold members named as the store's own", sameBack(
		`{"key":"x","uid":1,"rv":2,"json":{},"labels":[],"id":1,"cluster":"other"}`)},
	{"a large object is kept", sameBack(`{"data":{"a":"` + strings.Repeat("0123456789", 100_000) + `"}}`)},
	{"deep nesting is kept", sameBack(`{"d":` + strings.Repeat(`{"a":`, 60) + `1` + strings.Repeat(`}`, 60) + `}`)},
}

// sameBack checks that an object with the members of doc comes back as it was.
func sameBack(doc string) func(t *tester) {
	return func(t *tester) {
		t.prepare(pods)
		o := object("a/x", 7)
		o.JSON = []byte(`{"apiVersion":"v1","kind":"Pod",` + doc[1:])
		t.wrote(syncer.WriteResult{Created: 1}, syncer.Op{Object: o})
		rows := t.read(pods, "", "", 10)
		if len(rows) != 1 {
			t.Fatalf("Read yields %d rows, want 1", len(rows))
		}
		sameJSON(t, rows[0].JSON, o.JSON)
	}
}

// sameJSON compares two documents token by token: order of members and text of
// numbers count, white space and the spelling of strings don't.
func sameJSON(t *tester, got, want []byte) {
	t.Helper()
	g, w := tokens(got), tokens(want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Errorf("JSON differs at token %d:\n got %.300s\nwant %.300s", i, got, want)
			return
		}
	}
}

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
