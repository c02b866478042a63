package main_test

import (
	"net/http"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

const ops, opsToken = "ops", "ops-token-of-the-test"

// letControl lets a user control every Sidemirror of the cluster.
func letControl(t *testing.T, c *kubetest.Cluster, user string) {
	t.Helper()
	rbac, meta := c.Client().RbacV1(), metav1.ObjectMeta{Name: "sidemirror-control"}
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{NonResourceURLs: []string{"/api/v1/sync/*"}, Verbs: []string{"post"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// send asks for an action as the user of a token, and returns the answer's code.
func (d *daemon) send(action, token string) int {
	d.t.Helper()
	r, err := http.NewRequest(http.MethodPost, d.server+"/api/v1/sync/"+action, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// The cluster decides who controls its mirror, and the status says who did.
func TestOnlyWhoMayControls(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken), kubetest.WithUser(ops, opsToken))
	letControl(t, c, ops)
	allow(t, c, "", "pods")
	d := newDaemon(t, c, "--auth", "kubernetes", "--resources", "configmaps")
	d.start()
	d.waitCompleted()
	for _, refused := range []struct {
		token string
		code  int
	}{{"", 401}, {"of-nobody-0123456789", 401}, {viewerToken, 403}} {
		if got := d.send("pause", refused.token); got != refused.code {
			t.Errorf("pause with the token %q: got %d, want %d", refused.token, got, refused.code)
		}
	}
	if s := d.status(); s.Control.Paused {
		t.Errorf("paused by somebody who may not: %+v", s.Control)
	}
	if got := d.send("pause", opsToken); got != http.StatusAccepted {
		t.Fatalf("pause by ops: got %d, want 202", got)
	}
	d.waitFor("paused by ops", func(s *syncer.Status) bool {
		return s.Control.Paused && s.Control.By != nil && *s.Control.By == ops
	})
	d.stop()
}
