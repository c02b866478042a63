package api

import (
	"errors"
	"net/http"
	"strings"
)

const (
	// minTokenBytes is the least that can't be guessed over a network.
	minTokenBytes = 16
	maxTokenBytes = 16 << 10
)

var errNoToken = errors.New("the request has no bearer token")

// bearerToken takes the token out of a request as RFC 6750 section 2.1 has it. Of
// the three ways in there, this is the one that ends up in no log.
func bearerToken(h http.Header) (string, error) {
	fields := h["Authorization"]
	if len(fields) == 0 {
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(fields[0], " ")
	switch token = strings.TrimLeft(token, " "); {
	case len(fields) > 1: // which of them a proxy has looked at can't be known
		return "", ErrInvalidToken
	case !strings.EqualFold(scheme, "Bearer"):
		return "", errNoToken
	case len(token) > maxTokenBytes || !isToken(token):
		return "", ErrInvalidToken
	}
	return token, nil
}

// isToken reports whether a token can stand in the header: RFC 6750's b64token.
func isToken(token string) bool {
	token = strings.TrimRight(token, "=")
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return token != ""
}
