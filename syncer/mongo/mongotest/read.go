package mongotest

import (
	"go.mongodb.org/mongo-driver/v2/bson"
)

// firstBatchDocs is MongoDB's default size of a first batch.
const firstBatchDocs = 101

type cursor struct {
	ns   string
	docs []bson.Raw
}

// cut takes a batch off docs: up to n of them when n > 0, and up to 16 MiB.
func cut(docs []bson.Raw, n int) (batch bson.A, rest []bson.Raw) {
	batch = bson.A{}
	size := 0
	for len(docs) > 0 && (n <= 0 || len(batch) < n) {
		if size += len(docs[0]); size > maxDocumentBytes && len(batch) > 0 {
			break
		}
		batch = append(batch, docs[0])
		docs = docs[1:]
	}
	return batch, docs
}

func (s *Server) firstBatch(ns string, docs []bson.Raw, n int) bson.D {
	batch, rest := cut(docs, n)
	var id int64
	if len(rest) > 0 {
		s.nextID++
		id = s.nextID
		s.cursors[id] = &cursor{ns: ns, docs: rest}
	}
	return ok(bson.E{Key: "cursor", Value: bson.D{
		{Key: "firstBatch", Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: ns},
	}})
}

func (s *Server) runGetMore(req *request, _ Apply) (bson.D, error) {
	id := req.number("getMore")
	c := s.cursors[id]
	if c == nil || c.ns != req.db+"."+req.body.Lookup("collection").StringValue() {
		return nil, refuse(43, "cursor id %d not found", id)
	}
	var batch bson.A
	if batch, c.docs = cut(c.docs, int(req.number("batchSize"))); len(c.docs) == 0 {
		delete(s.cursors, id)
		id = 0
	}
	return ok(bson.E{Key: "cursor", Value: bson.D{
		{Key: "nextBatch", Value: batch}, {Key: "id", Value: id}, {Key: "ns", Value: c.ns},
	}}), nil
}

func (s *Server) runKillCursors(req *request, _ Apply) (bson.D, error) {
	ids, _ := req.body.Lookup("cursors").ArrayOK()
	values, err := ids.Values()
	if err != nil {
		return nil, err
	}
	killed := bson.A{}
	for _, v := range values {
		id, _ := v.AsInt64OK()
		delete(s.cursors, id)
		killed = append(killed, id)
	}
	none := bson.A{}
	return ok(bson.E{Key: "cursorsKilled", Value: killed}, bson.E{Key: "cursorsNotFound", Value: none},
		bson.E{Key: "cursorsAlive", Value: none}, bson.E{Key: "cursorsUnknown", Value: none}), nil
}

// find returns what a filter takes, up to limit when that isn't 0. A collection
// that isn't there is an empty one.
func (s *Server) find(ns string, doc bson.Raw, limit int) ([]bson.Raw, error) {
	f, err := parseFilter(doc)
	if err != nil {
		return nil, err
	}
	var docs []bson.Raw
	if c := s.data[ns]; c != nil {
		c.matching(f, func(_ string, d bson.Raw) bool {
			docs = append(docs, d)
			return limit == 0 || len(docs) < limit
		})
	}
	return docs, nil
}

func (s *Server) runFind(req *request, _ Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	if order, ok := req.body.Lookup("sort").DocumentOK(); ok {
		if err := checkSort(order); err != nil {
			return nil, err
		}
	}
	query, _ := req.body.Lookup("filter").DocumentOK()
	if query == nil {
		query = marshal(bson.D{})
	}
	limit := req.number("limit")
	if limit < 0 {
		return nil, refuse(2, "limit value must be non-negative")
	}
	docs, err := s.find(ns, query, int(limit))
	if err != nil {
		return nil, err
	}
	if p, ok := req.body.Lookup("projection").DocumentOK(); ok && len(p) > 5 {
		paths, err := parseProjection(p)
		if err != nil {
			return nil, err
		}
		projected := make([]bson.Raw, len(docs))
		for i, d := range docs {
			projected[i] = project(d, paths)
		}
		docs = projected
	}
	n := firstBatchDocs
	if v, err := req.body.LookupErr("batchSize"); err == nil {
		size, _ := v.AsInt64OK()
		n = int(size)
	}
	if req.flag("singleBatch", false) {
		n = 0
		if len(docs) > 1 && limit > 0 {
			docs = docs[:min(len(docs), int(limit))]
		}
	}
	return s.firstBatch(ns, docs, n), nil
}

// runAggregate knows the pipeline with which drivers count, and no other.
func (s *Server) runAggregate(req *request, _ Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	stages, err := req.docs("pipeline")
	if err != nil {
		return nil, err
	}
	group := marshal(bson.D{{Key: "$group", Value: bson.D{
		{Key: "_id", Value: int32(1)}, {Key: "n", Value: bson.D{{Key: "$sum", Value: int32(1)}}},
	}}})
	match, isMatch := stages[0].Lookup("$match").DocumentOK()
	if len(stages) != 2 || !isMatch || string(stages[1]) != string(group) {
		return nil, refuse(40324, "the double knows no pipeline but [$match, $group] that counts")
	}
	docs, err := s.find(ns, match, 0)
	if err != nil {
		return nil, err
	}
	var result []bson.Raw
	if len(docs) > 0 {
		result = []bson.Raw{marshal(bson.D{{Key: "_id", Value: int32(1)}, {Key: "n", Value: int32(len(docs))}})}
	}
	return s.firstBatch(ns, result, 0), nil
}
