package mongo

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// textSubtype is the subtype of a binary that holds the text of a number which
// no number of BSON prints as. 0x80 and up are the users' own.
const textSubtype = 0x80

// number appends a number as the first of long, double, decimal128 and text that
// gives its text back.
func (e *encoder) number() (bsoncore.Type, error) {
	text, whole := numberText(e.src[e.pos:])
	if len(text) == 0 {
		return 0, e.syntax()
	}
	e.pos += len(text)
	if whole {
		if i, ok := parseInt(text); ok {
			e.dst = binary.LittleEndian.AppendUint64(e.dst, uint64(i))
			return bsoncore.TypeInt64, nil
		}
	}
	if f, err := strconv.ParseFloat(string(text), 64); err == nil {
		var buf [40]byte
		if string(appendDouble(buf[:0], f)) == string(text) {
			e.dst = binary.LittleEndian.AppendUint64(e.dst, math.Float64bits(f))
			return bsoncore.TypeDouble, nil
		}
	}
	if fitsDecimal(text) {
		if d, err := bson.ParseDecimal128(string(text)); err == nil && d.String() == string(text) {
			high, low := d.GetBytes()
			e.dst = bsoncore.AppendDecimal128(e.dst, high, low)
			return bsoncore.TypeDecimal128, nil
		}
	}
	e.dst = bsoncore.AppendBinary(e.dst, textSubtype, text)
	return bsoncore.TypeBinary, nil
}

// fitsDecimal keeps texts from the library's parser that a decimal128 can't
// print: it takes time in proportion to the exponent.
func fitsDecimal(text []byte) bool {
	const longest = len("-1.") + 33 + len("E+6111")
	_, exponent, _ := bytes.Cut(text, []byte("E"))
	return len(text) <= longest && len(exponent) <= len("+6111") && bytes.IndexByte(text, 'e') < 0
}

// numberText returns the number that b begins with, nothing if it doesn't, and
// whether it has neither a fraction nor an exponent.
func numberText(b []byte) (text []byte, whole bool) {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch n := digits(b[i:]); {
	case n == 0, n > 1 && b[i] == '0':
		return nil, false
	default:
		i += n
	}
	whole = true
	if i < len(b) && b[i] == '.' {
		n := digits(b[i+1:])
		if n == 0 {
			return nil, false
		}
		whole = false
		i += 1 + n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b[i:])
		if n == 0 {
			return nil, false
		}
		whole = false
		i += n
	}
	return b[:i], whole
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

// parseInt takes what [numberText] calls whole, except -0, which no integer prints as.
func parseInt(text []byte) (int64, bool) {
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	if len(text) > 19 {
		return 0, false
	}
	var u uint64 // 19 digits fit
	for _, c := range text {
		u = u*10 + uint64(c-'0')
	}
	if negative {
		return -int64(u), u != 0 && u <= 1<<63
	}
	return int64(u), u < 1<<63
}

// appendDouble prints f as encoding/json does, with ".0" behind what would be
// taken for a long otherwise.
func appendDouble(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		start := len(dst)
		dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
		// e-09 to e-9
		if n := len(dst); n-start >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
			dst[n-2] = dst[n-1]
			dst = dst[:n-1]
		}
		return dst
	}
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if abs < 1<<63 && f == math.Trunc(f) {
		dst = append(dst, ".0"...)
	}
	return dst
}
