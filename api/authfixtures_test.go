package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const (
	podsPath  = "/api/v1/pods"
	pausePath = "/api/v1/sync/pause"
	reader    = "reader-token-0123456789"
	operator  = "operator-token-0123456789"
)

// users is an authenticator and authorizer in memory. Its error stands for a
// cluster that is away.
type users struct {
	err  error
	seen string // the last token
}

func (u *users) Authenticate(_ context.Context, token string) (api.User, error) {
	u.seen = token
	switch {
	case u.err != nil:
		return api.User{}, u.err
	case token == reader || token == operator:
		return api.User{Name: token[:strings.Index(token, "-")]}, nil
	default:
		return api.User{}, fmt.Errorf("look up: %w", api.ErrInvalidToken)
	}
}

func (u *users) Authorize(_ context.Context, user api.User, a api.Attributes) error {
	if user.Name == "operator" || a.Verb == "list" && a.Resource == "pods" {
		return nil
	}
	return &api.ForbiddenError{Detail: user.Name + " may not " + a.Verb + " to " + a.Path}
}

// guarded is the API with a route for data, and control of an engine that does
// what it is told.
func guarded(g *api.Guard) http.Handler { return guardedEngine(g, &engine{}) }

func guardedEngine(g *api.Guard, e *engine) http.Handler {
	h := api.NewHandler(api.Options{Status: func() *syncer.Status { return completed() }, Guard: g, Control: e})
	api.HandleRead(h, podsPath, api.Attributes{Verb: "list", Resource: "pods"}, func(http.ResponseWriter, *http.Request) {})
	return h
}

func withUsers(u *users) http.Handler {
	return guarded(api.NewGuard(api.GuardOptions{Authenticator: u, Authorizer: u}))
}

// ask sends one request; header holds names and values in turn.
func ask(t *testing.T, server *httptest.Server, method, path, body string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Add(header[i], header[i+1])
	}
	res, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// isProblem checks that the answer is a problem document of its own code.
func isProblem(t *testing.T, res *http.Response, code int) string {
	t.Helper()
	body := read(t, res)
	var p struct {
		Status int
		Detail string
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != code || p.Status != code ||
		res.Header.Get("Content-Type") != "application/problem+json" || p.Detail == "" {
		t.Errorf("got %s %q %s, want a problem with %d", res.Status, res.Header.Get("Content-Type"), body, code)
	}
	return p.Detail
}
