package sqlite

import (
	"database/sql/driver"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// selectRows is the SQL of a query and its arguments. What it compares stands
// before the JSON in a row, so that the pages of JSON of other rows aren't read.
func (s *Store) selectRows(columns string, r syncer.Resource, q syncer.Query) (string, []driver.Value) {
	c := conditions{terms: []string{"cluster = ?", "key > ?"}, args: []driver.Value{s.cluster, q.After}}
	if q.Before != "" {
		c.add("key < ?", q.Before)
	}
	if q.Key != "" {
		c.add("key = ?", q.Key)
	}
	if q.Name != "" {
		c.add("name = ?", q.Name)
	}
	for i := range q.Labels {
		c.label(&q.Labels[i])
	}
	return "SELECT " + columns + " FROM " + quote(r.String()) + " WHERE " + joined(c.terms, " AND ") + " ORDER BY key LIMIT ?",
		append(c.args, int64(q.Limit))
}

// conditions are terms that all have to hold, and the arguments of their "?".
type conditions struct {
	terms []string
	args  []driver.Value
}

func (c *conditions) add(term string, arg driver.Value) {
	c.terms, c.args = append(c.terms, term), append(c.args, arg)
}

const (
	has    = "instr(labels, ?) > 0"
	hasNot = "instr(labels, ?) = 0"
)

// label looks for items in the text of the labels, as [appendLabels] wrote them:
// several times faster than to take the array apart.
func (c *conditions) label(r *syncer.LabelRequirement) {
	switch r.Op {
	case syncer.LabelExists:
		c.add(has, anyValue(r.Name))
	case syncer.LabelDoesNotExist:
		c.add(hasNot, anyValue(r.Name))
	case syncer.LabelNotIn:
		for _, v := range r.Values {
			c.add(hasNot, item(r.Name, v))
		}
	default:
		var either []string
		for _, v := range r.Values {
			either = append(either, has)
			c.args = append(c.args, item(r.Name, v))
		}
		c.terms = append(c.terms, joined(either, " OR "))
	}
}

// joined joins terms by halves: SQLite bounds how deep an expression may be, but
// not how long. No terms are false.
func joined(terms []string, op string) string {
	switch n := len(terms); {
	case n == 0:
		return "0"
	case n == 1:
		return terms[0]
	case n <= 8:
		return "(" + strings.Join(terms, op) + ")"
	default:
		return "(" + joined(terms[:n/2], op) + op + joined(terms[n/2:], op) + ")"
	}
}
