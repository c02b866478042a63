package kube

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// plain is the number of bytes before the first that means something in a
// string: a quote, a backslash or a control character. It looks at eight bytes
// at a time: subtracting borrows from a byte's top bit exactly where the byte is
// too small, and what a borrow spoils is behind the first such byte.
func plain(b []byte) int {
	const (
		each = 0x0101010101010101
		tops = 0x80 * each
	)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^each*'"', w^each*'\\'
		if hit := ((w-each*0x20)&^w | (quote-each)&^quote | (slash-each)&^slash) & tops; hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// str passes the string that begins here, and says whether it has escapes.
// Bytes that aren't UTF-8 stay as they are; encoding/json would replace them.
func (s *scanner) str() (escaped bool, err error) {
	s.pos++
	for {
		s.pos += plain(s.buf[s.pos:])
		if s.pos == len(s.buf) {
			if err := s.more(); err != nil {
				return false, s.truncated(err)
			}
			continue
		}
		switch s.buf[s.pos] {
		case '"':
			s.pos++
			return escaped, nil
		case '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return false, err
			}
		default:
			return false, s.unexpected("a character of a string")
		}
	}
}

// escape passes the escape sequence that begins here.
func (s *scanner) escape() error {
	s.pos++
	if err := s.need(); err != nil {
		return err
	}
	switch s.buf[s.pos] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
	default:
		return s.unexpected("an escape")
	}
	s.pos++
	for range 4 {
		if err := s.need(); err != nil {
			return err
		}
		if unhex(s.buf[s.pos]) < 0 {
			return s.unexpected("a hexadecimal digit")
		}
		s.pos++
	}
	return nil
}

func unhex(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	default:
		return -1
	}
}

// unescape appends the meaning of a string's content, which str has passed, to
// dst. A lone half of a surrogate pair becomes U+FFFD, as in encoding/json.
func unescape(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		c := raw[i+1]
		raw = raw[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			var r rune
			r, raw = codePoint(raw)
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

// codePoint reads the four digits behind \u, and the second half of a pair.
func codePoint(raw []byte) (rune, []byte) {
	r := hex4(raw)
	raw = raw[4:]
	if utf16.IsSurrogate(r) && len(raw) >= 6 && raw[0] == '\\' && raw[1] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(raw[2:])); pair != utf8.RuneError {
			return pair, raw[6:]
		}
	}
	return r, raw // AppendRune writes U+FFFD for half a pair
}

func hex4(b []byte) rune {
	return unhex(b[0])<<12 | unhex(b[1])<<8 | unhex(b[2])<<4 | unhex(b[3])
}

// text reads a string value, or null as the empty string. The result is valid
// until the scanner reads on.
func (s *scanner) text() ([]byte, error) {
	c, err := s.token()
	if err != nil {
		return nil, err
	}
	switch c {
	case '"':
		return s.content(&s.scratch)
	case 'n':
		return nil, s.literal("null")
	default:
		return nil, s.unexpected("a string")
	}
}

// content reads the string that begins here; one with escapes goes to into.
func (s *scanner) content(into *[]byte) ([]byte, error) {
	unmarked := s.mark < 0
	if unmarked {
		s.mark = s.pos
	}
	start := s.at() + 1
	escaped, err := s.str()
	if err != nil {
		return nil, err
	}
	raw := s.buf[s.mark+start : s.pos-1]
	if unmarked {
		s.mark = -1
	}
	if !escaped {
		return raw, nil
	}
	*into = unescape((*into)[:0], raw)
	return *into, nil
}
