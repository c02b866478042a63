package api

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	maxHeaderValueBytes = 256
	maxErrorBytes       = 1024 // of an error text in a document
	ellipsis            = "..."
	mask                = "***"
)

// secrets are the forms in which credentials show up in the errors of databases,
// clusters and proxies. The first group is kept.
var secrets = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`(?i)([a-z0-9_-]*(?:password|passwd|passphrase|pwd|secret|token|authorization|credentials?|api[_-]?key|private[_-]?key|access[_-]?key)["']?\s*[=:])\s*(?:"[^"]*"?|'[^']*'?|[^\s,;&"')\]}]+)`),
	regexp.MustCompile(`()\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), // a JWT
	regexp.MustCompile(`()[A-Za-z0-9._%+-]+:[^\s@/"']+@`),                            // user info without a scheme
}

// Redact takes credentials, URIs' user info and stack traces out of an error's
// text and bounds its length. It rather takes too much than too little.
func Redact(text string) string {
	if i := strings.Index(text, "\ngoroutine "); i >= 0 {
		text = text[:i]
	}
	text = redactURIs(text)
	for _, re := range secrets {
		text = re.ReplaceAllString(text, "${1}"+mask)
	}
	return truncate(text, maxErrorBytes)
}

// redactURIs masks what stands between "://" and "@".
func redactURIs(text string) string {
	var out strings.Builder
	for {
		i := strings.Index(text, "://")
		if i < 0 {
			out.WriteString(text)
			return out.String()
		}
		i += len("://")
		out.WriteString(text[:i])
		text = text[i:]
		if n := userInfo(text); n > 0 {
			out.WriteString(mask)
			text = text[n:]
		}
	}
}

// userInfo is how much of rest, which follows "://", belongs to user info. A
// password may hold what it shouldn't ('/', '@', spaces) or have been cut off
// before its '@'; a host with a port is none.
func userInfo(rest string) int {
	end := len(rest)
	if i := strings.IndexAny(rest, " \t\r\n\"'<>`"); i >= 0 {
		end = i
	}
	if i := strings.LastIndexByte(rest[:end], '@'); i >= 0 {
		return i
	}
	colon := strings.IndexByte(rest[:end], ':')
	if colon < 0 || rest[0] == '[' || strings.ContainsAny(rest[:colon], "/?#") || isPort(rest[colon+1:]) {
		return 0
	}
	scope := rest
	if i := strings.Index(rest, "://"); i >= 0 {
		scope = rest[:i]
	}
	if i := strings.LastIndexByte(scope, '@'); i >= 0 {
		return i
	}
	return end
}

// isPort reports whether rest, which follows a host's colon, begins with a port.
func isPort(rest string) bool {
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	if digits > 5 {
		return false
	}
	return digits == len(rest) || strings.IndexByte("/?#,: \t\r\n\"'<>`)]};", rest[digits]) >= 0
}

// Sanitize makes text a header value that every client takes: printable ASCII
// without credentials, at most 256 bytes. Control characters become a space,
// anything beyond ASCII a question mark.
func Sanitize(text string) string {
	if plain(text) {
		return text
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, Redact(text))
	return strings.TrimSpace(truncate(strings.TrimSpace(text), maxHeaderValueBytes))
}

// plain reports whether text is a word that needs no change: most values are.
func plain(text string) bool {
	if len(text) > 64 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '/' && c != '-' {
			return false
		}
	}
	return true
}

// truncate cuts at a rune's beginning and says that it did.
func truncate(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := limit - len(ellipsis)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + ellipsis
}
