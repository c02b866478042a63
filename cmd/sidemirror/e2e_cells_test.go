package main_test

import (
	"path/filepath"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

const viewer, viewerToken = "viewer", "viewer-token-of-the-test"

// kubeconfigFor writes a kubeconfig that authenticates with a token.
func kubeconfigFor(t *testing.T, config *rest.Config, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: token}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// allow lets the viewer read resources in a namespace, or everywhere if it is "".
func allow(t *testing.T, c *kubetest.Cluster, namespace string, resources ...string) {
	t.Helper()
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: resources, Verbs: []string{"get", "list", "watch"}}}
	meta := metav1.ObjectMeta{GenerateName: "viewer-", Namespace: namespace}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: viewer}}
	rbac := c.Client().RbacV1()
	var err error
	if namespace == "" {
		role, cerr := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		if cerr != nil {
			t.Fatal(cerr)
		}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}
		_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
	} else {
		role, cerr := rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
		if cerr != nil {
			t.Fatal(cerr)
		}
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name}
		_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestForbiddenResourceShowsAloneAndComesBackWhenAllowed(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken))
	allow(t, c, "", "pods")
	d := newDaemon(t, c, "--kubeconfig", kubeconfigFor(t, c.Config(), viewerToken), "--resources", "pods,configmaps")
	d.start()
	d.waitFor("completed without the forbidden resource", func(s *syncer.Status) bool {
		return s.Status == syncer.Completed && s.Partial &&
			resource(s, "configmaps").Status == syncer.ResourceForbidden && resource(s, "pods").Status == syncer.ResourceCompleted
	})
	allow(t, c, "", "configmaps")
	d.waitFor("the resource back by itself", func(s *syncer.Status) bool {
		return s.Status == syncer.Completed && !s.Partial && resource(s, "configmaps").Error == nil
	})
	d.verify()
	d.stop()
}

func TestForbiddenNamespaceShowsAlone(t *testing.T) {
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken))
	allow(t, c, "default", "pods")
	d := newDaemon(t, c, "--kubeconfig", kubeconfigFor(t, c.Config(), viewerToken),
		"--resources", "pods", "--namespaces", "default,kube-system")
	d.start()
	d.waitFor("one namespace synced and the other forbidden", func(s *syncer.Status) bool {
		outcome := map[string]syncer.ResourceOutcome{}
		for _, r := range s.ResourceStatus {
			outcome[r.Namespace] = r.Status
		}
		return s.Status == syncer.Completed && s.Partial &&
			outcome["default"] == syncer.ResourceCompleted && outcome["kube-system"] == syncer.ResourceForbidden
	})
	d.stop()
}

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
var cartResource = schema.GroupVersionResource{Group: "shop.test", Version: "v1", Resource: "carts"}

func cartDefinition() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "carts.shop.test"},
		"spec": map[string]any{
			"group": "shop.test", "scope": "Namespaced",
			"names": map[string]any{"plural": "carts", "singular": "cart", "kind": "Cart"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object", "x-kubernetes-preserve-unknown-fields": true,
				}},
			}},
		},
	}}
}

// createCart tries until the new resource is served.
func createCart(t *testing.T, client dynamic.Interface, name string) {
	t.Helper()
	cart := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "shop.test/v1", "kind": "Cart", "metadata": map[string]any{"name": name}, "total": 1.5,
	}}
	deadline := time.Now().Add(30 * time.Second)
	for {
		_, err := client.Resource(cartResource).Namespace("default").Create(t.Context(), cart, metav1.CreateOptions{})
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestCustomResourceThatGoesAndComesIsFollowed(t *testing.T) {
	c := kubetest.Start(t)
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	definitions := client.Resource(crdResource)
	define := func() {
		if _, err := definitions.Create(t.Context(), cartDefinition(), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	define()
	createCart(t, client, "first")
	d := newDaemon(t, c, "--resources", "namespaces,carts.shop.test")
	d.start()
	d.waitCompleted()
	d.verify()

	if err := definitions.Delete(t.Context(), "carts.shop.test", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	d.waitFor("the resource shown as not found, alone", func(s *syncer.Status) bool {
		return resource(s, "carts.shop.test").Status == syncer.ResourceNotFound && resource(s, "namespaces").Status == syncer.ResourceCompleted
	})
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, err := definitions.Get(t.Context(), "carts.shop.test", metav1.GetOptions{}); apierrors.IsNotFound(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the definition stays")
		}
	}
	define()
	createCart(t, client, "second")
	d.waitFor("the resource back with its new object", func(s *syncer.Status) bool {
		r := resource(s, "carts.shop.test")
		return !s.Partial && r.Status == syncer.ResourceCompleted && r.Objects == 1
	})
	d.verify()
	d.stop()
}
