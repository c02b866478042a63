package kubeauth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	authorizationapi "k8s.io/api/authorization/v1"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/kubeauth"
)

var podsOfAlice = api.Attributes{Verb: "list", Resource: "pods", Namespace: "alice"}

func TestUserIsAsTheClusterSays(t *testing.T) {
	r := newReviewer(t, newCluster(t), kubeauth.Options{})
	got, err := r.Authenticate(t.Context(), "token-of-alice")
	want := api.User{Name: "alice", UID: "uid-alice", Groups: []string{"g1", "g2"}, Extra: map[string][]string{"scopes": {"a", "b"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := r.Authenticate(t.Context(), "nobody's"); !errors.Is(err, api.ErrInvalidToken) {
		t.Errorf("nobody's token: got %v, want %v", err, api.ErrInvalidToken)
	}
}

// The cluster is asked in the user's name, for exactly what the request is for.
func TestQuestionsAreWhatTheRequestIsFor(t *testing.T) {
	c := newCluster(t)
	r := newReviewer(t, c, kubeauth.Options{})
	u := api.User{Name: "bob", UID: "7", Groups: []string{"devs"}, Extra: map[string][]string{"scopes": {"a"}}}
	spec := authorizationapi.SubjectAccessReviewSpec{
		User: "bob", UID: "7", Groups: []string{"devs"}, Extra: map[string]authorizationapi.ExtraValue{"scopes": {"a"}},
	}
	tests := []struct {
		attributes  api.Attributes
		resource    *authorizationapi.ResourceAttributes
		nonResource *authorizationapi.NonResourceAttributes
		detail      string
	}{
		{
			api.Attributes{Verb: "list", Group: "apps", Resource: "deployments"},
			&authorizationapi.ResourceAttributes{Verb: "list", Group: "apps", Resource: "deployments"}, nil,
			`the cluster doesn't let "bob" list deployments.apps at the cluster scope`,
		},
		{
			api.Attributes{Verb: "get", Resource: "pods", Namespace: "a", Name: "web-0"},
			&authorizationapi.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "a", Name: "web-0"}, nil,
			`the cluster doesn't let "bob" get pods "web-0" in the namespace "a"`,
		},
		{
			api.Attributes{Verb: "post", Path: "/api/v1/sync/pause"},
			nil, &authorizationapi.NonResourceAttributes{Verb: "post", Path: "/api/v1/sync/pause"},
			`the cluster doesn't let "bob" post to /api/v1/sync/pause; a ClusterRole with this path in nonResourceURLs does`,
		},
	}
	for _, tt := range tests {
		err := r.Authorize(t.Context(), u, tt.attributes)
		if forbidden, ok := errors.AsType[*api.ForbiddenError](err); !ok || forbidden.Detail != tt.detail {
			t.Errorf("got %v, want %q", err, tt.detail)
		}
		want := spec
		want.ResourceAttributes, want.NonResourceAttributes = tt.resource, tt.nonResource
		if diff := cmp.Diff(want, <-c.asked); diff != "" {
			t.Errorf("question (-want +got):\n%s", diff)
		}
	}
}

func TestAnswersHoldForTheirTimeAndNoLonger(t *testing.T) {
	c, now := newCluster(t), &clock{}
	r := newReviewer(t, c, kubeauth.Options{Now: now.Now})
	check := func(when string, valid bool, tokens, access int32) {
		t.Helper()
		u, err := r.Authenticate(t.Context(), "token-of-alice")
		if (err == nil) != valid {
			t.Errorf("%s: got %v, want valid: %v", when, err, valid)
		}
		_, _ = r.Authenticate(t.Context(), "nobody's")
		if valid {
			_ = r.Authorize(t.Context(), u, podsOfAlice)
			_ = r.Authorize(t.Context(), u, api.Attributes{Verb: "list", Resource: "secrets"})
		}
		if gotTokens, gotAccess := c.tokens.Load(), c.access.Load(); gotTokens != tokens || gotAccess != access {
			t.Errorf("%s: got %d token and %d access reviews, want %d and %d", when, gotTokens, gotAccess, tokens, access)
		}
	}
	check("first", true, 2, 2)
	c.set(func() { c.revoked["alice"] = true })
	now.advance(9 * time.Second)
	check("within ten seconds", true, 2, 2)
	now.advance(2 * time.Second)
	check("after ten seconds", false, 4, 2)
	c.set(func() { c.revoked["alice"] = false })
	check("a no holds as long", false, 4, 2)
	now.advance(11 * time.Second)
	check("restored", true, 6, 4)
}

// What is forgotten, revoked or denied is asked again rather than guessed.
func TestNoTwoQuestionsAreTakenForOne(t *testing.T) {
	c := newCluster(t)
	r := newReviewer(t, c, kubeauth.Options{})
	questions := []struct {
		u api.User
		a api.Attributes
	}{
		{api.User{Name: "alice"}, podsOfAlice},
		{api.User{Name: "alicE"}, podsOfAlice},
		{api.User{Name: "alice", UID: "1"}, podsOfAlice},
		{api.User{Name: "alice", Groups: []string{"a", "b"}}, podsOfAlice},
		{api.User{Name: "alice", Groups: []string{"a,b"}}, podsOfAlice},
		{api.User{Name: "alice", Groups: []string{"ab"}}, podsOfAlice},
		{api.User{Name: "alice", Extra: map[string][]string{"a": {"b"}}}, podsOfAlice},
		{api.User{Name: "alice", Extra: map[string][]string{"a": {"b", ""}}}, podsOfAlice},
		{api.User{Name: "alice"}, api.Attributes{Verb: "get", Resource: "pods", Namespace: "alice"}},
		{api.User{Name: "alice"}, api.Attributes{Verb: "list", Resource: "pods", Name: "alice"}},
		{api.User{Name: "alice"}, api.Attributes{Verb: "list", Group: "pods", Namespace: "alice"}},
		{api.User{Name: "alice"}, api.Attributes{Verb: "list", Path: "alice"}},
	}
	for range 2 {
		for _, q := range questions {
			_ = r.Authorize(t.Context(), q.u, q.a)
		}
	}
	if got, want := int(c.access.Load()), len(questions); got != want {
		t.Errorf("access reviews: got %d, want %d", got, want)
	}
}

func TestManyAtOnceAskOnce(t *testing.T) {
	c := newCluster(t)
	hold := make(chan struct{})
	c.set(func() { c.hold = hold })
	r := newReviewer(t, c, kubeauth.Options{})
	first, cancel := context.WithCancel(t.Context())
	var all, started sync.WaitGroup
	started.Add(50)
	for i := range 50 {
		ctx := t.Context()
		if i == 0 {
			ctx = first
		}
		all.Go(func() {
			started.Done()
			if _, err := r.Authenticate(ctx, "token-of-alice"); err != nil {
				t.Error(err)
			}
		})
	}
	started.Wait()
	cancel() // the client of one request going away is no reason to fail the others
	close(hold)
	all.Wait()
	if got := c.tokens.Load(); got != 1 {
		t.Errorf("token reviews: got %d, want 1", got)
	}
}

// However many tokens and names are tried, the valid ones stay known.
func TestFloodOfRefusalsKeepsWhatIsAllowed(t *testing.T) {
	c := newCluster(t)
	r := newReviewer(t, c, kubeauth.Options{Entries: 8})
	u, err := r.Authenticate(t.Context(), "token-of-alice")
	if err != nil || r.Authorize(t.Context(), u, podsOfAlice) != nil {
		t.Fatalf("got %v", err)
	}
	for i := range 40 {
		_, _ = r.Authenticate(t.Context(), fmt.Sprintf("wrong-%d", i))
		_ = r.Authorize(t.Context(), u, api.Attributes{Verb: "get", Resource: "secrets", Name: fmt.Sprint(i)})
	}
	c.set(func() { c.gone = true })
	if _, err := r.Authenticate(t.Context(), "token-of-alice"); err != nil {
		t.Errorf("the valid token: %v", err)
	}
	if err := r.Authorize(t.Context(), u, podsOfAlice); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	if _, err := r.Authenticate(t.Context(), "wrong-0"); err == nil || errors.Is(err, api.ErrInvalidToken) {
		t.Errorf("the oldest wrong token: got %v, want it forgotten", err)
	}
}

func TestClusterThatIsAwayLetsNobodyIn(t *testing.T) {
	c, now, log := newCluster(t), &clock{}, &bytes.Buffer{}
	r := newReviewer(t, c, kubeauth.Options{Now: now.Now, Log: hclog.New(&hclog.LoggerOptions{Output: log})})
	u, err := r.Authenticate(t.Context(), "token-of-alice")
	if err != nil {
		t.Fatal(err)
	}
	for name, fail := range map[string]func(){
		"gone": func() { c.gone = true }, "forbidden": func() { c.gone, c.broken = false, 403 },
		"unauthorized": func() { c.broken = 401 }, "broken": func() { c.broken = 500 },
	} {
		now.advance(11 * time.Second)
		c.set(fail)
		if _, err := r.Authenticate(t.Context(), "token-of-alice"); err == nil || errors.Is(err, api.ErrInvalidToken) || strings.Contains(err.Error(), "token-of-alice") {
			t.Errorf("%s: token: got %v, want another error, without the token", name, err)
		}
		err := r.Authorize(t.Context(), u, podsOfAlice)
		if _, no := errors.AsType[*api.ForbiddenError](err); err == nil || no {
			t.Errorf("%s: access: got %v, want another error", name, err)
		}
	}
	c.set(func() { c.gone, c.broken = false, 0 })
	if _, err := r.Authenticate(t.Context(), "token-of-alice"); err != nil {
		t.Errorf("back: %v", err)
	}
	for _, want := range []string{"access can't be reviewed", "access can be reviewed again"} {
		if got := strings.Count(log.String(), want); got != 1 {
			t.Errorf("%q: told %d times, want 1:\n%s", want, got, log)
		}
	}
	if strings.Contains(log.String(), "token-of") {
		t.Errorf("log has a token:\n%s", log)
	}
}

func TestLogSaysWhatSidemirrorItselfLacks(t *testing.T) {
	c, log := newCluster(t), &bytes.Buffer{}
	c.broken = 403
	r := newReviewer(t, c, kubeauth.Options{Log: hclog.New(&hclog.LoggerOptions{Output: log})})
	_, _ = r.Authenticate(t.Context(), "token-of-alice")
	if want := "bind the ClusterRole system:auth-delegator to this user"; !strings.Contains(log.String(), want) {
		t.Errorf("got %s, want %q in it", log, want)
	}
}

// A token that was made for somebody else, and leaked there, doesn't open this door.
func TestTokensMustBeMeantForTheAudience(t *testing.T) {
	for _, tt := range []struct {
		want, of []string
		ok       bool
	}{
		{nil, nil, true}, {nil, []string{"https://kubernetes"}, true},
		{[]string{"sidemirror", "other"}, []string{"x", "sidemirror"}, true},
		{[]string{"sidemirror"}, []string{"https://kubernetes"}, false}, {[]string{"sidemirror"}, nil, false},
	} {
		c := newCluster(t)
		c.audiences = tt.of
		_, err := newReviewer(t, c, kubeauth.Options{Audiences: tt.want}).Authenticate(t.Context(), "token-of-alice")
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, api.ErrInvalidToken) {
			t.Errorf("want %q, token for %q: got %v", tt.want, tt.of, err)
		}
	}
}

func TestNewNeedsACluster(t *testing.T) {
	if _, err := kubeauth.New(kubeauth.Options{}); err == nil {
		t.Error("got no error")
	}
}

// BenchmarkAuthorized is what a request of a known user costs beyond its answer.
func BenchmarkAuthorized(b *testing.B) {
	c := newCluster(b)
	r := newReviewer(b, c, kubeauth.Options{TTL: time.Hour})
	h := api.NewGuard(api.GuardOptions{Authenticator: r, Authorizer: r}).Protect(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(*http.Request) api.Attributes { return podsOfAlice })
	request := httptest.NewRequest(http.MethodGet, "/api/v1/namespaces/alice/pods", nil)
	request.Header.Set("Authorization", "Bearer token-of-alice")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, request); w.Code != http.StatusOK {
		b.Fatalf("got %d", w.Code)
	}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, request)
	}
}
