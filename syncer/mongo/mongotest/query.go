package mongotest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// filter is a conjunction of comparisons of fields.
type filter struct {
	terms []term
	// The bounds of _id that follow, for finding documents without looking at all.
	id           string // equal; "" for none
	above, below string // inclusive; "" for none
}

type term struct {
	path  []string
	op    string
	value bson.RawValue
}

var operators = []string{"$eq", "$gt", "$gte", "$lt", "$lte"}

func parseFilter(doc bson.Raw) (*filter, error) {
	f := &filter{}
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements {
		key, value := e.Key(), e.Value()
		if strings.HasPrefix(key, "$") {
			return nil, refuse(2, "unknown top level operator: %s", key)
		}
		nested, isDoc := value.DocumentOK()
		if isDoc && startsWithDollar(nested) {
			if err := f.compare(key, nested); err != nil {
				return nil, err
			}
			continue
		}
		if err := f.add(key, "$eq", value); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func startsWithDollar(doc bson.Raw) bool {
	e, err := doc.IndexErr(0)
	return err == nil && strings.HasPrefix(e.Key(), "$")
}

func (f *filter) compare(key string, ops bson.Raw) error {
	elements, err := ops.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		if !slices.Contains(operators, e.Key()) {
			return refuse(2, "unknown operator: %s", e.Key())
		}
		if err := f.add(key, e.Key(), e.Value()); err != nil {
			return err
		}
	}
	return nil
}

func (f *filter) add(key, op string, v bson.RawValue) error {
	switch v.Type {
	case bson.TypeString, bson.TypeInt32, bson.TypeInt64:
	default:
		return refuse(2, "the double compares with strings and integers, not with a %s", v.Type)
	}
	f.terms = append(f.terms, term{path: strings.Split(key, "."), op: op, value: v})
	if s, isString := v.StringValueOK(); key == "_id" && isString {
		switch op {
		case "$eq":
			f.id = s
		case "$gt", "$gte":
			f.above = s
		case "$lt", "$lte":
			f.below = s
		}
	}
	return nil
}

func (f *filter) match(doc bson.Raw) bool {
	for _, t := range f.terms {
		if !t.match(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}, t.path) {
			return false
		}
	}
	return true
}

// match follows the path; an array matches when one of its items does.
func (t *term) match(v bson.RawValue, path []string) bool {
	if v.Type == bson.TypeArray {
		values, _ := v.Array().Values()
		for _, item := range values {
			if item.Type != bson.TypeArray && t.match(item, path) {
				return true
			}
		}
		return false
	}
	if len(path) > 0 {
		doc, ok := v.DocumentOK()
		if !ok {
			return false
		}
		next, err := doc.LookupErr(path[0])
		return err == nil && t.match(next, path[1:])
	}
	order, comparable := compareValues(v, t.value)
	if !comparable {
		return false
	}
	switch t.op {
	case "$eq":
		return order == 0
	case "$gt":
		return order > 0
	case "$gte":
		return order >= 0
	case "$lt":
		return order < 0
	default:
		return order <= 0
	}
}

// compareValues compares within a type alone, as filters do.
func compareValues(a, b bson.RawValue) (int, bool) {
	if x, ok := a.StringValueOK(); ok {
		y, ok := b.StringValueOK()
		return strings.Compare(x, y), ok
	}
	if a.Type != bson.TypeInt32 && a.Type != bson.TypeInt64 {
		return 0, false
	}
	x, _ := a.AsInt64OK()
	y, ok := b.AsInt64OK()
	return cmp.Compare(x, y), ok && b.Type != bson.TypeString
}

// project keeps the named paths, in the order of the document.
func project(doc bson.Raw, paths [][]string) bson.Raw {
	elements, _ := doc.Elements()
	var out bson.D
	for _, e := range elements {
		var deeper [][]string
		whole := false
		for _, p := range paths {
			if p[0] == e.Key() {
				whole = whole || len(p) == 1
				deeper = append(deeper, p[1:])
			}
		}
		v := e.Value()
		switch nested, isDoc := v.DocumentOK(); {
		case whole:
			out = append(out, bson.E{Key: e.Key(), Value: v})
		case len(deeper) > 0 && isDoc:
			out = append(out, bson.E{Key: e.Key(), Value: project(nested, deeper)})
		}
	}
	return marshal(out)
}

// parseProjection knows inclusions alone; _id is always in.
func parseProjection(doc bson.Raw) ([][]string, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	paths := [][]string{{"_id"}}
	for _, e := range elements {
		if n, ok := e.Value().AsInt64OK(); !ok || n != 1 {
			return nil, refuse(2, "the double knows no projection but the inclusion of %s", e.Key())
		}
		paths = append(paths, strings.Split(e.Key(), "."))
	}
	return paths, nil
}

var sortByID = marshal(bson.D{{Key: "_id", Value: int32(1)}})

func checkSort(doc bson.Raw) error {
	if len(doc) > 5 && !bytes.Equal(doc, sortByID) {
		return refuse(2, "the double sorts by _id alone, ascending")
	}
	return nil
}
