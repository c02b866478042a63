package mongotest

import (
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// outcome is what a write command answers.
type outcome struct {
	n, modified int
	upserted    bson.A
	errors      bson.A
}

func (o *outcome) answer(isUpdate bool) bson.D {
	fields := []bson.E{{Key: "n", Value: int32(o.n)}}
	if isUpdate {
		fields = append(fields, bson.E{Key: "nModified", Value: int32(o.modified)})
	}
	if len(o.upserted) > 0 {
		fields = append(fields, bson.E{Key: "upserted", Value: o.upserted})
	}
	if len(o.errors) > 0 {
		fields = append(fields, bson.E{Key: "writeErrors", Value: o.errors})
	}
	return ok(fields...)
}

// each runs write for every op. An error of one op is told in the answer; ordered
// commands stop there, unordered ones go on.
func (s *Server) each(req *request, field string, apply Apply, write func(ns string, op bson.Raw, i int, o *outcome) error) (*outcome, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	ops, err := req.docs(field)
	if err != nil {
		return nil, err
	}
	o := &outcome{}
	switch apply {
	case ApplyNothing:
		o.n, o.modified = len(ops), len(ops)
		return o, nil
	case ApplyHalf:
		ops = ops[:len(ops)/2]
	}
	s.wrote(ns, req.name)
	for i, op := range ops {
		err := write(ns, op, i, o)
		if err == nil {
			continue
		}
		var ce *commandError
		if !errors.As(err, &ce) {
			return nil, err
		}
		o.errors = append(o.errors, writeError(i, ce))
		if req.flag("ordered", true) {
			break
		}
	}
	return o, nil
}

func writeError(i int, ce *commandError) bson.D {
	e := bson.D{{Key: "index", Value: int32(i)}, {Key: "code", Value: ce.code}, {Key: "errmsg", Value: ce.msg}}
	if ce.code == 11000 {
		e = append(e, bson.E{Key: "keyPattern", Value: bson.D{{Key: "_id", Value: int32(1)}}})
	}
	return e
}

func duplicate(ns, id string) error {
	return refuse(11000, `E11000 duplicate key error collection: %s index: _id_ dup key: { _id: "%s" }`, ns, id)
}

func (s *Server) runInsert(req *request, apply Apply) (bson.D, error) {
	o, err := s.each(req, "documents", apply, func(ns string, doc bson.Raw, _ int, o *outcome) error {
		id, err := s.checkDocument(doc, true)
		if err != nil {
			return err
		}
		c := s.collection(ns)
		if _, there := c.docs[id]; there {
			return duplicate(ns, id)
		}
		c.put(id, doc)
		o.n++
		s.changed(ns, 1, 0, 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o.answer(false), nil
}

// onlyFields refuses what an op has besides.
func onlyFields(op bson.Raw, fields ...string) error {
	elements, err := op.Elements()
	if err != nil {
		return err
	}
	for _, e := range elements {
		if !slices.Contains(fields, e.Key()) {
			return refuse(40415, "BSON field '%s' is an unknown field.", e.Key())
		}
	}
	return nil
}

// runUpdate knows replacements of one document, with or without upsert.
func (s *Server) runUpdate(req *request, apply Apply) (bson.D, error) {
	o, err := s.each(req, "updates", apply, func(ns string, op bson.Raw, i int, o *outcome) error {
		if err := onlyFields(op, "q", "u", "upsert"); err != nil {
			return err
		}
		query, _ := op.Lookup("q").DocumentOK()
		doc, isDoc := op.Lookup("u").DocumentOK()
		if query == nil || !isDoc || startsWithDollar(doc) {
			return refuse(9, "the double knows no update but the replacement of a document")
		}
		upsert, _ := op.Lookup("upsert").BooleanOK()
		return s.replace(ns, query, doc, upsert, i, o)
	})
	if err != nil {
		return nil, err
	}
	return o.answer(true), nil
}

func (s *Server) replace(ns string, query, doc bson.Raw, upsert bool, i int, o *outcome) error {
	f, err := parseFilter(query)
	if err != nil {
		return err
	}
	id, err := s.checkDocument(doc, false)
	if err != nil {
		return err
	}
	c := s.collection(ns)
	found := ""
	c.matching(f, func(id string, _ bson.Raw) bool {
		found = id
		return false
	})
	switch {
	case found != "" && found != id:
		return refuse(66, "After applying the update, the (immutable) field '_id' was found to have been altered to _id: %q", id)
	case found != "":
		o.n++
		if !slices.Equal(c.docs[id], doc) {
			o.modified++
			c.put(id, doc)
			s.changed(ns, 0, 1, 0)
		}
	case upsert:
		if f.id != "" && f.id != id {
			return refuse(66, "the (immutable) field '_id' of the query isn't that of the replacement")
		}
		if _, there := c.docs[id]; there {
			return duplicate(ns, id)
		}
		c.put(id, doc)
		o.n++
		o.upserted = append(o.upserted, bson.D{{Key: "index", Value: int32(i)}, {Key: "_id", Value: id}})
		s.changed(ns, 1, 0, 0)
	}
	return nil
}

func (s *Server) runDelete(req *request, apply Apply) (bson.D, error) {
	o, err := s.each(req, "deletes", apply, func(ns string, op bson.Raw, _ int, o *outcome) error {
		if err := onlyFields(op, "q", "limit"); err != nil {
			return err
		}
		query, _ := op.Lookup("q").DocumentOK()
		limit, _ := op.Lookup("limit").AsInt64OK()
		if limit != 0 && limit != 1 {
			return refuse(9, "The limit field in delete objects must be 0 or 1. Got %d", limit)
		}
		f, err := parseFilter(query)
		if err != nil {
			return err
		}
		c := s.data[ns]
		if c == nil {
			return nil
		}
		var gone []string
		c.matching(f, func(id string, _ bson.Raw) bool {
			gone = append(gone, id)
			return limit == 0
		})
		for _, id := range gone {
			c.remove(id)
		}
		o.n += len(gone)
		s.changed(ns, 0, 0, len(gone))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return o.answer(false), nil
}

// runFindAndModify knows $inc of one top-level field, with upsert, and the new document as its answer.
func (s *Server) runFindAndModify(req *request, apply Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	query, _ := req.body.Lookup("query").DocumentOK()
	f, err := parseFilter(query)
	if err != nil {
		return nil, err
	}
	inc, isInc := req.body.Lookup("update", "$inc").DocumentOK()
	fields, _ := inc.Elements()
	if !isInc || len(fields) != 1 || strings.Contains(fields[0].Key(), ".") ||
		f.id == "" || len(f.terms) != 1 || !req.flag("upsert", false) || !req.flag("new", false) {
		return nil, refuse(9, "the double knows no findAndModify but {$inc: {field: n}} by _id, with upsert and new")
	}
	by, _ := fields[0].Value().AsInt64OK()
	c := s.collection(ns)
	old, there := c.docs[f.id]
	before, _ := old.Lookup(fields[0].Key()).AsInt64OK()
	doc := marshal(bson.D{{Key: "_id", Value: f.id}, {Key: fields[0].Key(), Value: before + by}})
	if apply != ApplyNothing {
		s.wrote(ns, req.name)
		c.put(f.id, doc)
	}
	return ok(bson.E{Key: "lastErrorObject", Value: bson.D{{Key: "n", Value: int32(1)}, {Key: "updatedExisting", Value: there}}},
		bson.E{Key: "value", Value: doc}), nil
}
