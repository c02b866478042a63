package api

import (
	"bytes"
	_ "embed"
	"hash/fnv"
	"net/http"
	"strconv"
	"time"
)

// openAPI describes every route, in OpenAPI 3.1. Tests hold it against the routes
// and what they answer: a route or a member of the
// status document that isn't in it doesn't pass.
//
//go:embed openapi.json
var openAPI []byte

var openAPITag = func() string {
	sum := fnv.New64a()
	sum.Write(openAPI)
	return `"` + strconv.FormatUint(sum.Sum64(), 36) + `"`
}()

// describe answers with the description of the routes.
func (a *handler) describe(w http.ResponseWriter, r *http.Request, _ *view) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, noCache
	h.Set("Etag", openAPITag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(openAPI))
}

// routes is a mux that knows what was registered, for the description to be held
// against.
type routes struct {
	*http.ServeMux
	patterns []string
}

func newRoutes() *routes { return &routes{ServeMux: http.NewServeMux()} }

// HandleFunc registers h and remembers pattern.
func (m *routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.patterns = append(m.patterns, pattern)
	m.ServeMux.HandleFunc(pattern, h)
}

// Handle does the same for a handler.
func (m *routes) Handle(pattern string, h http.Handler) { m.HandleFunc(pattern, h.ServeHTTP) }
