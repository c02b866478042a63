// Package mongo keeps a mirror in MongoDB 5.0 to 8, one collection a resource.
//
// A document is the object as kubectl shows it, at the top level, between two
// fields of ours:
//
//	{
//	  _id: "prod/shop/web-0",                       // <cluster>/<namespace>/<name>
//	  apiVersion: "v1", kind: "Pod", metadata: {…}, spec: {…}, status: {…},
//	  _mirror: {cluster: "prod", uid: "…", rv: 4711, labels: ["app=web"], syncedAt: ISODate("…")},
//	}
//
// Collections that begin with _sidemirror. hold checkpoints, epochs, a pause and
// past runs; no resource can have such a name.
//
// # What JSON becomes
//
// Reading a document back gives the JSON that the API server sent: the same
// members in the same order, the same strings, the same text of every number.
//
//   - An integer that fits 64 bits is a long ("Int64"), whatever its size.
//   - A number is a double if the double prints as the same text. Doubles print as
//     encoding/json prints them, with ".0" behind a whole number that a long could
//     hold: 1 and 1.0 stay different.
//   - Another number is a decimal128 if that prints as the same text, as
//     18446744073709551615, 1.10 and -0 do.
//   - What is left (1e3, 1e999999, 400 digits) is a binary of subtype 0x80 that holds the text.
//   - Invalid UTF-8 and lone surrogates become U+FFFD, as in encoding/json.
//
// # Keys
//
// With [KeysPlain], keys stay as they are, but for one case: MongoDB takes no
// leading $ at the top level of a replacement, so a top-level key that begins with
// $ begins with ＄ (U+FF04) instead, and one that begins with ＄ or ＼ (U+FF3C) has
// a ＼ in front.
//
// With [KeysEscaped], for servers that refuse such keys, every key is changed: "."
// is ．(U+FF0E), a leading "$" is ＄, and a ＼ stands in front of each ．and ＼ that was
// in the key before, and of a leading ＄.
//
// # What is refused
//
// An object with a NUL in a key, a top-level field named _id or _mirror, more
// than 100 levels, or over 16 MiB as BSON can't be stored. It is rejected alone.
//
// # Guards
//
// A replace is an upsert whose filter asks for an older version. When the row is
// there and isn't older, the upsert tries to insert and fails with E11000 on _id:
// that is how the server says stale. Writes are unordered and idempotent.
//
// Reading order: codec.go, text.go, number.go, keys.go (JSON to BSON), json.go
// (and back), store.go, uri.go, prepare.go, write.go, filter.go, read.go,
// checkpoint.go, history.go, errors.go.
package mongo
