package kubeauth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	authenticationapi "k8s.io/api/authentication/v1"
	authorizationapi "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/kubeauth"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

const (
	mirrorToken = "token-of-sidemirror-itself"
	aliceToken  = "token-of-alice-0123456789"
	opsToken    = "token-of-ops-0123456789"
	pausePath   = "/api/v1/sync/pause"
)

// real is an API server with a door that its users are let through.
type real struct {
	t      *testing.T
	client kubernetes.Interface
	door   *httptest.Server
	now    clock
}

func newReal(t *testing.T, audiences ...string) *real {
	t.Helper()
	c := kubetest.Start(t, kubetest.WithUser("sidemirror", mirrorToken),
		kubetest.WithUser("alice", aliceToken, "shop-team"), kubetest.WithUser("ops", opsToken))
	r := &real{t: t, client: c.Client()}
	r.bind("system:auth-delegator", rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "sidemirror"})
	reviewer, err := kubeauth.New(kubeauth.Options{Config: c.ConfigFor(mirrorToken), Audiences: audiences, Now: r.now.Now})
	if err != nil {
		t.Fatal(err)
	}
	guard := api.NewGuard(api.GuardOptions{Authenticator: reviewer, Authorizer: reviewer})
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("GET /{resource}", guard.Protect(ok, attributes))
	mux.Handle("GET /{resource}/{namespace}", guard.Protect(ok, attributes))
	mux.Handle("GET /{resource}/{namespace}/{name}", guard.Protect(ok, attributes))
	mux.Handle("POST "+pausePath, guard.Protect(ok, func(*http.Request) api.Attributes { return api.Attributes{Verb: "post", Path: pausePath} }))
	r.door = httptest.NewServer(mux)
	t.Cleanup(r.door.Close)
	r.until("sidemirror may review", authorizationapi.SubjectAccessReviewSpec{
		User: "sidemirror", ResourceAttributes: &authorizationapi.ResourceAttributes{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
	}, true)
	return r
}

// attributes takes "pods" or "deployments.apps" out of the path.
func attributes(r *http.Request) api.Attributes {
	resource, group, _ := strings.Cut(r.PathValue("resource"), ".")
	a := api.Attributes{Verb: "list", Resource: resource, Group: group, Namespace: r.PathValue("namespace"), Name: r.PathValue("name")}
	if a.Name != "" {
		a.Verb = "get"
	}
	return a
}

func (r *real) role(name string, rule rbacv1.PolicyRule) {
	r.t.Helper()
	_, err := r.client.RbacV1().ClusterRoles().Create(r.t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{rule},
	}, metav1.CreateOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *real) bind(role string, subject rbacv1.Subject) {
	r.t.Helper()
	_, err := r.client.RbacV1().ClusterRoleBindings().Create(r.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
	}, metav1.CreateOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
}

