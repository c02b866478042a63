package main_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
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

// as sends a request as the user of a token, "" for nobody, and returns the
// answer's code and body.
func (d *daemon) as(token, method, path, body string) (int, string) {
	d.t.Helper()
	r, err := http.NewRequest(method, d.server+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// ask asks for an action, and returns the answer's code.
func (d *daemon) ask(action syncer.Action, token string) int {
	d.t.Helper()
	code, _ := d.as(token, http.MethodPost, "/api/v1/sync/"+string(action), `{"reason":"a test"}`)
	return code
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
		if got := d.ask(syncer.ActionPause, refused.token); got != refused.code {
			t.Errorf("pause with the token %q: got %d, want %d", refused.token, got, refused.code)
		}
	}
	if s := d.status(); s.Control.Paused {
		t.Errorf("paused by somebody who may not: %+v", s.Control)
	}
	if got := d.ask(syncer.ActionPause, opsToken); got != http.StatusAccepted {
		t.Fatalf("pause by ops: got %d, want 202", got)
	}
	d.waitFor("paused by ops", func(s *syncer.Status) bool {
		return s.Control.Paused && s.Control.By != nil && *s.Control.By == ops
	})
	d.stop()
}

// Nobody reads through the mirror what the API server would refuse them.
func TestTheClusterDecidesWhoReadsItsMirror(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken), kubetest.WithUser(ops, opsToken))
	c.Fill("--pods", "40", "--mixed", "20")
	allow(t, c, "default", "configmaps")
	d := newDaemon(t, c, "--auth", "kubernetes")
	d.start()
	d.waitCompleted()
	for _, tt := range []struct {
		token, path string
		code        int
	}{
		{"", "/api/v1/pods", http.StatusUnauthorized},
		{viewerToken, "/api/v1/pods", http.StatusForbidden},
		{viewerToken, "/api/v1/configmaps", http.StatusForbidden},
		{viewerToken, "/api/v1/namespaces/kube-system/configmaps", http.StatusForbidden},
		{viewerToken, "/api/v1/sync/namespaces", http.StatusForbidden},
		{viewerToken, "/api/v1/namespaces/default/configmaps", http.StatusOK},
		{viewerToken, "/api/v1/namespaces/default/configmaps/kube-root-ca.crt", http.StatusNotFound},
		{"", "/api/v1/sync/status", http.StatusOK},
		{"", "/api/v1/sync/history", http.StatusOK},
		{"", "/", http.StatusOK},
		{"", "/metrics", http.StatusOK},
	} {
		if code, body := d.as(tt.token, http.MethodGet, tt.path, ""); code != tt.code {
			t.Errorf("%s with the token %q: got %d, want %d: %.300s", tt.path, tt.token, code, tt.code, body)
		}
	}
	out, err := exec.Command(d.path, "get", "configmaps", "--server", d.server, "--namespace", "default").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--token-file") {
		t.Errorf("get without a token: %v\n%s", err, out)
	}
	get := exec.Command(d.path, "get", "configmaps", "--server", d.server, "--namespace", "default")
	get.Env = append(os.Environ(), "SIDEMIRROR_TOKEN="+viewerToken)
	if out, err := get.CombinedOutput(); err != nil {
		t.Errorf("get with the token of a user who may: %v\n%s", err, out)
	}
	d.stop()
}
