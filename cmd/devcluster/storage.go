package main

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// putWorkers is how many writes are under way at a time; etcd commits those that
// wait together. One transaction for many objects would be faster still, but
// they would share a resource version, which no real API server lets happen.
const putWorkers = 48

// object is what all generated objects are: a kind with metadata.
type object interface {
	runtime.Object
	metav1.Object
}

// storagePrefixes says where kube-apiserver keeps a kind.
var storagePrefixes = map[string]string{
	"Pod":         "pods",
	"Node":        "minions",
	"ConfigMap":   "configmaps",
	"Service":     "services/specs",
	"Deployment":  "deployments",
	"ReplicaSet":  "replicasets",
	"StatefulSet": "statefulsets",
	"DaemonSet":   "daemonsets",
	"Job":         "jobs",
	"CronJob":     "cronjobs",
	"Ingress":     "ingress",
	"Cart":        "shop.example.com/carts",
}

var (
	builtin = protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)
	custom  = unstructured.UnstructuredJSONScheme
)

// storage writes objects where the API server would, in the form that it would,
// without its validation. That is about five times as fast, and status and
// managedFields come out as wanted.
type storage struct{ client *clientv3.Client }

// putAll writes the count objects that generate makes, in no particular order.
// Generate is called from many goroutines.
func (s storage) putAll(ctx context.Context, count int, generate func(i int) (object, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(putWorkers, count) {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= count {
					return nil
				}
				o, err := generate(i)
				if err != nil {
					return err
				}
				if err := s.put(ctx, o); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

func (s storage) put(ctx context.Context, o object) error {
	key, err := storageKey(o)
	if err != nil {
		return err
	}
	var encoder runtime.Encoder = builtin
	if _, ok := o.(*unstructured.Unstructured); ok {
		encoder = custom
	}
	var value bytes.Buffer
	if err := encoder.Encode(o, &value); err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	if _, err := s.client.Put(ctx, key, value.String()); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

func storageKey(o object) (string, error) {
	kind := o.GetObjectKind().GroupVersionKind().Kind
	prefix, ok := storagePrefixes[kind]
	if !ok {
		return "", fmt.Errorf("find the storage of %s: unknown kind %q", o.GetName(), kind)
	}
	if o.GetNamespace() == "" {
		return "/registry/" + prefix + "/" + o.GetName(), nil
	}
	return "/registry/" + prefix + "/" + o.GetNamespace() + "/" + o.GetName(), nil
}
