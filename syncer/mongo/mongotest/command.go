package mongotest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// commandError is an error of a whole command, or of one write.
type commandError struct {
	code int32
	msg  string
}

func (e *commandError) Error() string { return e.msg }

func refuse(code int32, format string, args ...any) *commandError {
	return &commandError{code: code, msg: fmt.Sprintf(format, args...)}
}

// codeNames are those that the driver or the store look at.
var codeNames = map[int32]string{
	2: "BadValue", 8: "UnknownError", 9: "FailedToParse", 13: "Unauthorized", 14: "TypeMismatch", 22: "InvalidBSON", 26: "NamespaceNotFound",
	43: "CursorNotFound", 48: "NamespaceExists", 52: "DollarPrefixedFieldName", 57: "DottedFieldName", 59: "CommandNotFound", 66: "ImmutableField",
	73: "InvalidNamespace", 85: "IndexOptionsConflict", 86: "IndexKeySpecsConflict", 10107: "NotWritablePrimary", 10334: "BSONObjectTooLarge", 11000: "DuplicateKey",
	40415: "Location40415",
}

func failure(code int32, format string, args ...any) bson.D {
	return bson.D{
		{Key: "ok", Value: float64(0)}, {Key: "errmsg", Value: fmt.Sprintf(format, args...)},
		{Key: "code", Value: code}, {Key: "codeName", Value: codeNames[code]},
	}
}

// request is one command: its body, and the documents that came as a sequence.
type request struct {
	name string
	body bson.Raw
	seq  map[string][]bson.Raw
	db   string
}

func readRequest(rest []byte) (*request, error) {
	flags, rest, ok := wiremessage.ReadMsgFlags(rest)
	if !ok || flags&^wiremessage.ExhaustAllowed != 0 {
		return nil, fmt.Errorf("message flags %b", flags)
	}
	req := &request{seq: map[string][]bson.Raw{}}
	for len(rest) > 0 {
		var kind wiremessage.SectionType
		if kind, rest, ok = wiremessage.ReadMsgSectionType(rest); !ok {
			return nil, io.ErrUnexpectedEOF
		}
		switch kind {
		case wiremessage.SingleDocument:
			doc, after, ok := wiremessage.ReadMsgSectionSingleDocument(rest)
			if !ok || req.body != nil {
				return nil, errors.New("a second body, or half a one")
			}
			req.body, rest = bson.Raw(doc), after
		case wiremessage.DocumentSequence:
			name, docs, after, ok := wiremessage.ReadMsgSectionDocumentSequence(rest)
			if !ok {
				return nil, io.ErrUnexpectedEOF
			}
			for _, d := range docs {
				req.seq[name] = append(req.seq[name], bson.Raw(d))
			}
			rest = after
		default:
			return nil, fmt.Errorf("section of kind %d", kind)
		}
	}
	if err := req.body.Validate(); err != nil {
		return nil, err
	}
	first, err := req.body.IndexErr(0)
	if err != nil {
		return nil, err
	}
	req.name = first.Key()
	req.db, _ = req.body.Lookup("$db").StringValueOK()
	return req, nil
}

// handlers is every command that there is, with the fields that it may have
// besides its name and those of all commands.
var handlers = map[string]struct {
	fields []string
	run    func(*Server, *request, Apply) (bson.D, error)
}{
	"hello":           {[]string{"helloOk", "client", "compression", "loadBalanced", "backpressure"}, (*Server).runHello},
	"isMaster":        {[]string{"helloOk", "client", "compression", "loadBalanced", "backpressure"}, (*Server).runHello},
	"ping":            {nil, (*Server).runPing},
	"endSessions":     {nil, (*Server).runPing},
	"create":          {nil, (*Server).runCreate},
	"createIndexes":   {[]string{"indexes"}, (*Server).runCreateIndexes},
	"listCollections": {[]string{"filter", "nameOnly", "cursor", "authorizedCollections"}, (*Server).runListCollections},
	"drop":            {nil, (*Server).runDrop},
	"dropDatabase":    {nil, (*Server).runDropDatabase},
	"insert":          {[]string{"documents", "ordered"}, (*Server).runInsert},
	"update":          {[]string{"updates", "ordered"}, (*Server).runUpdate},
	"delete":          {[]string{"deletes", "ordered"}, (*Server).runDelete},
	"findAndModify":   {[]string{"query", "update", "upsert", "new"}, (*Server).runFindAndModify},
	"find":            {[]string{"filter", "sort", "projection", "limit", "batchSize", "singleBatch", "allowDiskUse"}, (*Server).runFind},
	"aggregate":       {[]string{"pipeline", "cursor"}, (*Server).runAggregate},
	"getMore":         {[]string{"collection", "batchSize"}, (*Server).runGetMore},
	"killCursors":     {[]string{"cursors"}, (*Server).runKillCursors},
}

var commonFields = []string{"$db", "$readPreference", "maxTimeMS", "writeConcern", "readConcern", "comment"}

