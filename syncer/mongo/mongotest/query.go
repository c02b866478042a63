package mongotest

import (
	"cmp"
	"regexp"
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

// term is one comparison: of the value at path, or, if that is an array, of any
// of its items.
type term struct {
	path   []string
	op     string
	value  bson.RawValue
	values []bson.RawValue // of $in
	prefix string          // of $regex
	negate bool            // $not, $nin: it holds where the rest doesn't, or nothing is there
}

func parseFilter(doc bson.Raw) (*filter, error) {
	f := &filter{}
	return f, f.conjunction(doc)
}

func (f *filter) conjunction(doc bson.Raw) error {
	elements, err := doc.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		key, value := e.Key(), e.Value()
		switch nested, isDoc := value.DocumentOK(); {
		case key == "$and":
			err = f.and(value)
		case strings.HasPrefix(key, "$"):
			err = refuse(2, "unknown top level operator: %s", key)
		case isDoc && startsWithDollar(nested):
			err = f.compare(term{path: strings.Split(key, ".")}, nested)
		default:
			err = f.add(term{path: strings.Split(key, "."), op: "$eq"}, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *filter) and(v bson.RawValue) error {
	all, isArray := v.ArrayOK()
	values, err := all.Values()
	if err != nil || !isArray || len(values) == 0 {
		return refuse(2, "$and must be a nonempty array")
	}
	for _, v := range values {
		one, isDoc := v.DocumentOK()
		if !isDoc {
			return refuse(2, "$or/$and/$nor entries need to be full objects")
		}
		if err := f.conjunction(one); err != nil {
			return err
		}
	}
	return nil
}

func startsWithDollar(doc bson.Raw) bool {
	e, err := doc.IndexErr(0)
	return err == nil && strings.HasPrefix(e.Key(), "$")
}

// compare adds a term like t for each operator.
func (f *filter) compare(t term, ops bson.Raw) error {
	elements, err := ops.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		t.op = e.Key()
		if t.op == "$not" {
			err = f.not(t, e.Value())
		} else {
			err = f.add(t, e.Value())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// not knows one operator at a time: the negation of several is no conjunction.
func (f *filter) not(t term, v bson.RawValue) error {
	ops, isDoc := v.DocumentOK()
	elements, err := ops.Elements()
	if err != nil || !isDoc || len(elements) != 1 || t.negate {
		return refuse(2, "the double knows $not of one operator alone")
	}
	t.negate = true
	return f.compare(t, ops)
}

func (f *filter) add(t term, v bson.RawValue) error {
	var err error
	switch t.op {
	case "$eq", "$gt", "$gte", "$lt", "$lte":
		t.value, err = v, comparable(v)
	case "$in":
		err = t.in(v)
	case "$nin":
		t.op, t.negate = "$in", !t.negate
		err = t.in(v)
	case "$regex":
		t.prefix, err = literalPrefix(v)
	default:
		err = refuse(2, "unknown operator: %s", t.op)
	}
	if err != nil {
		return err
	}
	f.terms = append(f.terms, t)
	f.bound(t)
	return nil
}

// bound narrows down where the documents can be.
func (f *filter) bound(t term) {
	s, isString := t.value.StringValueOK()
	if len(t.path) != 1 || t.path[0] != "_id" || !isString || t.negate {
		return
	}
	switch t.op {
	case "$eq":
		f.id = s
	case "$gt", "$gte":
		f.above = s
	case "$lt", "$lte":
		f.below = s
	}
}

func comparable(v bson.RawValue) error {
	switch v.Type {
	case bson.TypeString, bson.TypeInt32, bson.TypeInt64:
		return nil
	}
	return refuse(2, "the double compares with strings and integers, not with a %s", v.Type)
}

func (t *term) in(v bson.RawValue) error {
	list, isArray := v.ArrayOK()
	if !isArray {
		return refuse(2, "%s needs an array", t.op)
	}
	values, err := list.Values()
	if err != nil {
		return err
	}
	for _, one := range values {
		if err := comparable(one); err != nil {
			return err
		}
	}
	t.values = values
	return nil
}

// literalPrefix undoes what [regexp.QuoteMeta] does behind a "^". Other regular
// expressions would have to be MongoDB's, which aren't Go's.
func literalPrefix(v bson.RawValue) (string, error) {
	pattern, _ := v.StringValueOK()
	quoted, anchored := strings.CutPrefix(pattern, "^")
	var literal strings.Builder
	for i := 0; i < len(quoted); i++ {
		if quoted[i] == '\\' && i+1 < len(quoted) {
			i++
		}
		literal.WriteByte(quoted[i])
	}
	if !anchored || regexp.QuoteMeta(literal.String()) != quoted {
		return "", refuse(2, "the double knows no regular expression but a literal behind ^, not %q", pattern)
	}
	return literal.String(), nil
}

func (f *filter) match(doc bson.Raw) bool {
	for _, t := range f.terms {
		if t.match(bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: doc}, t.path) == t.negate {
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
	return t.matchValue(v)
}

func (t *term) matchValue(v bson.RawValue) bool {
	switch t.op {
	case "$in":
		return slices.ContainsFunc(t.values, func(one bson.RawValue) bool {
			order, comparable := compareValues(v, one)
			return comparable && order == 0
		})
	case "$regex":
		s, isString := v.StringValueOK()
		return isString && strings.HasPrefix(s, t.prefix)
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
