package api

import (
	"context"
	"errors"
)

// User is who sent a request, in Kubernetes' terms.
type User struct {
	Name   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// Attributes say what a request is for: objects of the mirror, or, with a Path,
// a control route.
type Attributes struct {
	Verb      string // get, list or watch; with a Path the HTTP method in lower case
	Group     string // "" is the core group
	Resource  string // plural, as in URLs: "pods"
	Namespace string // "" is every namespace, or a cluster-scoped resource
	Name      string // "" is every object
	Path      string // of a control route, which has none of the four above
}

// Authenticator tells whose a bearer token is. It is asked concurrently, for each
// request, and caches on its own account.
//
// An error that wraps [ErrInvalidToken] says that the token is nobody's. Any other
// says that this couldn't be found out, and nobody gets in then either. No error
// holds the token.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (User, error)
}

// Authorizer says whether a user may do something. It is asked concurrently, for
// each request, and caches on its own account.
//
// A [*ForbiddenError] is a no. Any other error says that this couldn't be found
// out, and nobody gets in then either.
type Authorizer interface {
	Authorize(ctx context.Context, u User, a Attributes) error
}

// ErrInvalidToken is the answer to a bearer token that is nobody's, or no longer.
var ErrInvalidToken = errors.New("the bearer token isn't valid")

// ForbiddenError is a no, with the sentence that the client sees: what is missing,
// and who could give it.
type ForbiddenError struct{ Detail string }

func (e *ForbiddenError) Error() string { return e.Detail }

// userKey is where a request's context has its user.
type userKey struct{}

// UserFrom returns who sent the request that ctx belongs to. Where nobody has to
// say who they are, nobody is known.
func UserFrom(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}