// run does what req asks, with the fault that there is. nil is no answer.
func (s *Server) run(req *request) bson.Raw {
	s.mu.Lock()
	n := s.seen[req.name]
	s.seen[req.name]++
	var act Action
	if s.fault != nil && !slices.Contains([]string{"hello", "isMaster", "ping", "endSessions"}, req.name) {
		act = s.fault(req.name, n)
	}
	s.mu.Unlock()
	time.Sleep(act.Delay)

	doc, err := s.execute(req, act.Apply)
	if err != nil {
		var ce *commandError
		if !errors.As(err, &ce) {
			ce = refuse(8, "%s: %v", req.name, err)
		}
		doc = failure(ce.code, "%s", ce.msg)
	}
	switch act.Answer {
	case AnswerNothing:
		return nil
	case AnswerNotPrimary:
		doc = failure(10107, "not primary")
	case AnswerUnauthorized:
		doc = failure(13, "not authorized on %s to execute command %s", req.db, req.name)
	case AnswerWriteConcernError:
		doc = append(doc, bson.E{Key: "writeConcernError", Value: bson.D{
			{Key: "code", Value: int32(64)}, {Key: "codeName", Value: "WriteConcernTimeout"},
			{Key: "errmsg", Value: "waiting for replication timed out"},
		}})
	}
	return marshal(doc)
}

func (s *Server) execute(req *request, apply Apply) (bson.D, error) {
	h, ok := handlers[req.name]
	if !ok {
		return nil, refuse(59, "no such command: '%s'", req.name)
	}
	elements, err := req.body.Elements()
	if err != nil {
		return nil, err
	}
	for _, e := range elements[1:] {
		if key := e.Key(); !slices.Contains(h.fields, key) && !slices.Contains(commonFields, key) {
			return nil, refuse(40415, "BSON field '%s.%s' is an unknown field.", req.name, key)
		}
	}
	for key := range req.seq {
		if !slices.Contains(h.fields, key) {
			return nil, refuse(40415, "BSON field '%s.%s' is an unknown field.", req.name, key)
		}
	}
	if req.db == "" {
		return nil, refuse(40414, "BSON field '%s.$db' is missing", req.name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.run(s, req, apply)
}

// namespace is "database.collection" of a command on a collection.
func (r *request) namespace() (string, error) {
	name, ok := r.body.Lookup(r.name).StringValueOK()
	if !ok || name == "" || strings.HasPrefix(name, ".") || strings.ContainsAny(name, "$\x00") {
		return "", refuse(73, "Invalid namespace specified '%s.%s'", r.db, name)
	}
	return r.db + "." + name, nil
}

// docs are the documents of a field, from the body or from a sequence.
func (r *request) docs(field string) ([]bson.Raw, error) {
	docs := r.seq[field]
	if v, err := r.body.LookupErr(field); err == nil {
		array, ok := v.ArrayOK()
		if !ok || docs != nil {
			return nil, refuse(14, "BSON field '%s.%s' is the wrong type", r.name, field)
		}
		values, err := array.Values()
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			d, ok := v.DocumentOK()
			if !ok {
				return nil, refuse(14, "BSON field '%s.%s' holds something else than documents", r.name, field)
			}
			docs = append(docs, d)
		}
	}
	if len(docs) == 0 || len(docs) > maxWriteBatch {
		return nil, refuse(2, "Write batch sizes must be between 1 and %d. Got %d operations.", maxWriteBatch, len(docs))
	}
	return docs, nil
}

func (r *request) flag(field string, unless bool) bool {
	if v, ok := r.body.Lookup(field).BooleanOK(); ok {
		return v
	}
	return unless
}

func (r *request) number(field string) int64 {
	n, _ := r.body.Lookup(field).AsInt64OK()
	return n
}

func ok(fields ...bson.E) bson.D { return append(fields, bson.E{Key: "ok", Value: float64(1)}) }

func (s *Server) runHello(*request, Apply) (bson.D, error) { return hello(), nil }

func (s *Server) runPing(*request, Apply) (bson.D, error) { return ok(), nil }

func (s *Server) runCreate(req *request, apply Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	if s.data[ns] != nil {
		return nil, refuse(48, "Collection %s already exists.", ns)
	}
	if apply != ApplyNothing {
		s.data[ns] = newCollection()
	}
	return ok(), nil
}

func (s *Server) runDrop(req *request, apply Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	if s.data[ns] == nil {
		return nil, refuse(26, "ns not found")
	}
	if apply != ApplyNothing {
		delete(s.data, ns)
	}
	return ok(bson.E{Key: "ns", Value: ns}), nil
}

func (s *Server) runDropDatabase(req *request, apply Apply) (bson.D, error) {
	for ns := range s.data {
		if strings.HasPrefix(ns, req.db+".") && apply != ApplyNothing {
			delete(s.data, ns)
		}
	}
	return ok(bson.E{Key: "dropped", Value: req.db}), nil
}

func (s *Server) runListCollections(req *request, _ Apply) (bson.D, error) {
	if f, ok := req.body.Lookup("filter").DocumentOK(); ok {
		want := marshal(bson.D{{Key: "type", Value: "collection"}})
		if len(f) > 5 && string(f) != string(want) {
			return nil, refuse(2, "the double filters collections by type alone")
		}
	}
	var docs []bson.Raw
	for ns := range s.data {
		if name, found := strings.CutPrefix(ns, req.db+"."); found {
			docs = append(docs, marshal(bson.D{{Key: "name", Value: name}, {Key: "type", Value: "collection"}}))
		}
	}
	return s.firstBatch(req.db+".$cmd.listCollections", docs, 0), nil
}

func (s *Server) runCreateIndexes(req *request, apply Apply) (bson.D, error) {
	ns, err := req.namespace()
	if err != nil {
		return nil, err
	}
	specs, err := req.docs("indexes")
	if err != nil {
		return nil, err
	}
	c := s.collection(ns)
	before := len(c.indexes)
	for _, spec := range specs {
		if err := c.addIndex(spec, apply != ApplyNothing); err != nil {
			return nil, err
		}
	}
	return ok(bson.E{Key: "numIndexesBefore", Value: int32(before)}, bson.E{Key: "numIndexesAfter", Value: int32(len(c.indexes))}), nil
}