// until waits for the API server's authorizer, which follows RBAC objects by watch.
func (r *real) until(what string, spec authorizationapi.SubjectAccessReviewSpec, allowed bool) {
	r.t.Helper()
	r.eventually(what, func() bool {
		review, err := r.client.AuthorizationV1().SubjectAccessReviews().Create(r.t.Context(), &authorizationapi.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
		if err != nil {
			r.t.Fatal(err)
		}
		return review.Status.Allowed == allowed
	})
}

func (r *real) eventually(what string, reached func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// expect sends a request with a token and checks the code of the answer.
func (r *real) expect(when, method, path, token string, code int) {
	r.t.Helper()
	request, err := http.NewRequest(method, r.door.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != code {
		r.t.Errorf("%s: %s %s: got %s, want %d", when, method, path, response.Status, code)
	}
}

// Nobody reads through the mirror what the API server would refuse them.
func TestUsersReadWhatTheClusterLetsThem(t *testing.T) {
	r := newReal(t)
	ctx, rbac := t.Context(), r.client.RbacV1()
	_, err := rbac.Roles("default").Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-team"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	binding, err := rbac.RoleBindings("default").Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "shop-team"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "shop-team"}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "shop-team"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	alice := authorizationapi.SubjectAccessReviewSpec{
		User: "alice", Groups: []string{"shop-team"},
		ResourceAttributes: &authorizationapi.ResourceAttributes{Verb: "list", Resource: "pods", Namespace: "default"},
	}
	r.until("alice may list pods", alice, true)
	tests := []struct {
		path, token string
		code        int
	}{
		{"/pods/default", aliceToken, 200},
		{"/pods/kube-system", aliceToken, 403}, {"/pods", aliceToken, 403}, {"/secrets/default", aliceToken, 403},
		{"/pods.metrics.k8s.io/default", aliceToken, 403}, {"/pods/default/web-0", aliceToken, 403},
		{"/pods/default", opsToken, 403}, {"/pods/default", "of-nobody-0123456789", 401},
	}
	for _, tt := range tests {
		r.expect("as "+tt.token, "GET", tt.path, tt.token, tt.code)
	}

	if err := rbac.RoleBindings("default").Delete(ctx, binding.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.until("alice may no longer", alice, false)
	r.expect("withdrawn, but remembered", "GET", "/pods/default", aliceToken, 200)
	r.now.advance(11 * time.Second)
	r.expect("withdrawn", "GET", "/pods/default", aliceToken, 403)
}

func TestControlNeedsANonResourceURL(t *testing.T) {
	r := newReal(t)
	r.role("sidemirror-control", rbacv1.PolicyRule{NonResourceURLs: []string{"/api/v1/sync/*"}, Verbs: []string{"post"}})
	r.bind("sidemirror-control", rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "ops"})
	r.until("ops may pause", authorizationapi.SubjectAccessReviewSpec{
		User: "ops", NonResourceAttributes: &authorizationapi.NonResourceAttributes{Verb: "post", Path: pausePath},
	}, true)
	r.expect("ops", "POST", pausePath, opsToken, 200)
	r.expect("ops", "GET", "/pods/default", opsToken, 403)
	r.expect("alice", "POST", pausePath, aliceToken, 403)
}

// The token of a service account that is deleted opens the door no longer than what
// is remembered, and one that was made for somebody else never.
func TestServiceAccountTokens(t *testing.T) {
	r := newReal(t, "sidemirror")
	ctx, accounts := t.Context(), r.client.CoreV1().ServiceAccounts("default")
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "reader"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.role("pod-reader", rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}})
	r.bind("pod-reader", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "reader"})
	r.until("reader may list", authorizationapi.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:default:reader",
		ResourceAttributes: &authorizationapi.ResourceAttributes{Verb: "list", Resource: "pods", Namespace: "default"},
	}, true)
	tokenFor := func(audiences ...string) string {
		request := &authenticationapi.TokenRequest{Spec: authenticationapi.TokenRequestSpec{Audiences: audiences}}
		answer, err := accounts.CreateToken(ctx, "reader", request, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status.Token
	}
	token, late := tokenFor("sidemirror"), tokenFor("sidemirror")
	r.expect("made for us", "GET", "/pods/default", token, 200)
	r.expect("made for another", "GET", "/pods/default", tokenFor("another"), 401)
	r.expect("made for the API server", "GET", "/pods/default", tokenFor(), 401)

	if err := accounts.Delete(ctx, "reader", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("the API server refuses the token", func() bool {
		review, err := r.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationapi.TokenReview{
			Spec: authenticationapi.TokenReviewSpec{Token: token, Audiences: []string{"sidemirror"}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return !review.Status.Authenticated
	})
	r.expect("revoked, but remembered", "GET", "/pods/default", token, 200)
	r.expect("revoked, never seen", "GET", "/pods/default", late, 401)
	r.now.advance(11 * time.Second)
	r.expect("revoked", "GET", "/pods/default", token, 401)
}

func TestAPIServerThatIsAwayLetsNobodyIn(t *testing.T) {
	c := kubetest.Start(t)
	reviewer, err := kubeauth.New(kubeauth.Options{Config: c.Config()})
	if err != nil {
		t.Fatal(err)
	}
	guard := api.NewGuard(api.GuardOptions{Authenticator: reviewer, Authorizer: reviewer})
	h := guard.Protect(http.NotFoundHandler(), func(*http.Request) api.Attributes { return podsOfAlice })
	c.Kill()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+aliceToken)
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, request); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d with Retry-After %q, want 503 with one", w.Code, w.Header().Get("Retry-After"))
	}
}
