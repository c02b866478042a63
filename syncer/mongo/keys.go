package mongo

import (
	"bytes"
	"errors"
	"fmt"
)

// KeyMode says how the keys of objects are written; see the package's
// documentation for both forms.
type KeyMode int

// KeysPlain is for MongoDB 5.0 and later, KeysEscaped for servers that refuse
// dots and dollars.
const (
	KeysPlain KeyMode = iota
	KeysEscaped
)

// String is the mode as --mongo-keys takes it.
func (m KeyMode) String() string {
	if m == KeysEscaped {
		return "escaped"
	}
	return "plain"
}

// ParseKeyMode undoes [KeyMode.String].
func ParseKeyMode(s string) (KeyMode, error) {
	switch s {
	case "plain":
		return KeysPlain, nil
	case "escaped":
		return KeysEscaped, nil
	default:
		return 0, fmt.Errorf("key mode %q is neither plain nor escaped", s)
	}
}

// The stand-ins for "." and "$", and what marks them where they are meant.
const (
	dot    = "．" // U+FF0E
	dollar = "＄" // U+FF04
	marker = "＼" // U+FF3C
)

// fullWidth is the first byte of all three.
const fullWidth = 0xEF

var errNULKey = errors.New("a key holds a NUL, which BSON can't")

// key appends the key that stands behind a quote, as a C string.
func (e *encoder) key(top bool) error {
	start := len(e.dst)
	if err := e.text(); err != nil {
		return err
	}
	key := e.dst[start:]
	if bytes.IndexByte(key, 0) >= 0 {
		return errNULKey
	}
	if top && (string(key) == idField || string(key) == mirrorField) {
		return fmt.Errorf("the object has a field %s, which is the mirror's own", key)
	}
	if needsEscape(key, e.keys, top) {
		n := len(key)
		e.dst = appendEscaped(e.dst, key, e.keys)
		copy(e.dst[start:], e.dst[start+n:])
		e.dst = e.dst[:len(e.dst)-n]
	}
	e.dst = append(e.dst, 0)
	return nil
}

func needsEscape(key []byte, keys KeyMode, top bool) bool {
	if len(key) == 0 || keys == KeysPlain && !top {
		return false
	}
	if key[0] == '$' || key[0] == fullWidth {
		return true
	}
	return keys == KeysEscaped && (bytes.IndexByte(key, '.') >= 0 || bytes.IndexByte(key, fullWidth) >= 0)
}

// appendEscaped appends key as a document holds it. In plain mode it's for
// top-level keys, whose beginning alone counts.
func appendEscaped(dst, key []byte, keys KeyMode) []byte {
	switch {
	case key[0] == '$':
		dst, key = append(dst, dollar...), key[1:]
	case bytes.HasPrefix(key, []byte(dollar)):
		dst, key = append(dst, marker+dollar...), key[len(dollar):]
	case keys == KeysPlain && bytes.HasPrefix(key, []byte(marker)):
		dst = append(dst, marker...)
	}
	if keys == KeysPlain {
		return append(dst, key...)
	}
	for i := 0; i < len(key); i++ {
		switch {
		case key[i] == '.':
			dst = append(dst, dot...)
			continue
		case key[i] == fullWidth && (bytes.HasPrefix(key[i:], []byte(dot)) || bytes.HasPrefix(key[i:], []byte(marker))):
			dst = append(dst, marker...)
		}
		dst = append(dst, key[i])
	}
	return dst
}

// unescape undoes appendEscaped; it returns a part of buf, or key itself.
func unescape(buf, key []byte, keys KeyMode, top bool) []byte {
	if !needsEscape(key, keys, top) || key[0] == '$' {
		return key
	}
	switch {
	case bytes.HasPrefix(key, []byte(dollar)):
		buf, key = append(buf, '$'), key[len(dollar):]
	case keys == KeysPlain && bytes.HasPrefix(key, []byte(marker)):
		return key[len(marker):]
	}
	if keys == KeysPlain {
		return append(buf, key...)
	}
	for i := 0; i < len(key); i++ {
		if key[i] == fullWidth {
			switch {
			case bytes.HasPrefix(key[i:], []byte(dot)):
				buf = append(buf, '.')
				i += len(dot) - 1
				continue
			case bytes.HasPrefix(key[i:], []byte(marker)):
				i += len(marker) // what follows stands for itself
				if i >= len(key) {
					continue
				}
			}
		}
		buf = append(buf, key[i])
	}
	return buf
}
