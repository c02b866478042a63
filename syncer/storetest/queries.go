package storetest

import (
	"fmt"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

var queryCases = []testCase{
	{"Read gives the labels as they were written", labelsBack},
	{"a key reads its own row", byKey},
	{"a name is found in every namespace", byName},
	{"a selector reads the rows that match, and no other", bySelector},
	{"a selector's chunks of any limit make the whole", selectorChunks},
	{"a selector may be long", longSelector},
	{"a resource that wasn't prepared has no rows", unprepared},
}

// labelled are rows whose labels are easily taken for each other's.
var labelled = map[string]string{
	"a/none":   "",
	"a/web":    "app=web,tier=front",
	"a/web-1":  "app=web-1,tier=front",
	"a/we":     "app=we",
	"a/empty":  "app=",
	"a/apple":  "apple=web,x-app=web",
	"a/dots":   "a.b/c=1",
	"a/letter": "aXb/c=1",
	"b/web":    "app=web,tier=back,a.b/c=2",
	"b/upper":  "App=web,app=Web",
	"b/odd":    `app=a"b,tier=\,é="]`,
	"b/signs":  "app=$x,tier=.*,%=_",
}

func labelsOf(text string) (labels []syncer.Label) {
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, ",")
		name, value, _ := strings.Cut(one, "=")
		labels = append(labels, syncer.Label{Name: []byte(name), Value: []byte(value)})
	}
	return labels
}

func (t *tester) fillLabelled() {
	t.Helper()
	t.prepare(pods)
	var ops []syncer.Op
	for key, labels := range labelled {
		op := put(key, 1)
		op.Object.Labels = labelsOf(labels)
		ops = append(ops, op)
	}
	t.wrote(syncer.WriteResult{Created: len(labelled)}, ops...)
}

func labelsBack(t *tester) {
	t.fillLabelled()
	got := map[string]string{}
	for _, o := range t.read(pods, "", "", 100) {
		var all []string
		for _, l := range o.Labels {
			all = append(all, string(l.Name)+"="+string(l.Value))
		}
		got[string(o.Key)] = strings.Join(all, ",")
	}
	t.equal("labels", got, labelled)
}

func byKey(t *tester) {
	t.fill(ordered)
	for _, key := range ordered {
		t.equal("keys of "+key, readKeys(t.query(pods, syncer.Query{Key: key, Limit: 10})), []string{key})
	}
	for _, q := range []syncer.Query{
		{Key: "a/absent", Limit: 10}, {Key: "a/", Limit: 10},
		{Key: "a/x", After: "a/x", Limit: 10}, {Key: "a/x", Before: "a/x", Limit: 10}, {Key: "a/x", Name: "y", Limit: 10},
	} {
		t.equal(fmt.Sprintf("keys of %+v", q), readKeys(t.query(pods, q)), []string(nil))
	}
}

func byName(t *tester) {
	t.fill(ordered)
	t.equal("keys", readKeys(t.query(pods, syncer.Query{Name: "x", Limit: 10})), []string{"a-b/x", "a.b/x", "a/x", "a0/x"})
	t.equal("keys of a range", readKeys(t.query(pods, syncer.Query{Name: "x", After: "a/", Before: "a0", Limit: 10})), []string{"a/x"})
	t.equal("keys of no row", readKeys(t.query(pods, syncer.Query{Name: "a/x", Limit: 10})), []string(nil))
}

func in(name string, values ...string) syncer.LabelRequirement {
	return syncer.LabelRequirement{Name: name, Op: syncer.LabelIn, Values: values}
}

func notIn(name string, values ...string) syncer.LabelRequirement {
	return syncer.LabelRequirement{Name: name, Op: syncer.LabelNotIn, Values: values}
}

func exists(name string) syncer.LabelRequirement {
	return syncer.LabelRequirement{Name: name, Op: syncer.LabelExists}
}

func absent(name string) syncer.LabelRequirement {
	return syncer.LabelRequirement{Name: name, Op: syncer.LabelDoesNotExist}
}

