package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	wire "go.mongodb.org/mongo-driver/v2/x/mongo/driver"
)

// MongoDB's error codes that we branch on (src/mongo/base/error_codes.yml).
const (
	codeNamespaceExists       = 48
	codeIndexOptionsConflict  = 85
	codeIndexKeySpecsConflict = 86
	codeDuplicateKey          = 11000
)

// refusals are the codes that tell of the document that was sent, and that it
// will get again whenever it is sent.
var refusals = map[int]bool{
	2: true, 9: true, 14: true, 15: true, 22: true, // BadValue, FailedToParse, TypeMismatch, Overflow, InvalidBSON
	52: true, 53: true, 54: true, 55: true, 56: true, 57: true, // of fields: dollars, _id, dots, empty names
	73: true, 121: true, // InvalidNamespace, DocumentValidationFailure
	10334: true, 17280: true, 17419: true, 17420: true, // BSONObjectTooLarge, and its kin
}

// refuses reports whether err, of a whole command, comes of a document in it.
func refuses(err error) bool {
	if errors.Is(err, wire.ErrDocumentTooLarge) {
		return true
	}
	ce, ok := errors.AsType[driver.CommandError](err)
	return ok && refusals[int(ce.Code)]
}

func hasCode(err error, codes ...int) bool {
	se, ok := errors.AsType[driver.ServerError](err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if se.HasErrorCode(code) {
			return true
		}
	}
	return false
}

// onID reports whether a duplicate key is that of _id, and not of a unique index
// that someone else has made. MongoDB names the index; FerretDB, which names
// none, has no other that matters.
func onID(e *driver.WriteError) bool {
	return strings.Contains(e.Message, "index: _id_") || !strings.Contains(e.Message, "index: ")
}

// wrap makes err a [syncer.StoreError] that says what was attempted, or what ctx
// says once that has ended: the driver tells of it in many ways.
func wrap(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	if _, ok := errors.AsType[*syncer.StoreError](err); ok {
		return err
	}
	return &syncer.StoreError{Err: fmt.Errorf("%s: %w", what, err)}
}
