package api

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/syncer"
)

// maxBodyBytes bounds what a request may send.
const maxBodyBytes = 1 << 20

// Options say what the handler shows.
type Options struct {
	// Status returns the newest snapshot, at once and never nil.
	Status func() *syncer.Status
	// Changed returns a channel that is closed at the next change of Status; nil
	// leaves out what is pushed: streams, and requests that wait.
	Changed func() <-chan struct{}
	Push    PushOptions // bounds of what is pushed
	// Alive says whether the process's own loops turn; nil is always.
	Alive func() error
	// Each of these answers its routes; nil leaves them out.
	Metrics    http.Handler // /metrics
	Control    Controller   // POST /api/v1/sync/{action}
	History    History      // /api/v1/sync/history
	Objects    Objects      // /api/v1/{resource}: the mirror itself
	Namespaces func() ([]syncer.NamespaceProgress, *syncer.Status)
	Page       string // the path of the page that shows the run; "/" when empty
	// TraceURL makes the address of a trace's page out of its id; nil knows none.
	TraceURL func(id string) string
	// Guard keeps data and control from those who may not use them; nil lets
	// everybody.
	Guard *Guard
	Log   hclog.Logger // none
}

// handler holds what the routes share.
type handler struct {
	Options
	headers *Headers
	mux     *routes
	live    probe
	ready   probe
	started probe
	push    *broadcaster // nil without Options.Changed
}

// route answers one request from one snapshot.
type route func(w http.ResponseWriter, r *http.Request, v *view)

// NewHandler returns the handler of every route.
func NewHandler(o Options) http.Handler {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Alive == nil {
		o.Alive = func() error { return nil }
	}
	if o.Guard == nil {
		o.Guard = NewGuard(GuardOptions{})
	}
	a := &handler{Options: o, headers: NewHeaders(o.Status), mux: newRoutes()}
	a.headers.traceURL = o.TraceURL
	a.probes()
	a.read("/api/v1/sync/status", a.syncStatus)
	a.read("/sync/status", a.syncStatus)
	a.pushed()
	a.read("/api/v1/health", a.health)
	a.read("/api/v1/openapi.json", a.describe)
	a.read("/livez", a.live.answer)
	a.read("/readyz", a.ready.answer)
	a.read("/startupz", a.started.answer)
	if o.Metrics != nil {
		a.read("/metrics", func(w http.ResponseWriter, r *http.Request, _ *view) { o.Metrics.ServeHTTP(w, r) })
	}
	if o.Control != nil {
		a.control()
	}
	if o.History != nil {
		a.read("/api/v1/sync/history", a.pastRuns)
	}
	if o.Namespaces != nil {
		a.read("/api/v1/sync/namespaces", a.syncNamespaces)
	}
	a.page(o.Page)
	a.mux.HandleFunc("/", notFound)
	a.mux.HandleFunc("/api/v1", notFound)
	a.mux.HandleFunc("/api/v1/", a.data)
	return a
}

// read registers a route that is only read from.
func (a *handler) read(path string, do route) {
	a.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if !writes(w, r) {
			do(w, r, w.(*response).view)
		}
	})
}

// writes answers a request that would change what can only be read.
func writes(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return false
	}
	w.Header().Set("Allow", "GET, HEAD")
	newProblem(http.StatusMethodNotAllowed, "this route is read with GET").write(w)
	return true
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	newProblem(http.StatusNotFound, "there is no such route").write(w)
}

var nosniff = []string{"nosniff"}

// ServeHTTP takes the request's snapshot, so that the headers are on whatever answers.
func (a *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	res := &response{ResponseWriter: w}
	defer a.recover(res, r)
	h := w.Header()
	h["X-Content-Type-Options"] = nosniff
	res.view = a.headers.view()
	if isAPI(r.URL.Path) {
		res.view.setHeaders(h)
	}
	if r.ContentLength > maxBodyBytes {
		newProblem(http.StatusRequestEntityTooLarge, "the request's body is larger than 1 MiB").write(res)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
	}
	a.mux.ServeHTTP(res, r)
}

// isAPI reports whether responses for path carry the headers.
func isAPI(path string) bool {
	rest, ok := strings.CutPrefix(path, "/api/v1")
	return ok && (rest == "" || rest[0] == '/') || path == "/sync/status"
}

// recover turns a panic into an answer that tells nothing of it. An answer that
// has begun is cut off, so that the client doesn't take it for whole.
func (a *handler) recover(w *response, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	a.Log.Error("request panicked", "method", Sanitize(r.Method), "path", Sanitize(r.URL.Path),
		"panic", Redact(fmt.Sprint(cause)))
	if a.Log.IsDebug() {
		a.Log.Debug("where the request panicked", "stack", string(debug.Stack()))
	}
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	newProblem(http.StatusInternalServerError, "the request could not be answered; the log says why").write(w)
}