var selectors = []struct {
	terms []syncer.LabelRequirement
	want  string // keys
}{
	{nil, "a/apple a/dots a/empty a/letter a/none a/we a/web a/web-1 b/odd b/signs b/upper b/web"},
	{[]syncer.LabelRequirement{in("app", "web")}, "a/web b/web"},
	{[]syncer.LabelRequirement{in("app", "web", "web-1", "absent")}, "a/web a/web-1 b/web"},
	{[]syncer.LabelRequirement{in("app", "")}, "a/empty"},
	{[]syncer.LabelRequirement{in("app")}, ""},
	{[]syncer.LabelRequirement{in("app", `a"b`, "$x")}, "b/odd b/signs"},
	{[]syncer.LabelRequirement{in("app", "web"), in("tier", "front")}, "a/web"},
	{[]syncer.LabelRequirement{in("app", "web"), in("app", "web-1")}, ""},
	{[]syncer.LabelRequirement{notIn("app", "web")}, "a/apple a/dots a/empty a/letter a/none a/we a/web-1 b/odd b/signs b/upper"},
	{[]syncer.LabelRequirement{notIn("app", "web", "web-1", ""), exists("app")}, "a/we b/odd b/signs b/upper"},
	{[]syncer.LabelRequirement{notIn("app")}, "a/apple a/dots a/empty a/letter a/none a/we a/web a/web-1 b/odd b/signs b/upper b/web"},
	{[]syncer.LabelRequirement{exists("app")}, "a/empty a/we a/web a/web-1 b/odd b/signs b/upper b/web"},
	{[]syncer.LabelRequirement{exists("a.b/c")}, "a/dots b/web"},
	{[]syncer.LabelRequirement{exists("ap")}, ""},
	{[]syncer.LabelRequirement{exists("é"), exists("tier")}, "b/odd"},
	{[]syncer.LabelRequirement{absent("app")}, "a/apple a/dots a/letter a/none"},
	{[]syncer.LabelRequirement{absent("a.b/c"), absent("app")}, "a/apple a/letter a/none"},
	{[]syncer.LabelRequirement{absent("app"), exists("app")}, ""},
	{[]syncer.LabelRequirement{in("tier", "front", "back"), notIn("app", "web-1"), absent("a.b/c")}, "a/web"},
}

func bySelector(t *tester) {
	t.fillLabelled()
	for _, finish := range []bool{false, true} {
		if finish {
			if err := t.s.FinishFill(t.Context(), pods); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range selectors {
			rows := t.query(pods, syncer.Query{Labels: s.terms, Limit: 100})
			t.equal(fmt.Sprintf("keys of %+v", s.terms), strings.Join(readKeys(rows), " "), s.want)
			t.matchesAgrees(s.terms, s.want)
		}
	}
	rows := t.query(pods, syncer.Query{Labels: []syncer.LabelRequirement{in("app", "web")}, After: "a/web", Before: "b0", Limit: 100})
	t.equal("keys of a range", readKeys(rows), []string{"b/web"})
}

// matchesAgrees holds what the stores say against [syncer.LabelRequirement.Matches].
func (t *tester) matchesAgrees(terms []syncer.LabelRequirement, want string) {
	t.Helper()
	wanted := " " + want + " "
	for key, text := range labelled {
		all := true
		for i := range terms {
			all = all && terms[i].Matches(labelsOf(text))
		}
		if got := strings.Contains(wanted, " "+key+" "); got != all {
			t.Errorf("%+v: Matches of %s is %v", terms, key, all)
		}
	}
}

func selectorChunks(t *tester) {
	t.fillLabelled()
	for _, s := range selectors {
		for limit := 1; limit <= 4; limit++ {
			var keys []string
			for after := ""; ; {
				rows := t.query(pods, syncer.Query{Labels: s.terms, After: after, Limit: limit})
				keys = append(keys, readKeys(rows)...)
				if len(rows) < limit {
					break
				}
				after = string(rows[len(rows)-1].Key)
			}
			t.equal(fmt.Sprintf("keys of %+v, limit %d", s.terms, limit), strings.Join(keys, " "), s.want)
		}
	}
}

func longSelector(t *tester) {
	t.fillLabelled()
	var values []string
	var terms []syncer.LabelRequirement
	for i := range 3000 {
		values = append(values, fmt.Sprintf("v%d", i))
		terms = append(terms, absent(fmt.Sprintf("n%d", i)))
	}
	terms = append(terms, in("app", append(values, "web")...), notIn("app", values...))
	t.equal("keys", readKeys(t.query(pods, syncer.Query{Labels: terms, Limit: 100})), []string{"a/web", "b/web"})
}

func unprepared(t *tester) {
	t.prepare(pods)
	t.equal("keys", readKeys(t.query(deployments, syncer.Query{Limit: 10})), []string(nil))
}
