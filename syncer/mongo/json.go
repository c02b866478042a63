package mongo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

var errMalformed = errors.New("not a valid BSON document")

// AppendJSON undoes [AppendDocument]: it appends the object of a document as
// JSON, without _id and _mirror. An error leaves dst as it was.
func AppendJSON(dst, doc []byte, keys KeyMode) ([]byte, error) {
	d := decoder{dst: dst, keys: keys}
	if err := d.document(doc, 1, false); err != nil {
		return dst, err
	}
	return d.dst, nil
}

type decoder struct {
	dst  []byte
	keys KeyMode
}

// document appends doc, which is whole and nothing else.
func (d *decoder) document(doc []byte, depth int, array bool) error {
	if len(doc) < 5 || int(binary.LittleEndian.Uint32(doc)) != len(doc) || doc[len(doc)-1] != 0 || depth > 2*maxDepth {
		return errMalformed
	}
	open, end := byte('{'), byte('}')
	if array {
		open, end = '[', ']'
	}
	d.dst = append(d.dst, open)
	first := true
	for rest := doc[4 : len(doc)-1]; len(rest) > 0; {
		t := bsoncore.Type(rest[0])
		n := bytes.IndexByte(rest[1:], 0)
		if n < 0 {
			return errMalformed
		}
		key := rest[1 : 1+n]
		value := rest[n+2:]
		n = valueBytes(t, value)
		if n < 0 || n > len(value) {
			return errMalformed
		}
		value, rest = value[:n], value[n:]
		if depth == 1 && (string(key) == idField || string(key) == mirrorField) {
			continue
		}
		if !first {
			d.dst = append(d.dst, ',')
		}
		first = false
		if !array {
			d.key(key, depth == 1)
		}
		if err := d.value(t, value, depth); err != nil {
			return err
		}
	}
	d.dst = append(d.dst, end)
	return nil
}

func (d *decoder) key(key []byte, top bool) {
	var buf [320]byte // the longest label or annotation key
	d.dst = appendString(d.dst, unescape(buf[:0], key, d.keys, top))
	d.dst = append(d.dst, ':')
}

// valueBytes is how long the value is that b begins with, -1 if that can't be told.
func valueBytes(t bsoncore.Type, b []byte) int {
	length := -1
	if len(b) >= 4 {
		length = int(binary.LittleEndian.Uint32(b))
	}
	switch t {
	case bsoncore.TypeNull:
		return 0
	case bsoncore.TypeBoolean:
		return 1
	case bsoncore.TypeInt32:
		return 4
	case bsoncore.TypeInt64, bsoncore.TypeDouble, bsoncore.TypeDateTime:
		return 8
	case bsoncore.TypeDecimal128:
		return 16
	case bsoncore.TypeString:
		if length < 1 {
			return -1
		}
		return 4 + length
	case bsoncore.TypeBinary:
		if length < 0 {
			return -1
		}
		return 5 + length
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		return length
	default:
		return -1
	}
}

func (d *decoder) value(t bsoncore.Type, v []byte, depth int) error {
	switch t {
	case bsoncore.TypeNull:
		d.dst = append(d.dst, "null"...)
	case bsoncore.TypeBoolean:
		d.dst = strconv.AppendBool(d.dst, v[0] != 0)
	case bsoncore.TypeInt32:
		d.dst = strconv.AppendInt(d.dst, int64(int32(binary.LittleEndian.Uint32(v))), 10)
	case bsoncore.TypeInt64:
		d.dst = strconv.AppendInt(d.dst, int64(binary.LittleEndian.Uint64(v)), 10)
	case bsoncore.TypeString:
		d.dst = appendString(d.dst, v[4:len(v)-1])
	case bsoncore.TypeEmbeddedDocument:
		return d.document(v, depth+1, false)
	case bsoncore.TypeArray:
		return d.document(v, depth+1, true)
	case bsoncore.TypeDouble:
		f := math.Float64frombits(binary.LittleEndian.Uint64(v))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("JSON has no number for %v", f)
		}
		d.dst = appendDouble(d.dst, f)
	case bsoncore.TypeDecimal128:
		text := bson.NewDecimal128(binary.LittleEndian.Uint64(v[8:]), binary.LittleEndian.Uint64(v)).String()
		return d.numberText([]byte(text))
	case bsoncore.TypeBinary:
		if v[4] != textSubtype {
			return fmt.Errorf("binary of subtype %#x isn't ours", v[4])
		}
		return d.numberText(v[5:])
	default:
		return fmt.Errorf("a %s isn't ours", t)
	}
	return nil
}

func (d *decoder) numberText(text []byte) error {
	if t, _ := numberText(text); len(t) == 0 || len(t) != len(text) {
		return fmt.Errorf("%q isn't a number of JSON", text)
	}
	d.dst = append(d.dst, text...)
	return nil
}

const hexDigits = "0123456789abcdef"

// appendString appends s as JSON. What isn't ASCII stays as it is: strings of
// documents are UTF-8.
func appendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		run := i
		for i = plain(s, i); i < len(s) && s[i] >= 0x80; i = plain(s, i) {
			i++
		}
		dst = append(dst, s[run:i]...)
		if i >= len(s) {
			break
		}
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
	}
	return append(dst, '"')
}
