package api

import (
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzhttp"
	"github.com/sidemirror/sidemirror/syncer"
)

// Objects reads the mirror's rows; a [syncer.Store] is one, and says what Read
// promises.
type Objects interface {
	Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error
}

// compress gzips for clients that ask for it, as fast as gzip can: the mirror is
// near, and JSON shrinks to a tenth at any level.
var compress = func() func(http.Handler) http.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		panic(err) // the options are constants
	}
	return wrap
}()

// place is what a path of the data routes names, as it is spelled.
type place struct{ resource, namespace, name string }

// parsePlace reads what stands behind /api/v1/: {resource}, {resource}/{name},
// and both behind namespaces/{namespace}/. It leaves sync/ to its own routes.
func parsePlace(path string) (p place, ok bool) {
	parts := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	if parts[0] == "sync" || slices.Contains(parts, "") {
		return p, false
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		p.namespace, parts = parts[1], parts[2:]
	}
	p.resource = parts[0]
	if len(parts) == 2 {
		p.name = parts[1]
	}
	return p, len(parts) <= 2
}

// data answers with mirrored objects. It stands behind every other route of the
// API, so that those always win.
func (a *handler) data(w http.ResponseWriter, r *http.Request) {
	p, ok := parsePlace(r.URL.Path)
	if a.Objects == nil || !ok {
		notFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		newProblem(http.StatusMethodNotAllowed, "the mirror is read with GET; write to the API server").write(w)
		return
	}
	v := w.(*response).view
	compress(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.dataOf(w, r, v, p)
	})).ServeHTTP(newPatient(w), r)
}

// dataOf finds what p names in the request's snapshot, and answers with it.
func (a *handler) dataOf(w http.ResponseWriter, r *http.Request, v *view, p place) {
	m, problem := find(v.status, p)
	if problem != nil {
		problem.write(w)
		return
	}
	m.freshness().setHeaders(w.Header())
	if p.name != "" {
		a.object(w, r, m, p)
		return
	}
	q, err := parseListQuery(r.URL.RawQuery, m, v.status.Cluster)
	if err != nil {
		refuseQuery(w, err)
		return
	}
	// As the API server does, a list that asks for one name is a question about that name.
	if !a.authorize(w, r, Attributes{Verb: "list", Group: m.Group, Resource: m.Name, Namespace: p.namespace, Name: q.name()}) {
		return
	}
	a.list(w, r, m, q)
}

// object answers with one object, as it is stored.
func (a *handler) object(w http.ResponseWriter, r *http.Request, m *mirrored, p place) {
	if err := noListParameters(r.URL.RawQuery); err != nil {
		refuseQuery(w, err)
		return
	}
	at := Attributes{Verb: "get", Group: m.Group, Resource: m.Name, Namespace: p.namespace, Name: p.name}
	if m.String() == "namespaces" {
		at.Namespace = p.name // to the API server, a namespace is in itself
	}
	if !a.authorize(w, r, at) {
		return
	}
	var doc []byte
	q := syncer.Query{Key: syncer.JoinKey(p.namespace, p.name), Limit: 1}
	err := a.Objects.Read(r.Context(), m.Resource, q, func(o *syncer.Object) error {
		doc = append(slices.Grow(doc[:0], len(o.JSON)+1), o.JSON...)
		return nil
	})
	switch {
	case err != nil:
		a.unreadable(w, r, m, err)
	case doc == nil:
		newProblem(http.StatusNotFound, "the mirror has no "+m.String()+" "+strconv.Quote(named(p.name))+inNamespace(p.namespace)).write(w)
	default:
		doc = append(doc, '\n')
		h := w.Header()
		h["Content-Type"], h["Cache-Control"] = jsonType, noStore
		h.Set("Content-Length", strconv.Itoa(len(doc)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(doc) // the client is gone
	}
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " in the namespace " + strconv.Quote(named(namespace))
}

// named makes a word of the request's fit for a sentence.
func named(word string) string { return truncate(Sanitize(word), 64) }

// unreadable answers when the store can't be read and the answer hasn't begun. To
// a client that is gone there is nothing to say.
func (a *handler) unreadable(w http.ResponseWriter, r *http.Request, m *mirrored, err error) {
	if r.Context().Err() != nil || errors.Is(err, errClient) {
		panic(http.ErrAbortHandler)
	}
	a.Log.Error("mirror can't be read", "resource", m.String(), "error", Redact(err.Error()))
	newProblem(http.StatusServiceUnavailable, "the store can't be read now; the log says why, and asking again may help").write(w)
}
