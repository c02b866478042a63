package mongotest

import (
	"bytes"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// collection keeps documents by _id. The server's mu guards it.
type collection struct {
	docs    map[string]bson.Raw
	sorted  []string            // the ids in order; nil when it isn't known
	indexes map[string]bson.Raw // keys by name
}

func newCollection() *collection {
	return &collection{
		docs:    map[string]bson.Raw{},
		indexes: map[string]bson.Raw{"_id_": marshal(bson.D{{Key: "_id", Value: int32(1)}})},
	}
}

// collection makes the collection if it isn't there, as a write does.
func (s *Server) collection(ns string) *collection {
	c := s.data[ns]
	if c == nil {
		c = newCollection()
		s.data[ns] = c
	}
	return c
}

func (c *collection) ids() []string {
	if c.sorted == nil {
		c.sorted = make([]string, 0, len(c.docs))
		for id := range c.docs {
			c.sorted = append(c.sorted, id)
		}
		slices.Sort(c.sorted)
	}
	return c.sorted
}

func (c *collection) put(id string, doc bson.Raw) {
	if _, there := c.docs[id]; !there {
		c.sorted = nil
	}
	c.docs[id] = slices.Clone(doc)
}

func (c *collection) remove(id string) {
	delete(c.docs, id)
	c.sorted = nil
}

// matching calls f with each document that the filter takes, in the order of _id,
// until f says that it is enough. f may remove what it is given.
func (c *collection) matching(f *filter, each func(id string, doc bson.Raw) bool) {
	if f.id != "" {
		if doc, there := c.docs[f.id]; there && f.match(doc) {
			each(f.id, doc)
		}
		return
	}
	ids := c.ids()
	first := 0
	if f.above != "" {
		first, _ = slices.BinarySearch(ids, f.above)
	}
	for _, id := range ids[first:] {
		if f.below != "" && id > f.below {
			return
		}
		if doc := c.docs[id]; f.match(doc) && !each(id, doc) {
			return
		}
	}
}

// addIndex knows plain indexes, ascending and not unique.
func (c *collection) addIndex(spec bson.Raw, apply bool) error {
	elements, err := spec.Elements()
	if err != nil {
		return err
	}
	var name string
	var keys bson.Raw
	for _, e := range elements {
		switch e.Key() {
		case "name":
			name = e.Value().StringValue()
		case "key":
			keys, _ = e.Value().DocumentOK()
		default:
			return refuse(197, "the double knows no index option %s", e.Key())
		}
	}
	if name == "" || len(keys) <= 5 {
		return refuse(67, "an index needs a name and keys")
	}
	for other, theirs := range c.indexes {
		switch same := string(theirs) == string(keys); {
		case same && other != name:
			return refuse(85, "Index already exists with a different name: %s", other)
		case !same && other == name:
			return refuse(86, "An existing index has the same name as the requested index: %s", name)
		}
	}
	if apply {
		c.indexes[name] = slices.Clone(keys)
	}
	return nil
}

// checkDocument holds a whole document to MongoDB's rules, and returns its _id.
// fresh documents may have top-level keys that begin with a dollar, replacements not.
func (s *Server) checkDocument(doc bson.Raw, fresh bool) (string, error) {
	if len(doc) > maxDocumentBytes {
		return "", refuse(10334, "BSONObj size: %d is invalid. Size must be between 0 and 16793600(16MB)", len(doc))
	}
	if err := doc.Validate(); err != nil {
		return "", refuse(22, "invalid BSON: %v", err)
	}
	if err := s.checkKeys(doc, 1, fresh); err != nil {
		return "", err
	}
	id, ok := doc.Lookup("_id").StringValueOK()
	if !ok || id == "" {
		return "", refuse(53, "the double keeps documents whose _id is a string")
	}
	return id, nil
}

func (s *Server) checkKeys(doc []byte, depth int, fresh bool) error {
	if len(doc) < 5 {
		return refuse(22, "invalid BSON")
	}
	if depth > 180 {
		return refuse(15, "Document exceeds maximum nested object depth: 180")
	}
	for rest := bsoncore.Document(doc[4 : len(doc)-1]); len(rest) > 0; {
		e, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return refuse(22, "invalid BSON")
		}
		rest = after
		t := bsoncore.Type(e[0])
		key, value, _ := bytes.Cut(e[1:], []byte{0})
		switch {
		case s.old && bytes.IndexByte(key, '.') >= 0:
			return refuse(57, "The dotted field '%s' is not valid for storage.", key)
		case len(key) > 0 && key[0] == '$' && (s.old || depth == 1 && !fresh):
			return refuse(52, "The dollar ($) prefixed field '%s' is not allowed in the context of an update's replacement document.", key)
		}
		if t == bsoncore.TypeEmbeddedDocument || t == bsoncore.TypeArray {
			if err := s.checkKeys(value, depth+1, fresh); err != nil {
				return err
			}
		}
	}
	return nil
}

// changed counts a write of the mirror.
func (s *Server) changed(ns string, inserted, updated, deleted int) {
	if _, name, _ := strings.Cut(ns, "."); strings.HasPrefix(name, "_") {
		return
	}
	s.writes.Inserted += inserted
	s.writes.Updated += updated
	s.writes.Deleted += deleted
}

func (s *Server) wrote(ns, cmd string) {
	if _, name, _ := strings.Cut(ns, "."); !strings.HasPrefix(name, "_") {
		s.writes.Commands[cmd]++
	}
}
