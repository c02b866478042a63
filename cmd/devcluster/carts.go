package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
)

// cartTimeout bounds the wait until the API server serves a new resource.
const cartTimeout = 30 * time.Second

var (
	definitionResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	cartResource       = schema.GroupVersionResource{Group: "shop.example.com", Version: "v1", Resource: "carts"}
)

// cartDefinition is the CustomResourceDefinition of the shop's carts. It has a
// schema and a status subresource, as those of operators have.
func cartDefinition() *unstructured.Unstructured {
	anything := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": "carts.shop.example.com"},
		"spec": map[string]any{
			"group": "shop.example.com",
			"scope": "Namespaced",
			"names": map[string]any{"plural": "carts", "singular": "cart", "kind": "Cart", "shortNames": []any{"ca"}},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type":       "object",
					"properties": map[string]any{"spec": anything, "status": anything},
				}},
				"additionalPrinterColumns": []any{
					map[string]any{"name": "Customer", "type": "string", "jsonPath": ".spec.customer"},
					map[string]any{"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
				},
			}},
		},
	}}
}

// ensureCartDefinition creates the definition and waits until carts are served.
func (f *filler) ensureCartDefinition(ctx context.Context) error {
	client, err := dynamic.NewForConfig(f.config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	_, err = client.Resource(definitionResource).Create(ctx, cartDefinition(), metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create the definition of carts: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, cartTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := client.Resource(cartResource).List(ctx, metav1.ListOptions{Limit: 1})
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait until carts are served: %w", err)
	}
	return nil
}

// newCart returns the i-th cart, as a shop's operator would keep it.
func newCart(s *source, i int) object {
	created := s.since(epoch, 30*24*time.Hour)
	items := make([]any, 1+s.IntN(8))
	for n := range items {
		items[n] = map[string]any{
			"sku": "SKU-" + s.hex(8), "quantity": int64(1 + s.IntN(4)), "price": fmt.Sprintf("%d.%02d", s.IntN(300), s.IntN(100)),
		}
	}
	cart := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": cartResource.GroupVersion().String(),
		"kind":       "Cart",
		"spec":       map[string]any{"customer": "customer-" + s.hex(10), "currency": "EUR", "items": items},
		"status":     map[string]any{"phase": s.pick([]string{"Open", "Paid", "Abandoned"}), "itemCount": int64(len(items))},
	}}
	cart.SetName(fmt.Sprintf("cart-%06d", i))
	cart.SetNamespace(s.pick([]string{"checkout", "storefront", "accounts"}))
	cart.SetUID(s.uid())
	cart.SetGeneration(1)
	cart.SetCreationTimestamp(created)
	cart.SetLabels(map[string]string{"app.kubernetes.io/part-of": "shop", "shop.example.com/region": s.pick([]string{"eu", "us", "ap"})})
	return cart
}
