package kubetest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

func TestClusterKeepsDataAndPort(t *testing.T) {
	c := kubetest.Start(t)
	host := c.Config().Host
	createConfigMap(t, c.Client(), "before-stop")

	c.Restart()
	if got := c.Config().Host; got != host {
		t.Errorf("host after Restart: got %s, want %s", got, host)
	}
	getConfigMap(t, c.Client(), "before-stop")

	createConfigMap(t, c.Client(), "before-kill")
	c.Kill()
	c.Restart()
	getConfigMap(t, c.Client(), "before-kill")
}

func TestUsersAreSubjectToRBAC(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser("system:serviceaccount:default:viewer", "viewer-token", "team:a", "team:b"))
	viewer, err := kubernetes.NewForConfig(c.ConfigFor("viewer-token"))
	if err != nil {
		t.Fatal(err)
	}
	list := func() error {
		_, err := viewer.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		return err
	}
	if err := list(); !apierrors.IsForbidden(err) {
		t.Errorf("list without a binding: got %v, want forbidden", err)
	}
	grantView(t, c.Client(), "team:b")
	if err := list(); err != nil {
		t.Errorf("list with a binding of the group: %v", err)
	}
	anonymous, err := kubernetes.NewForConfig(c.ConfigFor("wrong"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anonymous.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsUnauthorized(err) {
		t.Errorf("list with an unknown token: got %v, want unauthorized", err)
	}
}

func TestCompactExpiresOldVersions(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithAPIServerArgs("watch-cache-sizes=configmaps#0"))
	client := c.Client().CoreV1().ConfigMaps("default")
	old := createConfigMap(t, c.Client(), "first").ResourceVersion
	createConfigMap(t, c.Client(), "second")
	c.Compact()

	w, err := client.Watch(t.Context(), metav1.ListOptions{ResourceVersion: old})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	event := <-w.ResultChan()
	if status, ok := event.Object.(*metav1.Status); !ok || status.Code != 410 {
		t.Errorf("first event of a watch from a compacted version: got %v, want a status with code 410", event)
	}
}

func TestRequestCount(t *testing.T) {
	c := kubetest.Start(t)
	client := c.Client().CoreV1().ConfigMaps("default")
	lists := c.RequestCount(t.Context(), "LIST", "configmaps")
	watches := c.RequestCount(t.Context(), "WATCH", "configmaps")
	for range 3 {
		if _, err := client.List(t.Context(), metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := client.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RequestCount(t.Context(), "LIST", "configmaps") - lists; got != 3 {
		t.Errorf("lists: got %v, want 3", got)
	}
	if got := c.RequestCount(t.Context(), "WATCH", "configmaps") - watches; got != 1 {
		t.Errorf("watches while open: got %v, want 1", got)
	}
	w.Stop()
}

func TestFillAndChurn(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "60", "--namespaces", "3", "--mixed", "20")
	pods, err := c.Client().CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(pods.Items), 60; got != want {
		t.Errorf("Pods after fill: got %d, want %d", got, want)
	}
	out := c.Churn("--rate", "0", "--count", "100")
	if want := "churn: 100 operations"; !strings.Contains(out, want) {
		t.Errorf("churn printed %q, want %q in it", out, want)
	}
}

func TestStartReportsWhatTheServerSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane isn't started with -short")
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		kubetest.Start(r, kubetest.WithAPIServerArgs("no-such-flag=1"))
	}()
	<-done
	if want := "unknown flag: --no-such-flag"; !strings.Contains(r.fatal, want) {
		t.Errorf("failure: got %q, want %q in it", r.fatal, want)
	}
}

// recorder keeps the failure that a test would end with.
type recorder struct {
	testing.TB
	fatal string
}

func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}

func createConfigMap(t *testing.T, client kubernetes.Interface, name string) *corev1.ConfigMap {
	t.Helper()
	created, err := client.CoreV1().ConfigMaps("default").Create(t.Context(),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

func getConfigMap(t *testing.T, client kubernetes.Interface, name string) {
	t.Helper()
	if _, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), name, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
}

// grantView lets a group read ConfigMaps, and waits until the API server's
// authorizer has seen it.
func grantView(t *testing.T, client kubernetes.Interface, group string) {
	t.Helper()
	rbac := client.RbacV1()
	_, err := rbac.RoleBindings("default").Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "view"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view-config"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: group}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "view-config"},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"configmaps"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	waitForRBAC(t.Context(), client, group)
}

func waitForRBAC(ctx context.Context, client kubernetes.Interface, group string) {
	for ctx.Err() == nil && !mayList(ctx, client, group) {
		runtime.Gosched()
	}
}

func mayList(ctx context.Context, client kubernetes.Interface, group string) bool {
	review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "anyone",
			Groups: []string{group},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: "default", Verb: "list", Resource: "configmaps",
			},
		},
	}, metav1.CreateOptions{})
	return err == nil && review.Status.Allowed
}
