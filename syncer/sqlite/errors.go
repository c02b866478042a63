package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
	modernc "modernc.org/sqlite"
)

// SQLite's primary result codes: any error that has none of its own, and those
// that operators can do something about
// (https://www.sqlite.org/rescode.html).
const (
	codeError    = 1
	codeBusy     = 5
	codeReadOnly = 8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeTooBig   = 18
	codeNotADB   = 26
)

var advice = map[int]string{
	codeBusy:     "another process is writing to the database",
	codeReadOnly: "no permission to write the database",
	codeCorrupt:  "the database is damaged",
	codeFull:     "the disk is full",
	codeCantOpen: "no permission to open the database, or to make files beside it",
	codeNotADB:   "the file is not an SQLite database",
}

var errPageFull = errors.New("page is full")

// codeOf is SQLite's primary result code, 0 for any other error.
func codeOf(err error) int {
	if se, ok := errors.AsType[*modernc.Error](err); ok {
		return se.Code() & 0xff
	}
	return 0
}

// isNoTable reports whether a resource has no table: it wasn't prepared, or has
// been dropped meanwhile. SQLite has no code of its own for that.
func isNoTable(err error) bool {
	return codeOf(err) == codeError && strings.Contains(err.Error(), "no such table")
}

// wrap makes err a [syncer.StoreError] that says what was attempted, and on
// which file. Errors of contexts, and those that have been wrapped, stay.
func (s *Store) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*syncer.StoreError](err); ok {
		return err
	}
	if text := advice[codeOf(err)]; text != "" {
		err = fmt.Errorf("%s: %w", text, err)
	}
	return &syncer.StoreError{Err: fmt.Errorf("%s: %s: %w", what, s.path, err)}
}
