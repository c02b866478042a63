package kube

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/sidemirror/sidemirror/syncer"
)

// redactor replaces the values of Secrets. What is left tells whether a value
// is the same as another, or has changed, to those who see the mirror; what it
// is can be found out by guessing only with the key.
type redactor struct{ key []byte }

// isSecret reports whether objects of r are Secrets of the core group.
func isSecret(r syncer.Resource) bool { return r.Group == "" && r.Name == "secrets" }

// appendRedacted appends, as a JSON string, what stands for value.
func (r *redactor) appendRedacted(dst, value []byte) []byte {
	mac := hmac.New(sha256.New, r.key)
	mac.Write(value)
	return fmt.Appendf(dst, `"redacted:len=%d:hmac-sha256=%x"`, len(value), mac.Sum(nil))
}

// redactMap replaces the values of the map that begins here.
func (s *scanner) redactMap(path string, visit visitor) error {
	s.path = path
	is, err := s.nullOr('{', "an object")
	if err != nil || !is {
		return err
	}
	if _, err = s.object(visit); err == nil {
		s.path = ""
	}
	return err
}

// visitSecretData redacts a value in base64, as data has them.
func visitSecretData(s *scanner, _ []byte) (bool, error) {
	return true, s.redactValue(func(v []byte) ([]byte, error) {
		out, err := base64.StdEncoding.AppendDecode(nil, v)
		if err != nil {
			return nil, s.fail("value isn't base64")
		}
		return out, nil
	})
}

// visitSecretText redacts a value that stands for itself, as stringData has them.
func visitSecretText(s *scanner, _ []byte) (bool, error) {
	return true, s.redactValue(func(v []byte) ([]byte, error) { return v, nil })
}

func (s *scanner) redactValue(decode func([]byte) ([]byte, error)) error {
	is, err := s.nullOr('"', "a string")
	if err != nil || !is {
		return err
	}
	it := &s.item
	from := s.at()
	v, err := s.text()
	if err != nil {
		return err
	}
	if v, err = decode(v); err != nil {
		return err
	}
	start := len(it.with)
	it.with = it.form.redact.appendRedacted(it.with, v)
	it.edits = append(it.edits, edit{from: from, to: s.at(), start: start, end: len(it.with)})
	return nil
}
