package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// MongoDB's documented limits of one document.
const (
	maxDocumentBytes = 16 << 20
	maxDepth         = 100
)

// The fields that a document has besides the object's.
const (
	idField     = "_id"
	mirrorField = "_mirror"
)

// Row is what a document says besides the object.
type Row struct {
	Cluster  string
	Keys     KeyMode
	SyncedAt time.Time
}

// AppendDocument appends obj to dst as a BSON document. An error means that
// MongoDB can't hold this object, and leaves dst as it was. It keeps nothing, and
// allocates only where dst is too small, or for numbers that aren't a long or a double.
func AppendDocument(dst []byte, obj *syncer.Object, row Row) ([]byte, error) {
	if obj.RV > math.MaxInt64 {
		return dst, fmt.Errorf("resource version %d is over 63 bits", obj.RV)
	}
	start := len(dst)
	e := encoder{src: obj.JSON, dst: append(dst, 0, 0, 0, 0), keys: row.Keys}
	e.id(row.Cluster, obj.Key)
	if err := e.whole(); err != nil {
		return dst, err
	}
	e.mirror(obj, row)
	e.end(start)
	if n := len(e.dst) - start; n > maxDocumentBytes {
		return dst, fmt.Errorf("%d bytes as BSON are over the limit of 16 MiB", n)
	}
	return e.dst, nil
}

// errSyntax and its position are all that is said of JSON that isn't.
var errSyntax = errors.New("not valid JSON")

// encoder walks JSON once, and appends to dst what it finds.
type encoder struct {
	src  []byte
	pos  int
	dst  []byte
	keys KeyMode
}

func (e *encoder) syntax() error { return fmt.Errorf("%w at byte %d", errSyntax, e.pos) }

// next skips white space and returns the byte behind it, 0 at the end.
func (e *encoder) next() byte {
	for e.pos < len(e.src) {
		switch c := e.src[e.pos]; c {
		case ' ', '\t', '\n', '\r':
			e.pos++
		default:
			return c
		}
	}
	return 0
}

// whole takes the source as one object, whose members it appends.
func (e *encoder) whole() error {
	if e.next() != '{' {
		return e.syntax()
	}
	e.pos++
	if err := e.members(1); err != nil {
		return err
	}
	if e.next(); e.pos != len(e.src) {
		return e.syntax()
	}
	return nil
}

// members appends what stands behind a "{", up to its "}".
func (e *encoder) members(depth int) error {
	if e.next() == '}' {
		e.pos++
		return nil
	}
	for {
		if e.next() != '"' {
			return e.syntax()
		}
		e.pos++
		at := len(e.dst)
		e.dst = append(e.dst, 0) // the type, known once the value is
		if err := e.key(depth == 1); err != nil {
			return err
		}
		if e.next() != ':' {
			return e.syntax()
		}
		e.pos++
		if err := e.value(at, depth); err != nil {
			return err
		}
		more, err := e.more('}')
		if !more {
			return err
		}
	}
}

// items appends what stands behind a "[", up to its "]".
func (e *encoder) items(depth int) error {
	if e.next() == ']' {
		e.pos++
		return nil
	}
	for i := int64(0); ; i++ {
		at := len(e.dst)
		e.dst = append(e.dst, 0)
		e.dst = append(strconv.AppendInt(e.dst, i, 10), 0)
		if err := e.value(at, depth); err != nil {
			return err
		}
		more, err := e.more(']')
		if !more {
			return err
		}
	}
}

// more reads what stands between members: a comma, or the end.
func (e *encoder) more(end byte) (bool, error) {
	switch e.next() {
	case ',':
		e.pos++
		return true, nil
	case end:
		e.pos++
		return false, nil
	default:
		return false, e.syntax()
	}
}

// value appends a value, and writes its type to dst[at]. depth is that of the
// document or array that the value stands in.
func (e *encoder) value(at, depth int) (err error) {
	t := bsoncore.TypeNull
	switch c := e.next(); c {
	case '"':
		t = bsoncore.TypeString
		e.pos++
		err = e.stringValue()
	case '{', '[':
		t, err = e.nested(c, depth+1)
	case 't':
		t = bsoncore.TypeBoolean
		e.dst = append(e.dst, 1)
		err = e.literal("true")
	case 'f':
		t = bsoncore.TypeBoolean
		e.dst = append(e.dst, 0)
		err = e.literal("false")
	case 'n':
		err = e.literal("null")
	default:
		t, err = e.number()
	}
	e.dst[at] = byte(t)
	return err
}

func (e *encoder) nested(open byte, depth int) (bsoncore.Type, error) {
	if depth > maxDepth {
		return 0, fmt.Errorf("more than %d levels", maxDepth)
	}
	e.pos++
	start := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	t := bsoncore.TypeEmbeddedDocument
	var err error
	if open == '{' {
		err = e.members(depth)
	} else {
		t, err = bsoncore.TypeArray, e.items(depth)
	}
	e.end(start)
	return t, err
}

// end closes the document whose length stands at start.
func (e *encoder) end(start int) {
	e.dst = append(e.dst, 0)
	e.length(start, len(e.dst)-start)
}

func (e *encoder) length(at, n int) {
	// A length that doesn't fit belongs to a document that is refused for its size.
	binary.LittleEndian.PutUint32(e.dst[at:], uint32(n))
}

func (e *encoder) literal(want string) error {
	if !bytes.HasPrefix(e.src[e.pos:], []byte(want)) {
		return e.syntax()
	}
	e.pos += len(want)
	return nil
}

func (e *encoder) stringValue() error {
	at := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	err := e.text()
	e.dst = append(e.dst, 0)
	e.length(at, len(e.dst)-at-4)
	return err
}

func (e *encoder) id(cluster string, key []byte) {
	e.dst = bsoncore.AppendHeader(e.dst, bsoncore.TypeString, idField)
	joined(e, cluster, "/", key)
}

func (e *encoder) mirror(obj *syncer.Object, row Row) {
	e.dst = bsoncore.AppendHeader(e.dst, bsoncore.TypeEmbeddedDocument, mirrorField)
	start := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	e.dst = bsoncore.AppendStringElement(e.dst, "cluster", row.Cluster)
	e.dst = bsoncore.AppendHeader(e.dst, bsoncore.TypeString, "uid")
	joined(e, obj.UID, "", "")
	e.dst = bsoncore.AppendInt64Element(e.dst, "rv", int64(obj.RV))
	e.labels(obj.Labels)
	e.dst = bsoncore.AppendDateTimeElement(e.dst, "syncedAt", row.SyncedAt.UnixMilli())
	e.end(start)
}

func (e *encoder) labels(labels []syncer.Label) {
	e.dst = bsoncore.AppendHeader(e.dst, bsoncore.TypeArray, "labels")
	start := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	for i := range labels {
		e.dst = append(e.dst, byte(bsoncore.TypeString))
		e.dst = append(strconv.AppendInt(e.dst, int64(i), 10), 0)
		joined(e, labels[i].Name, "=", labels[i].Value)
	}
	e.end(start)
}

// joined appends the string a+sep+b without its header.
func joined[A, B string | []byte](e *encoder, a A, sep string, b B) {
	at := len(e.dst)
	e.dst = append(e.dst, 0, 0, 0, 0)
	e.dst = append(e.dst, a...)
	e.dst = append(e.dst, sep...)
	e.dst = append(e.dst, b...)
	e.dst = append(e.dst, 0)
	e.length(at, len(e.dst)-at-4)
}
