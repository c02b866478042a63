package mongo

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text appends the string that stands behind a quote, unescaped, and moves
// behind the closing one.
func (e *encoder) text() error {
	for {
		run := e.pos
		e.pos = plain(e.src, run)
		e.dst = append(e.dst, e.src[run:e.pos]...)
		if e.pos >= len(e.src) {
			return e.syntax()
		}
		switch c := e.src[e.pos]; {
		case c == '"':
			e.pos++
			return nil
		case c == '\\':
			if err := e.escape(); err != nil {
				return err
			}
		case c < ' ':
			return e.syntax()
		default:
			r, size := utf8.DecodeRune(e.src[e.pos:])
			e.dst = utf8.AppendRune(e.dst, r)
			e.pos += size
		}
	}
}

const (
	eachByte  = 0x0101010101010101
	highBits  = 0x8080808080808080
	quotes    = eachByte * '"'
	backslash = eachByte * '\\'
)

// plain returns where, from i on, the first byte stands that isn't printable
// ASCII, or is a quote or a backslash. It looks at eight bytes at a time; a borrow
// can only mark bytes behind the first true hit.
func plain(src []byte, i int) int {
	for ; i+8 <= len(src); i += 8 {
		w := binary.LittleEndian.Uint64(src[i:])
		hit := (w | (w - eachByte*' ') | ((w ^ quotes) - eachByte) | ((w ^ backslash) - eachByte)) & highBits
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(src) && src[i] >= ' ' && src[i] < utf8.RuneSelf && src[i] != '"' && src[i] != '\\' {
		i++
	}
	return i
}

// unescaped maps the byte behind a backslash to what the two stand for.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (e *encoder) escape() error {
	if e.pos+1 >= len(e.src) {
		return e.syntax()
	}
	c := e.src[e.pos+1]
	if c == 'u' {
		return e.unicode()
	}
	if unescaped[c] == 0 {
		return e.syntax()
	}
	e.dst = append(e.dst, unescaped[c])
	e.pos += 2
	return nil
}

// unicode appends \uXXXX, and takes the second half of a surrogate pair with it.
func (e *encoder) unicode() error {
	r := hex4(e.src[e.pos+2:])
	if r < 0 {
		return e.syntax()
	}
	e.pos += 6
	if utf16.IsSurrogate(r) {
		second := rune(-1)
		if rest := e.src[e.pos:]; len(rest) > 2 && rest[0] == '\\' && rest[1] == 'u' {
			second = hex4(rest[2:])
		}
		if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
			e.pos += 6
		}
	}
	e.dst = utf8.AppendRune(e.dst, r)
	return nil
}

// hex4 is the number that b begins with, -1 if it doesn't.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
