package main

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// storeLocation is a parsed --store: exactly one of its fields is set.
type storeLocation struct {
	MongoURI   string
	SQLitePath string
}

// parseStore tells the kinds of store apart. What can't be parsed isn't repeated
// in the error: it may hold a password.
func parseStore(store string) (storeLocation, error) {
	scheme, rest, ok := strings.Cut(store, ":")
	switch {
	case !ok:
		return storeLocation{}, fmt.Errorf("--store: want mongodb://…, mongodb+srv://… or sqlite:PATH")
	case scheme == "sqlite" && strings.TrimPrefix(rest, "//") == "":
		return storeLocation{}, fmt.Errorf("--store: sqlite: needs a path behind it")
	case scheme == "sqlite" && strings.HasPrefix(rest, "//"):
		return storeLocation{}, fmt.Errorf("--store: write sqlite:PATH, without //")
	case scheme == "sqlite":
		return storeLocation{SQLitePath: rest}, nil
	case scheme == "mongodb":
		if err := options.Client().ApplyURI(store).Validate(); err != nil {
			return storeLocation{}, fmt.Errorf("--store: the MongoDB URI: %s", scrub(err.Error(), store))
		}
		return storeLocation{MongoURI: store}, nil
	case scheme == "mongodb+srv" && strings.HasPrefix(rest, "//"):
		return storeLocation{MongoURI: store}, nil // parsing it asks the DNS
	case strings.HasPrefix(rest, "//"):
		return storeLocation{}, fmt.Errorf("--store: unknown scheme %s://, want mongodb://…, mongodb+srv://… or sqlite:PATH", scheme)
	default:
		return storeLocation{}, fmt.Errorf("--store: want mongodb://…, mongodb+srv://… or sqlite:PATH")
	}
}

// scrub hides in text each part of uri that may be a credential, in whatever
// pieces a parser quotes it: all that stands between the scheme and the last @,
// or, where the @ was forgotten, behind the first colon.
func scrub(text, uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	var secret string
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		secret = rest[:at]
	} else {
		_, secret, _ = strings.Cut(rest, ":")
	}
	for _, part := range append([]string{rest, secret}, strings.FieldsFunc(secret, isDelimiter)...) {
		if len(part) > 2 {
			text = strings.ReplaceAll(text, part, "***")
		}
	}
	return withoutUserInfo(text)
}

// isDelimiter tells at which characters a parser of URIs cuts.
func isDelimiter(c rune) bool { return strings.ContainsRune(":@/?,&", c) }
