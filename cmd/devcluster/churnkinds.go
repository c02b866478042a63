package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

const (
	// churnedAtMost bounds how many existing objects of a kind take part.
	churnedAtMost = 20000
	// churnNamespace is where objects are created when there are none.
	churnNamespace = "default"
)

// churnKind is a kind that is churned, and what may be done to it.
type churnKind struct {
	resource schema.GroupVersionResource
	scalable bool
	// status is a merge patch of the status subresource, nil without one.
	status func(s *source) map[string]any
	// data is a merge patch of something else than labels, nil for none.
	data func(s *source) map[string]any
	// make returns a new object with this name.
	make func(s *source, w *workload, name string) object
}

var churnKinds = []churnKind{
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "pods"},
		status: func(s *source) map[string]any {
			return map[string]any{"status": map[string]any{"message": "reported " + s.hex(8)}}
		},
		make: func(s *source, w *workload, name string) object {
			pod := w.newPod(s, 0)
			pod.Name, pod.GenerateName = name, ""
			return pod
		},
	},
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"},
		data: func(s *source) map[string]any {
			return map[string]any{"data": map[string]any{"churned": s.hex(32)}}
		},
		make: func(s *source, w *workload, name string) object {
			c := w.configMap(s, "config")
			c.Name = name
			return c
		},
	},
	{
		resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
		scalable: true,
		status: func(s *source) map[string]any {
			return map[string]any{"status": map[string]any{"unavailableReplicas": s.IntN(20)}}
		},
		make: func(s *source, w *workload, name string) object {
			d := w.deployment(s)
			d.Name = name
			return d
		},
	},
	{
		resource: cartResource,
		status: func(s *source) map[string]any {
			return map[string]any{"status": map[string]any{"phase": s.pick([]string{"Open", "Paid", "Abandoned", "Sent"})}}
		},
		data: func(s *source) map[string]any {
			return map[string]any{"spec": map[string]any{"discount": s.hex(4)}}
		},
		make: func(s *source, w *workload, name string) object {
			cart := newCart(s, 0)
			cart.SetName(name)
			cart.SetNamespace(w.namespace)
			return cart
		},
	},
}

// target is an object that exists, as far as its worker knows.
type target struct{ namespace, name string }

// population is the part of a kind's objects that one worker owns.
type population struct {
	kind    churnKind
	client  dynamic.NamespaceableResourceInterface
	targets []target
}

// newChurnWorkers lists what there is, and deals it out.
func newChurnWorkers(ctx context.Context, config *rest.Config, client dynamic.Interface, seed uint64, n int) ([]*churnWorker, error) {
	lister, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	run := strconv.FormatInt(time.Now().UnixMilli(), 36)
	workers := make([]*churnWorker, n)
	for i := range workers {
		if workers[i], err = newChurnWorker(run, seed, i); err != nil {
			return nil, err
		}
	}
	for _, kind := range churnKinds {
		targets, err := listTargets(ctx, lister, kind.resource)
		if apierrors.IsNotFound(err) {
			continue // no definition of carts
		}
		if err != nil {
			return nil, err
		}
		for i, w := range workers {
			p := &population{kind: kind, client: client.Resource(kind.resource)}
			for at := i; at < len(targets); at += n {
				p.targets = append(p.targets, targets[at])
			}
			w.populations = append(w.populations, p)
		}
	}
	return workers, nil
}

// listTargets returns the names of up to churnedAtMost objects, without those
// of the system's own namespaces.
func listTargets(ctx context.Context, client metadata.Interface, resource schema.GroupVersionResource) ([]target, error) {
	var targets []target
	options := metav1.ListOptions{Limit: 2000}
	for len(targets) < churnedAtMost {
		page, err := client.Resource(resource).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		for _, item := range page.Items {
			if !strings.HasPrefix(item.Namespace, "kube-") {
				targets = append(targets, target{item.Namespace, item.Name})
			}
		}
		if page.Continue == "" {
			break
		}
		options.Continue = page.Continue
	}
	return targets, nil
}

// asNew turns an object into one that can be created: what the API server sets
// is dropped.
func asNew(u *unstructured.Unstructured) *unstructured.Unstructured {
	u.SetResourceVersion("")
	u.SetUID("")
	u.SetManagedFields(nil)
	u.SetGeneration(0)
	unstructured.RemoveNestedField(u.Object, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(u.Object, "status")
	return u
}
