package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// What a token of a file is good for. A role is its user's only group.
const (
	roleRead    = "read"    // data
	roleControl = "control" // data and control
)

const (
	maxTokens    = 1000 // each request is compared with all of them
	maxNameBytes = 64
)

// TokenFile knows users by the tokens of a file, and what their role lets them do.
// Each line is a role, a name and a token, with blanks between them:
//
//	# role   name       token
//	read     dashboard  5a0c5e1b9e1f4f0c8c6d
//	control  ops        91d2a7c40b7e4a63b1f0
//
// Empty lines and those that begin with # don't count. A name may have several
// tokens, so that they can be changed one after the other. The file is read again
// when it changes, at most once a second; while it can't be read or understood,
// the tokens of before stay in force.
type TokenFile struct {
	entries *reread[[]tokenEntry]
}

// tokenEntry is a line. The token itself isn't kept.
type tokenEntry struct {
	digest [sha256.Size]byte
	user   User
}

// OpenTokenFile reads the file. Its errors name the line, and never what is in it.
func OpenTokenFile(path string, log hclog.Logger) (*TokenFile, error) {
	entries := &reread[[]tokenEntry]{
		what: "token file", paths: []string{path}, private: path, log: log,
		parse: func(contents [][]byte) ([]tokenEntry, error) {
			entries, err := parseTokens(string(contents[0]))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			return entries, nil
		},
	}
	if err := entries.open(); err != nil {
		return nil, err
	}
	return &TokenFile{entries: entries}, nil
}

// Authenticate implements [Authenticator]. It takes as long for every token of the
// same length: digests are compared whole, and with all.
func (f *TokenFile) Authenticate(_ context.Context, token string) (User, error) {
	digest := sha256.Sum256([]byte(token))
	entries, found := f.entries.get(), -1
	for i := range entries {
		same := subtle.ConstantTimeCompare(digest[:], entries[i].digest[:])
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	if found < 0 {
		return User{}, ErrInvalidToken
	}
	return entries[found].user, nil
}

// Authorize implements [Authorizer]: every role reads everything that is mirrored,
// and one controls.
func (f *TokenFile) Authorize(_ context.Context, u User, a Attributes) error {
	if a.Path == "" || slices.Contains(u.Groups, roleControl) {
		return nil
	}
	return &ForbiddenError{Detail: fmt.Sprintf("the role of %q is %s; this needs a token whose role is %s", u.Name, roleRead, roleControl)}
}

// parseTokens reads the lines of a file.
func parseTokens(text string) ([]tokenEntry, error) {
	var entries []tokenEntry
	lines := map[[sha256.Size]byte]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		entry, err := parseToken(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if other, twice := lines[entry.digest]; twice {
			return nil, fmt.Errorf("line %d: the token is that of line %d", number, other)
		}
		lines[entry.digest] = number
		entries = append(entries, entry)
	}
	switch {
	case len(entries) == 0:
		return nil, errors.New("there is no token in it; want lines of ROLE NAME TOKEN")
	case len(entries) > maxTokens:
		return nil, fmt.Errorf("there are %d tokens in it, want %d or fewer", len(entries), maxTokens)
	}
	return entries, nil
}

// parseToken reads one line. Whatever is wrong may be the token in the wrong place,
// so nothing is quoted.
func parseToken(line string) (tokenEntry, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return tokenEntry{}, fmt.Errorf("want ROLE NAME TOKEN, got words: %d", len(fields))
	}
	role, name, token := fields[0], fields[1], fields[2]
	switch {
	case role != roleRead && role != roleControl:
		return tokenEntry{}, fmt.Errorf("the role, its first word, must be %s or %s", roleRead, roleControl)
	case len(name) > maxNameBytes || Sanitize(name) != name:
		return tokenEntry{}, fmt.Errorf("the name, its second word, must be printable ASCII of at most %d bytes", maxNameBytes)
	case len(token) < minTokenBytes:
		return tokenEntry{}, fmt.Errorf("the token has %d bytes, want %d or more; openssl rand -hex 32 makes one", len(token), minTokenBytes)
	case len(token) > maxTokenBytes || !isToken(token):
		return tokenEntry{}, errors.New("the token has characters that can't be sent; want letters, digits and -._~+/, with = at the end")
	}
	return tokenEntry{digest: sha256.Sum256([]byte(token)), user: User{Name: name, Groups: []string{role}}}, nil
}
