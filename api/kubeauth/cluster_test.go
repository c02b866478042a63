package kubeauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	authenticationapi "k8s.io/api/authentication/v1"
	authorizationapi "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/api/kubeauth"
)

// cluster answers reviews: "token-of-NAME" is NAME's token, and everybody may list
// pods in the namespace that bears their name.
type cluster struct {
	*httptest.Server
	tokens, access atomic.Int32 // reviews
	audiences      []string     // that tokens are for
	asked          chan authorizationapi.SubjectAccessReviewSpec

	mu      sync.Mutex
	gone    bool          // nothing is served
	broken  int           // the code that it answers with, unless 0
	hold    chan struct{} // each review waits for it, unless nil
	revoked map[string]bool
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{asked: make(chan authorizationapi.SubjectAccessReviewSpec, 100), revoked: map[string]bool{}}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *cluster) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *cluster) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	gone, broken, hold := c.gone, c.broken, c.hold
	c.mu.Unlock()
	if hold != nil {
		<-hold
	}
	if gone {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	if broken != 0 {
		w.WriteHeader(broken)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":"Forbidden"}`, broken)
		return
	}
	w.WriteHeader(http.StatusCreated)
	switch {
	case strings.HasSuffix(r.URL.Path, "/tokenreviews"):
		c.tokens.Add(1)
		var review authenticationapi.TokenReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		name, ok := strings.CutPrefix(review.Spec.Token, "token-of-")
		c.mu.Lock()
		ok = ok && !c.revoked[name]
		c.mu.Unlock()
		review.Status = authenticationapi.TokenReviewStatus{Authenticated: ok, Audiences: c.audiences}
		if ok {
			review.Status.User = authenticationapi.UserInfo{
				Username: name, UID: "uid-" + name, Groups: []string{"g1", "g2"},
				Extra: map[string]authenticationapi.ExtraValue{"scopes": {"a", "b"}},
			}
		}
		_ = json.NewEncoder(w).Encode(review)
	default:
		c.access.Add(1)
		var review authorizationapi.SubjectAccessReview
		_ = json.NewDecoder(r.Body).Decode(&review)
		a := review.Spec.ResourceAttributes
		review.Status.Allowed = a != nil && a.Verb == "list" && a.Resource == "pods" && a.Namespace == review.Spec.User
		c.asked <- review.Spec
		_ = json.NewEncoder(w).Encode(review)
	}
}

// clock is a time that tests move on.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(c.now.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d / time.Second)) }

func newReviewer(t testing.TB, c *cluster, o kubeauth.Options) *kubeauth.Reviewer {
	t.Helper()
	o.Config = &rest.Config{Host: c.URL, BearerToken: "own-token", ContentConfig: rest.ContentConfig{ContentType: "application/json"}}
	r, err := kubeauth.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
