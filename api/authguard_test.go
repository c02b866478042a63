package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

func TestPublicRoutesNeedNoToken(t *testing.T) {
	h := guarded(api.NewGuard(api.GuardOptions{Authenticator: &users{}, Authorizer: &users{}, CheckHost: true}))
	for _, path := range []string{statusPath, "/sync/status", "/api/v1/health", "/livez", "/readyz", "/startupz"} {
		if res := do(h, "GET", path, "Authorization", "Bearer nobody"); res.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, want 200", path, res.Status)
		}
	}
}

func TestOnlyTokensOfSomebodyGetIn(t *testing.T) {
	server := httptest.NewServer(withUsers(&users{}))
	defer server.Close()
	const unknown, invalid = `Bearer realm="sidemirror"`, `Bearer realm="sidemirror", error="invalid_token"`
	tests := []struct {
		name, method, path string
		header             []string
		code               int
		challenge          string
	}{
		{"no token", "GET", podsPath, nil, 401, unknown},
		{"no token for control", "POST", pausePath, nil, 401, unknown},
		{"another scheme", "GET", podsPath, []string{"Authorization", "Basic cmVhZGVyOnJlYWRlcg=="}, 401, unknown},
		{"token in place of the scheme", "GET", podsPath, []string{"Authorization", reader}, 401, unknown},
		{"token in the query", "GET", podsPath + "?access_token=" + reader, nil, 401, unknown},
		{"empty", "GET", podsPath, []string{"Authorization", ""}, 401, unknown},
		{"scheme alone", "GET", podsPath, []string{"Authorization", "Bearer"}, 401, invalid},
		{"nobody's", "GET", podsPath, []string{"Authorization", "Bearer " + reader + "x"}, 401, invalid},
		{"a prefix", "GET", podsPath, []string{"Authorization", "Bearer " + reader[:16]}, 401, invalid},
		{"two words", "GET", podsPath, []string{"Authorization", "Bearer " + reader + " " + reader}, 401, invalid},
		{"characters that aren't of a token", "GET", podsPath, []string{"Authorization", "Bearer größe\"',;\x80"}, 401, invalid},
		{"endless", "GET", podsPath, []string{"Authorization", "Bearer " + strings.Repeat("a", 20<<10)}, 401, invalid},
		{"two headers", "GET", podsPath, []string{"Authorization", "Bearer " + reader, "Authorization", "Bearer " + operator}, 401, invalid},
		{"of a reader", "GET", podsPath, []string{"Authorization", "Bearer " + reader}, 200, ""},
		{"scheme in another case", "GET", podsPath, []string{"Authorization", "bEARER   " + reader}, 200, ""},
		{"of a reader for control", "POST", pausePath, []string{"Authorization", "Bearer " + reader}, 403, `Bearer realm="sidemirror", error="insufficient_scope"`},
		{"of an operator for control", "POST", pausePath, []string{"Authorization", "Bearer " + operator}, 202, ""},
		{"control with GET", "GET", pausePath, []string{"Authorization", "Bearer " + operator}, 405, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := ask(t, server, tt.method, tt.path, "", tt.header...)
			if got := res.Header.Get("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("challenge: got %q, want %q", got, tt.challenge)
			}
			if res.Header.Get(api.HeaderStatus) != "completed" {
				t.Error("got no X-Sync-Status")
			}
			if tt.code < 300 {
				if body := read(t, res); res.StatusCode != tt.code {
					t.Errorf("got %s %s, want %d", res.Status, body, tt.code)
				}
				return
			}
			isProblem(t, res, tt.code)
		})
	}
}

func TestControlKnowsTheUser(t *testing.T) {
	for want, o := range map[string]api.GuardOptions{"operator": {Authenticator: &users{}, Authorizer: &users{}}, "": {}} {
		e := &engine{}
		do(guardedEngine(api.NewGuard(o), e), "POST", pausePath, "Authorization", "Bearer "+operator)
		if len(e.got) != 1 || e.got[0].By != want {
			t.Errorf("commands: got %+v, want one by %q", e.got, want)
		}
	}
}

// A command of somebody who may not doesn't reach the engine.
func TestRefusedCommandsArentCarriedOut(t *testing.T) {
	e := &engine{}
	h := guardedEngine(api.NewGuard(api.GuardOptions{Authenticator: &users{}, Authorizer: &users{}}), e)
	for _, action := range syncer.Actions {
		isProblem(t, do(h, "POST", "/api/v1/sync/"+string(action)), http.StatusUnauthorized)
		isProblem(t, do(h, "POST", "/api/v1/sync/"+string(action), "Authorization", "Bearer "+reader), http.StatusForbidden)
	}
	if len(e.got) > 0 {
		t.Errorf("commands: got %+v, want none", e.got)
	}
}

// Whoever can't be judged isn't let in, whatever the reason.
func TestNobodyGetsInWhileTheClusterIsAway(t *testing.T) {
	u := &users{err: errors.New("dial tcp 10.0.0.1:443: connection refused, token=hunter2hunter2")}
	res := do(withUsers(u), "GET", podsPath, "Authorization", "Bearer "+reader)
	detail := isProblem(t, res, http.StatusServiceUnavailable)
	if res.Header.Get("Retry-After") != "5" || strings.Contains(detail, "10.0.0.1") {
		t.Errorf("got Retry-After %q and %q, want 5 and nothing of the reason", res.Header.Get("Retry-After"), detail)
	}
	half := guarded(api.NewGuard(api.GuardOptions{Authenticator: &users{}, Authorizer: refusing{}}))
	isProblem(t, do(half, "GET", podsPath, "Authorization", "Bearer "+reader), http.StatusServiceUnavailable)
}

