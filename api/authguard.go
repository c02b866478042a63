package api

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
)

// retryAfterSeconds is when a question that couldn't be answered may be asked again.
const retryAfterSeconds = 5

// GuardOptions say who may use the routes that aren't public.
type GuardOptions struct {
	Authenticator Authenticator // nil: everybody may
	Authorizer    Authorizer    // nil: everybody who is authenticated may
	// CheckHost refuses requests whose Host is neither a loopback address, nor
	// localhost, nor one of Hosts. It is for listeners that nothing but their
	// address protects.
	CheckHost bool
	Hosts     []string // names without a port
	Log       hclog.Logger
}

// Guard keeps from the routes that aren't public whoever may not use them, and
// browsers from being used by somebody else's page. Make it with [NewGuard]; it
// may be used concurrently.
type Guard struct {
	o           GuardOptions
	failures    *failures
	crossOrigin *http.CrossOriginProtection
}

// NewGuard returns a guard. The one of no options lets everybody in.
func NewGuard(o GuardOptions) *Guard {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	hosts := make([]string, 0, len(o.Hosts))
	for _, name := range o.Hosts {
		hosts = append(hosts, hostname(name))
	}
	o.Hosts = hosts
	return &Guard{o: o, failures: newFailures(), crossOrigin: http.NewCrossOriginProtection()}
}

// Protect lets through to next who may do what attributes says that the request
// is for; [UserFrom] tells next who that is. Others are answered with a problem
// document.
func (g *Guard) Protect(next http.Handler, attributes func(*http.Request) Attributes) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, ok := g.admit(w, r, attributes(r)); ok {
			next.ServeHTTP(w, g.with(u, r))
		}
	})
}

// with puts a user into the request, if it had to have one.
func (g *Guard) with(u User, r *http.Request) *http.Request {
	if g.o.Authenticator == nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), userKey{}, u))
}

// admit returns who may do what the request is for, or answers it.
func (g *Guard) admit(w http.ResponseWriter, r *http.Request, a Attributes) (User, bool) {
	if p := g.refusal(r); p != nil {
		p.write(w)
		return User{}, false
	}
	u, err := g.authenticate(r)
	if err != nil {
		g.answer(w, r, err)
		return User{}, false
	}
	if g.o.Authorizer == nil {
		return u, true
	}
	if err := g.o.Authorizer.Authorize(r.Context(), u, a); err != nil {
		g.answer(w, r, err)
		return User{}, false
	}
	return u, true
}

// refusal is what is wrong with a request whoever sent it; nil is nothing.
func (g *Guard) refusal(r *http.Request) *problem {
	var p problem
	switch {
	case g.o.CheckHost && !isOwnHost(r.Host, g.o.Hosts):
		p = newProblem(http.StatusForbidden, "the Host header names neither this machine nor one of --allowed-hosts")
	case g.crossOrigin.Check(r) != nil:
		p = newProblem(http.StatusForbidden, "the request comes from a page of another origin")
	case !isSafe(r.Method) && hasBody(r) && !isJSON(r):
		p = newProblem(http.StatusUnsupportedMediaType, "a body needs Content-Type: application/json")
	default:
		return nil
	}
	return &p
}

// isSafe reports whether the method changes nothing, as CrossOriginProtection sees it.
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// isJSON tells apart what a page of another origin can't send without asking first.
func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json" && len(r.Header["Content-Type"]) == 1
}

// authenticate returns the user of the request's token.
func (g *Guard) authenticate(r *http.Request) (User, error) {
	if g.o.Authenticator == nil {
		return User{}, nil
	}
	token, err := bearerToken(r.Header)
	if err != nil {
		return User{}, err
	}
	return g.o.Authenticator.Authenticate(r.Context(), token)
}

// challenge is what a 401 and a 403 carry, as RFC 6750 section 3 has it.
const challenge = `Bearer realm="sidemirror"`

// answer tells the client why it isn't let in.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	forbidden, no := errors.AsType[*ForbiddenError](err)
	switch {
	case errors.Is(err, errNoToken):
		h.Set("WWW-Authenticate", challenge)
		newProblem(http.StatusUnauthorized, "this needs a token, in the header Authorization: Bearer TOKEN").write(w)
	case errors.Is(err, ErrInvalidToken):
		g.answerInvalid(w, r)
	case no:
		g.o.Log.Debug("request forbidden", "method", Sanitize(r.Method), "path", Sanitize(r.URL.Path), "detail", forbidden.Detail)
		h.Set("WWW-Authenticate", challenge+`, error="insufficient_scope"`)
		newProblem(http.StatusForbidden, forbidden.Detail).write(w)
	default:
		g.o.Log.Debug("access can't be decided", "path", Sanitize(r.URL.Path), "error", Redact(err.Error()))
		p := newProblem(http.StatusServiceUnavailable, "who may do this can't be found out at the moment; the log says why")
		p.RetryAfterSeconds = retryAfterSeconds
		p.write(w)
	}
}

// answerInvalid answers a token that is nobody's, and more curtly if there were many.
func (g *Guard) answerInvalid(w http.ResponseWriter, r *http.Request) {
	address := clientAddress(r.RemoteAddr)
	tooMany, first := g.failures.add(address)
	if first {
		g.o.Log.Warn("too many invalid tokens", "address", address)
	}
	if tooMany {
		p := newProblem(http.StatusTooManyRequests, "too many invalid tokens came from this address")
		p.RetryAfterSeconds = int(failureInterval / time.Second)
		p.write(w)
		return
	}
	w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
	newProblem(http.StatusUnauthorized, ErrInvalidToken.Error()).write(w)
}
