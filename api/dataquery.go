package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// maxLimit bounds the page that a client may ask for.
const maxLimit = 10_000

// The fields that a selector may ask for.
const (
	fieldName      = "metadata.name"
	fieldNamespace = "metadata.namespace"
)

// listParameters are those that a list takes.
var listParameters = []string{"labelSelector", "fieldSelector", "limit", "continue"}

// declined are the API server's parameters that the mirror doesn't have, and what
// to do instead.
var declined = map[string]string{
	"watch":                "the mirror isn't watched here: follow the sync at /api/v1/sync/events, or watch the API server from the list's metadata.resourceVersion",
	"resourceVersion":      "the mirror has each object in one version, the newest that it has seen; leave it out, and read from the header " + HeaderResourceVersion + " which one that is",
	"resourceVersionMatch": "the mirror has each object in one version, the newest that it has seen; leave it out",
}

// queryError is a query that can't be answered.
type queryError struct {
	detail  string
	unknown []string // parameters that there aren't
}

func (e *queryError) Error() string { return e.detail }

func badQuery(format string, args ...any) *queryError {
	return &queryError{detail: fmt.Sprintf(format, args...)}
}

func refuseQuery(w http.ResponseWriter, err error) {
	p := newProblem(http.StatusBadRequest, err.Error())
	if q, ok := errors.AsType[*queryError](err); ok {
		p.UnknownParameters = q.unknown
	}
	p.write(w)
}

// parameters reads a query that may have each of the known parameters once.
func parameters(raw string, known []string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badQuery("the query isn't well-formed")
	}
	var unknown []string
	for name, values := range query {
		switch why := declined[name]; {
		case why != "":
			return nil, badQuery("%s: %s", name, why)
		case !slices.Contains(known, name):
			unknown = append(unknown, named(name))
		case len(values) > 1:
			return nil, badQuery("%s: given more than once", name)
		}
	}
	if len(unknown) == 0 {
		return query, nil
	}
	slices.Sort(unknown)
	unknown = unknown[:min(len(unknown), maxNamedParameters)]
	has := "none"
	if len(known) > 0 {
		has = strings.Join(known, ", ")
	}
	return nil, &queryError{unknown: unknown, detail: "unknown query parameters: " + strings.Join(unknown, ", ") + "; this route has " + has}
}

func noListParameters(raw string) error {
	_, err := parameters(raw, nil)
	return err
}

// listQuery is what a list asks for.
type listQuery struct {
	labels labels.Selector
	fields []fields.Requirement
	limit  int // 0: all
	rows   syncer.Query
	binding
	seen int64 // objects on the pages before
}

// parseListQuery reads the query of a list of m.
func parseListQuery(raw string, m *mirrored, cluster string) (*listQuery, error) {
	query, err := parameters(raw, listParameters)
	if err != nil {
		return nil, err
	}
	q := &listQuery{}
	if q.limit, err = parseLimit(query.Get("limit")); err != nil {
		return nil, err
	}
	if q.labels, err = labels.Parse(query.Get("labelSelector")); err != nil {
		return nil, badQuery("labelSelector: %s", Sanitize(err.Error()))
	}
	selector, err := parseFields(query.Get("fieldSelector"))
	if err != nil {
		return nil, err
	}
	q.fields = selector.Requirements()
	q.binding = binding{cluster, m.String(), m.namespace, q.labels.String(), selector.String()}
	q.narrow(m)
	if token := query.Get("continue"); token != "" {
		after, seen, ok := q.open(token)
		if !ok {
			return nil, badQuery("continue: not a token of this list: it is broken, or was given for another query; start over without it")
		}
		q.rows.After, q.seen = max(q.rows.After, after), seen
	}
	return q, nil
}

func parseLimit(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxLimit {
		return 0, badQuery("limit: want a whole number from 1 to %d, or 0 for all objects", maxLimit)
	}
	return n, nil
}

func parseFields(text string) (fields.Selector, error) {
	selector, err := fields.ParseSelector(text)
	if err != nil {
		return nil, badQuery("fieldSelector: %s", Sanitize(err.Error()))
	}
	for _, r := range selector.Requirements() {
		if r.Field != fieldName && r.Field != fieldNamespace {
			return nil, badQuery("fieldSelector: the mirror knows %s and %s, not %s", fieldName, fieldNamespace, named(r.Field))
		}
	}
	return selector, nil
}

// narrow puts into the store's query all that it can say; keeps has the last word.
func (q *listQuery) narrow(m *mirrored) {
	namespace := m.namespace
	for _, f := range q.fields {
		if f.Field == fieldNamespace && f.Operator != selection.NotEquals && namespace == "" && f.Value != "" {
			namespace = f.Value
		}
	}
	if namespace != "" {
		q.rows.After, q.rows.Before = namespace+"/", namespace+"0" // '0' follows '/'
	}
	switch name := q.name(); {
	case name == "":
	case namespace != "" || !m.Namespaced:
		q.rows.Key = syncer.JoinKey(namespace, name)
	default:
		q.rows.Name = name
	}
	requirements, _ := q.labels.Requirements()
	for i := range requirements {
		q.rows.Labels = append(q.rows.Labels, requirementOf(&requirements[i]))
	}
}

// name is the one that the fields ask for, "" if they don't.
func (q *listQuery) name() string {
	for _, f := range q.fields {
		if f.Field == fieldName && f.Operator != selection.NotEquals {
			return f.Value
		}
	}
	return ""
}

// requirementOf is what a store can look for: of a comparison of numbers, that
// the label is there.
func requirementOf(r *labels.Requirement) syncer.LabelRequirement {
	out := syncer.LabelRequirement{Name: r.Key(), Op: syncer.LabelExists}
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		out.Op, out.Values = syncer.LabelIn, r.ValuesUnsorted()
	case selection.NotIn, selection.NotEquals:
		out.Op, out.Values = syncer.LabelNotIn, r.ValuesUnsorted()
	case selection.DoesNotExist:
		out.Op = syncer.LabelDoesNotExist
	}
	return out
}

// keeps reports whether a row is one that the list asks for. It doesn't rely on
// what the store has looked for.
func (q *listQuery) keeps(o *syncer.Object) bool {
	if !q.labels.Empty() && !q.labels.Matches(labelsOf(o.Labels)) {
		return false
	}
	if len(q.fields) == 0 {
		return true
	}
	namespace, name := syncer.SplitKey(string(o.Key))
	for _, f := range q.fields {
		value := name
		if f.Field == fieldNamespace {
			value = namespace
		}
		if (value == f.Value) == (f.Operator == selection.NotEquals) {
			return false
		}
	}
	return true
}

// labelsOf is a row's labels as selectors look at them.
type labelsOf []syncer.Label

// Has, Get and Lookup make it a [labels.Labels].
func (l labelsOf) Has(name string) bool {
	_, has := l.Lookup(name)
	return has
}

// Get returns "" for a label that isn't there.
func (l labelsOf) Get(name string) string {
	value, _ := l.Lookup(name)
	return value
}

// Lookup returns a label's value, and whether it is there.
func (l labelsOf) Lookup(name string) (string, bool) {
	for i := range l {
		if string(l[i].Name) == name {
			return string(l[i].Value), true
		}
	}
	return "", false
}
