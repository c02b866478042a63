package mongo

import (
	"regexp"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/bson"
)

const labelsField = mirrorField + ".labels"

// filter asks for the rows of a query. What it says of labels goes through the
// multikey index of _mirror.labels where the server finds that worth it.
func (s *Store) filter(q syncer.Query) bson.D {
	f := s.between(q.After, q.Before)
	var all bson.A
	if q.Key != "" {
		all = append(all, bson.D{{Key: idField, Value: s.o.Cluster + "/" + q.Key}})
	}
	if q.Name != "" {
		f = append(f, bson.E{Key: "metadata.name", Value: q.Name})
	}
	for i := range q.Labels {
		all = append(all, bson.D{{Key: labelsField, Value: labelTerm(&q.Labels[i])}})
	}
	if len(all) > 0 {
		f = append(f, bson.E{Key: "$and", Value: all})
	}
	return f
}

// labelTerm is what the array of "name=value" has to meet. $in and $regex hold
// if they do for one item, $nin and $not if they do for none.
func labelTerm(r *syncer.LabelRequirement) any {
	items := bson.A{}
	for _, v := range r.Values {
		items = append(items, r.Name+"="+v)
	}
	// Anchored at the start, a regular expression is a range of the index.
	named := bson.D{{Key: "$regex", Value: "^" + regexp.QuoteMeta(r.Name) + "="}}
	switch r.Op {
	case syncer.LabelExists:
		return named
	case syncer.LabelDoesNotExist:
		return bson.D{{Key: "$not", Value: named}}
	case syncer.LabelNotIn:
		return bson.D{{Key: "$nin", Value: items}}
	default:
		return bson.D{{Key: "$in", Value: items}}
	}
}
