package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/syncer"
)

// DefaultUpstreamPrefix is where every route of Sidemirror's own is, whatever
// else goes to the application. A dot keeps it out of what applications name.
const DefaultUpstreamPrefix = "/.sidemirror"

// DefaultUpstreamReserved are the paths that stay Sidemirror's without the
// prefix: what clients, kubelets and Prometheus are told to ask.
var DefaultUpstreamReserved = []string{
	"/api/v1/sync/", "/api/v1/health", "/sync/status", "/livez", "/readyz", "/startupz", "/metrics",
}

// UpstreamOptions say what an [Upstream] stands in front of.
type UpstreamOptions struct {
	// URL is the application's: http, https, or unix:///path/of/a/socket. It has
	// no user info, query or fragment; a path of its own goes before each request's.
	URL string
	// Own answers what is Sidemirror's.
	Own http.Handler
	// Status returns the newest snapshot, at once and never nil.
	Status func() *syncer.Status

	// Prefix leads to all of Own; "" is DefaultUpstreamPrefix.
	Prefix string
	// Reserved are paths that go to Own as they are, one that ends in / with all
	// below it; nil is DefaultUpstreamReserved, an empty list is none.
	Reserved []string

	// HeaderTimeout bounds how long the application may think before its answer
	// begins; 0 is no bound. An answer that has begun may take as long as it likes.
	HeaderTimeout time.Duration
	// TrustForwarded keeps the Forwarded and X-Forwarded-* headers of the client,
	// which is another proxy then. Otherwise they are dropped: anyone can send them.
	TrustForwarded bool
	// Around wraps what passes requests on to the application; nil is nothing.
	Around func(http.Handler) http.Handler
	// HoldUntilSynced answers 503 for the application until the first sync completed.
	HoldUntilSynced bool

	Log hclog.Logger // none
}

// upstreamGrace is how long requests that are passed on may go on once Run's
// context has ended: less than a server waits for its own.
const upstreamGrace = 2 * time.Second

// Upstream is a reverse proxy in front of an application: it adds the headers to
// each of the application's responses, and keeps Sidemirror's own routes
// reachable. Make it with [NewUpstream].
type Upstream struct {
	UpstreamOptions
	headers *Headers
	proxy   *httputil.ReverseProxy
	passOn  http.Handler
	below   http.Handler // Own, under Prefix
	synced  atomic.Bool  // latched: the first sync has completed once
	away    atomic.Bool  // what the last answer was, so that the log tells changes

	ended context.Context // ends what is passed on
	end   context.CancelFunc

	mu       sync.Mutex // guards stopped, and passing.Add against passing.Wait
	stopped  bool
	passing  sync.WaitGroup
	idleOnly func() // closes connections that carry nothing
}

// NewUpstream checks o. It doesn't connect to the application, which may come later.
func NewUpstream(o UpstreamOptions) (*Upstream, error) {
	target, err := parseUpstream(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Prefix == "" {
		o.Prefix = DefaultUpstreamPrefix
	}
	if o.Reserved == nil {
		o.Reserved = DefaultUpstreamReserved
	}
	if err := errors.Join(checkPrefix(o.Prefix), checkReserved(o.Reserved)); err != nil {
		return nil, err
	}
	if o.HeaderTimeout < 0 {
		return nil, errors.New("the time-out of the application's headers is negative")
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	u := &Upstream{UpstreamOptions: o, headers: NewHeaders(o.Status), below: http.StripPrefix(o.Prefix, o.Own)}
	u.ended, u.end = context.WithCancel(context.Background())
	u.useProxy(target)
	u.passOn = http.HandlerFunc(u.pass)
	if o.Around != nil {
		u.passOn = o.Around(u.passOn)
	}
	return u, nil
}

// ServeHTTP decides whose request it is. Paths are compared as they come: what a
// server would clean up into one of ours (//livez) is the application's.
func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == u.Prefix:
		http.Redirect(w, r, u.Prefix+"/", http.StatusTemporaryRedirect)
	case strings.HasPrefix(path, u.Prefix+"/"):
		u.below.ServeHTTP(w, r)
	case u.reserves(path):
		u.Own.ServeHTTP(w, r)
	default:
		u.passOn.ServeHTTP(w, r)
	}
}

// reserves reports whether path is Sidemirror's without the prefix.
func (u *Upstream) reserves(path string) bool {
	return slices.ContainsFunc(u.Reserved, func(own string) bool {
		if below, ok := strings.CutSuffix(own, "/"); ok {
			return path == below || strings.HasPrefix(path, own)
		}
		return path == own
	})
}

// pass hands the request to the application. The server's deadlines are lifted:
// how long an upload or a stream may take is the application's to say, and it
// does, since a client that is slow holds the application back and not us.
func (u *Upstream) pass(w http.ResponseWriter, r *http.Request) {
	if u.HoldUntilSynced && u.hold(w) {
		return
	}
	if r.Method == http.MethodConnect {
		u.problem(w, newProblem(http.StatusNotImplemented, "CONNECT isn't passed on"))
		return
	}
	if !u.enter() {
		u.problem(w, newProblem(http.StatusServiceUnavailable, "Sidemirror is stopping"))
		return
	}
	defer u.passing.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(u.ended, cancel)()
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // a writer without deadlines has none to lift
	_ = c.SetWriteDeadline(time.Time{})
	u.proxy.ServeHTTP(w, r.WithContext(ctx))
}

// enter counts a request that is passed on; false once nothing more is.
func (u *Upstream) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.stopped {
		u.passing.Add(1)
	}
	return !u.stopped
}

// Run waits for the end of ctx, gives what is being passed on two seconds more,
// and then cuts it off: event streams and WebSockets would never end by themselves.
// It returns once all has ended.
func (u *Upstream) Run(ctx context.Context) error {
	<-ctx.Done()
	u.mu.Lock()
	u.stopped = true
	u.mu.Unlock()
	grace := time.AfterFunc(upstreamGrace, u.end)
	u.passing.Wait()
	grace.Stop()
	u.end()
	u.idleOnly()
	return nil
}
