package syncer

import "slices"

// Query says which rows [Store.Read] hands on. The zero value, but for Limit, is
// all of them.
type Query struct {
	// After and Before bound the keys: After < key, and key < Before unless
	// Before is "".
	After, Before string
	// Key is the one row to read, "" for any.
	Key string
	// Name is the metadata.name to look for, in whatever namespace; "" is any.
	Name string
	// Labels have to hold all together.
	Labels []LabelRequirement
	// Limit is how many rows are handed on at most. Fewer mean that there are no more.
	Limit int
}

// LabelOp is what a requirement asks of a label.
type LabelOp int

// The operators. As in Kubernetes, an object that hasn't the label at all is NotIn.
const (
	LabelIn LabelOp = iota
	LabelNotIn
	LabelExists
	LabelDoesNotExist
)

// LabelRequirement is one term of a label selector.
type LabelRequirement struct {
	Name   string
	Op     LabelOp
	Values []string // of LabelIn and LabelNotIn
}

// Matches reports whether an object with these labels meets the requirement. It
// is what a store's own way of looking has to come to.
func (r *LabelRequirement) Matches(labels []Label) bool {
	for i := range labels {
		if string(labels[i].Name) != r.Name {
			continue
		}
		switch r.Op {
		case LabelIn:
			return slices.Contains(r.Values, string(labels[i].Value))
		case LabelNotIn:
			return !slices.Contains(r.Values, string(labels[i].Value))
		default:
			return r.Op == LabelExists
		}
	}
	return r.Op == LabelNotIn || r.Op == LabelDoesNotExist
}
