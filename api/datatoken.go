package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// A continue token is the key behind which the next page begins, so that writes
// in between don't move it, and how many objects came before. A sum over both and
// over the query tells a token that is broken, or of another list. It keeps
// nobody out: whoever makes a token up gets no rows but those of their own query.
const (
	tokenVersion     = 1
	tokenSumBytes    = 8
	maxContinueBytes = 1024 // a key is at most 317
)

// binding is the query that a token belongs to. The limit may change.
type binding struct{ cluster, resource, namespace, labels, fields string }

func (b binding) sum(rest []byte) []byte {
	h := sha256.New()
	for _, part := range []string{b.cluster, b.resource, b.namespace, b.labels, b.fields} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(rest)
	return h.Sum(nil)[:tokenSumBytes]
}

// seal makes the token of the page behind key.
func (b binding) seal(key []byte, seen int64) string {
	rest := append(binary.AppendUvarint(nil, uint64(seen)), key...)
	token := append([]byte{tokenVersion}, b.sum(rest)...)
	return base64.RawURLEncoding.EncodeToString(append(token, rest...))
}

// open undoes seal; ok tells whether the token is one of this query.
func (b binding) open(token string) (key string, seen int64, ok bool) {
	if len(token) > maxContinueBytes {
		return "", 0, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= 1+tokenSumBytes || raw[0] != tokenVersion {
		return "", 0, false
	}
	sum, rest := raw[1:1+tokenSumBytes], raw[1+tokenSumBytes:]
	count, n := binary.Uvarint(rest)
	if n <= 0 || string(b.sum(rest)) != string(sum) {
		return "", 0, false
	}
	return string(rest[n:]), int64(count), true
}
