package main

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// workload is an application of one namespace. Its Pods are copies of one
// example, as they are in a cluster, and its other objects refer to each other
// by the same names and UIDs.
type workload struct {
	kind      string // Deployment, StatefulSet, DaemonSet or Job
	namespace string
	name      string
	component string
	partOf    string
	version   string
	hash      string // of the Pod template, as Deployments append it
	replicas  int
	created   time.Time
	uid       types.UID // of the Deployment, StatefulSet, DaemonSet or Job
	setUID    types.UID // of a Deployment's ReplicaSet
	example   *corev1.Pod
}

// workloadSpec is what a workload is made from.
type workloadSpec struct {
	kind, namespace, name, component string
	replicas, podBytes               int
}

// newWorkload makes up a workload and the Pod that its Pods are copies of, which
// is about podBytes of JSON.
func newWorkload(s *source, spec workloadSpec) (*workload, error) {
	w := &workload{
		kind:      spec.kind,
		namespace: spec.namespace,
		name:      spec.name,
		component: spec.component,
		partOf:    spec.namespace,
		version:   fmt.Sprintf("%d.%d.%d", 1+s.IntN(4), s.IntN(20), s.IntN(10)),
		hash:      s.suffix(10),
		replicas:  spec.replicas,
		created:   s.since(epoch, 30*24*time.Hour).Time,
		uid:       s.uid(),
		setUID:    s.uid(),
	}
	var err error
	w.example, err = w.examplePod(s, spec.podBytes)
	return w, err
}

// labels are those that every object of the workload carries.
func (w *workload) labels() map[string]string {
	return map[string]string{
		"app":                          w.name,
		"app.kubernetes.io/name":       w.name,
		"app.kubernetes.io/instance":   w.partOf + "-" + w.name,
		"app.kubernetes.io/version":    w.version,
		"app.kubernetes.io/component":  w.component,
		"app.kubernetes.io/part-of":    w.partOf,
		"app.kubernetes.io/managed-by": "Helm",
	}
}

func (w *workload) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/instance": w.partOf + "-" + w.name}}
}

// meta returns the metadata of an object of the workload.
func (w *workload) meta(s *source, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:              name,
		Namespace:         w.namespace,
		UID:               s.uid(),
		Generation:        1,
		CreationTimestamp: metav1.NewTime(w.created),
		Labels:            w.labels(),
		Annotations: map[string]string{
			"meta.helm.sh/release-name":      w.partOf,
			"meta.helm.sh/release-namespace": w.namespace,
		},
	}
}

// uidOf returns the UID that Pods refer to, for the object that they refer to, and
// otherwise the one given: no two objects share one.
func (w *workload) uidOf(kind string, other types.UID) types.UID {
	if w.kind == kind {
		return w.uid
	}
	return other
}

// podOwner is the controller of the Pods.
func (w *workload) podOwner() metav1.OwnerReference {
	switch w.kind {
	case "Deployment":
		return ownedBy("apps/v1", "ReplicaSet", w.setName(), w.setUID)
	case "Job":
		return ownedBy("batch/v1", "Job", w.name, w.uid)
	default:
		return ownedBy("apps/v1", w.kind, w.name, w.uid)
	}
}

// setName is the name of a Deployment's current ReplicaSet.
func (w *workload) setName() string { return w.name + "-" + w.hash }

func ownedBy(apiVersion, kind, name string, uid types.UID) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{
		APIVersion: apiVersion, Kind: kind, Name: name, UID: uid,
		Controller: &yes, BlockOwnerDeletion: &yes,
	}
}