type refusing struct{}

func (refusing) Authorize(context.Context, api.User, api.Attributes) error {
	return errors.New("away")
}

func TestForbiddenSaysWhatIsMissing(t *testing.T) {
	res := do(withUsers(&users{}), "POST", pausePath, "Authorization", "Bearer "+reader)
	if got, want := isProblem(t, res, 403), "reader may not post to "+pausePath; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A page elsewhere can make a browser send a request, but not without these marks.
func TestPagesOfOtherOriginsDontControl(t *testing.T) {
	server := httptest.NewServer(guarded(api.NewGuard(api.GuardOptions{})))
	defer server.Close()
	const json = "application/json"
	tests := []struct {
		name, body string
		header     []string
		code       int
	}{
		{"no browser", "", nil, 202},
		{"no browser, with a body", "{}", []string{"Content-Type", json + "; charset=utf-8"}, 202},
		{"own page", "{}", []string{"Content-Type", json, "Sec-Fetch-Site", "same-origin", "Origin", server.URL}, 202},
		{"own page, old browser", "{}", []string{"Content-Type", json, "Origin", server.URL}, 202},
		{"cross-site", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"same site", "{}", []string{"Content-Type", json, "Sec-Fetch-Site", "same-site"}, 403},
		{"another origin", "", []string{"Origin", "http://evil.example"}, 403},
		{"another port", "", []string{"Origin", "http://127.0.0.1:1"}, 403},
		{"no origin", "", []string{"Origin", "null"}, 403},
		{"form", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"text", "{}", []string{"Content-Type", "text/plain"}, 415},
		{"no type", "{}", nil, 415},
		{"two types", "{}", []string{"Content-Type", json, "Content-Type", "text/plain"}, 415},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := ask(t, server, "POST", pausePath, tt.body, tt.header...)
			if tt.code < 300 {
				if res.StatusCode != tt.code {
					t.Errorf("got %s, want %d", res.Status, tt.code)
				}
				return
			}
			isProblem(t, res, tt.code)
		})
	}
}

// A page whose name was pointed at this machine still calls it by that name.
func TestHostMustBeOwn(t *testing.T) {
	server := httptest.NewServer(guarded(api.NewGuard(api.GuardOptions{CheckHost: true, Hosts: []string{"Mirror.internal"}})))
	defer server.Close()
	own := []string{"localhost", "LOCALHOST:80", "localhost.:8080", "127.0.0.1", "127.9.9.9:1", "[::1]", "[::1]:8080", "[::ffff:127.0.0.1]:1", "mirror.internal", "MIRROR.internal:1"}
	for _, host := range own {
		if res := ask(t, server, "GET", podsPath, "", "Host", host); res.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, want 200", host, res.Status)
		}
	}
	foreign := []string{"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1:8080", "0.0.0.0", "[::]:80", "a.mirror.internal", "evil.example:127.0.0.1"}
	for _, host := range foreign {
		r := httptest.NewRequest(http.MethodGet, podsPath, nil)
		r.Host = host
		w := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(w, r)
		isProblem(t, w.Result(), http.StatusForbidden)
	}
	for _, path := range []string{statusPath, "/readyz"} {
		if res := ask(t, server, "GET", path, "", "Host", "evil.example"); res.StatusCode != http.StatusOK {
			t.Errorf("%s, which is public: got %s, want 200", path, res.Status)
		}
	}
}

func TestProtectWrapsAnyHandler(t *testing.T) {
	u := &users{}
	var asked []api.Attributes
	g := api.NewGuard(api.GuardOptions{Authenticator: u, Authorizer: u})
	h := g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := api.UserFrom(r.Context())
		fmt.Fprint(w, user.Name)
	}), func(r *http.Request) api.Attributes {
		at := api.Attributes{Verb: "list", Resource: "pods", Namespace: r.URL.Query().Get("ns")}
		asked = append(asked, at)
		return at
	})
	if got := read(t, do(h, "GET", "/?ns=a", "Authorization", "Bearer "+reader)); got != "reader" {
		t.Errorf("got %q, want reader", got)
	}
	isProblem(t, do(h, "GET", "/?ns=b"), http.StatusUnauthorized)
	want := []api.Attributes{{Verb: "list", Resource: "pods", Namespace: "a"}, {Verb: "list", Resource: "pods", Namespace: "b"}}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// What reaches the authenticator is what RFC 6750 calls a token, and nothing else does.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"", "Bearer", "Bearer ", "bearer  a=", "Bearer a b", "Basic YTpi", "Bearer =", "Bearer\ta", "Bearer a\x00"} {
		f.Add(seed)
	}
	oracle := regexp.MustCompile(`^(?i:bearer) +([A-Za-z0-9._~+/-]+=*)$`)
	f.Fuzz(func(t *testing.T, field string) {
		u := &users{}
		h := api.NewGuard(api.GuardOptions{Authenticator: u}).Protect(http.NotFoundHandler(), func(*http.Request) api.Attributes { return api.Attributes{} })
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{field}
		h.ServeHTTP(httptest.NewRecorder(), r)
		want := ""
		if m := oracle.FindStringSubmatch(field); m != nil && len(m[1]) <= 16<<10 {
			want = m[1]
		}
		if u.seen != want {
			t.Errorf("%q: the authenticator saw %q, want %q", field, u.seen, want)
		}
	})
}
