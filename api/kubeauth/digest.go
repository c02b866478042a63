package kubeauth

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/sidemirror/sidemirror/api"
)

// tokenDigest stands for a token.
func tokenDigest(token string) digest { return sha256.Sum256([]byte(token)) }

// questionDigest stands for a user and what it wants to do. Every part goes in with
// its length, so that no two questions look the same.
func questionDigest(u api.User, a api.Attributes) digest {
	var buffer [1024]byte
	b := buffer[:0]
	for _, part := range [...]string{a.Verb, a.Group, a.Resource, a.Namespace, a.Name, a.Path, u.Name, u.UID} {
		b = appendPart(b, part)
	}
	b = appendParts(b, u.Groups)
	if len(u.Extra) > 0 {
		for _, key := range slices.Sorted(maps.Keys(u.Extra)) {
			b = appendParts(appendPart(b, key), u.Extra[key])
		}
	}
	return sha256.Sum256(b)
}

func appendPart(b []byte, part string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func appendParts(b []byte, parts []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, part := range parts {
		b = appendPart(b, part)
	}
	return b
}
