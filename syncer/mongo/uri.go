package mongo

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// checkURI returns the database that uri is for. A mongodb+srv URI is parsed
// when the store connects, because that asks the DNS.
func checkURI(uri string) (database string, err error) {
	srv := strings.HasPrefix(uri, "mongodb+srv://")
	if !srv {
		if err := options.Client().ApplyURI(uri).Validate(); err != nil {
			return "", fmt.Errorf("the connection string: %s", scrub(err.Error(), uri))
		}
	}
	database = databaseOf(uri)
	if strings.ContainsAny(database, "/\\. \"$*<>:|?\x00") || len(database) > 63 {
		return "", errors.New("the connection string: no database can have the name that it gives")
	}
	return database, nil
}

// databaseOf is what stands between the hosts and the options.
func databaseOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	_, name, _ := strings.Cut(rest, "/")
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	if name == "" {
		return defaultDatabase
	}
	return name
}

// scrub hides in text whatever part of uri may be a credential, in the pieces in
// which a parser quotes them: all that stands between the scheme and the last @,
// or, where the @ was forgotten, all behind the scheme.
func scrub(text, uri string) string {
	_, rest, found := strings.Cut(uri, "://")
	if !found {
		rest = uri
	}
	secret := rest
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		secret = rest[:at]
	}
	parts := append([]string{rest, secret}, strings.FieldsFunc(secret, func(c rune) bool {
		return strings.ContainsRune(":@/?,&=", c)
	})...)
	for _, part := range parts {
		text = hide(text, part)
		if plain, err := url.PathUnescape(part); err == nil {
			text = hide(text, plain)
		}
	}
	return text
}

// hide leaves one or two letters alone: hiding those would tell more than it hides.
func hide(text, part string) string {
	if len(part) < 3 {
		return text
	}
	return strings.ReplaceAll(text, part, "***")
}
