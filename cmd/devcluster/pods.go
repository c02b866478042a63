package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// exampleIP stands in the example, also in its managedFields, where a Pod's
	// own address will be, as nodeIP(0) does for its node's. All addresses of Pods
	// have the same length.
	exampleIP = "10.244.244.244"
	// lastApplied is what kubectl apply keeps: the manifest once more, as text.
	lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
	// settingBytes is about what one more environment variable adds.
	settingBytes = 125
)

// shape is how much a Pod carries besides the settings of its application.
type shape struct {
	sidecars int  // of the proxy and the log shipper
	init     bool // an init container
	bare     bool // no probes, no service account token, no annotations
	managers int  // 2 has managedFields of spec and status, 1 of status, 0 none
}

// shapes are those that examplePod tries, the largest first. One of the two in
// the middle is left out, so that Pods of some 8 KB differ between workloads.
func shapes(s *source) []shape {
	middle := []shape{{managers: 2}, {sidecars: 1, managers: 1}}
	return []shape{
		{sidecars: 2, init: true, managers: 2},
		{sidecars: 1, managers: 2},
		middle[s.IntN(len(middle))],
		{managers: 1},
		{managers: 1, bare: true},
		{bare: true},
	}
}

// examplePod returns the Pod that those of the workload are copied from, of
// about size bytes as JSON: the largest shape that fits, filled up with settings.
// Sizes below some 3 KB aren't reached.
func (w *workload) examplePod(s *source, size int) (*corev1.Pod, error) {
	applied := s.IntN(4) == 0
	candidates := shapes(s)
	for i, sh := range candidates {
		pod, err := w.exampleOf(s, sh, applied && !sh.bare)
		if err != nil {
			return nil, err
		}
		got, err := jsonSize(pod)
		if err != nil {
			return nil, err
		}
		if got <= size || i == len(candidates)-1 {
			return pod, growTo(s, pod, size, sh)
		}
	}
	return nil, errors.New("make a Pod: there are no shapes")
}

func (w *workload) exampleOf(s *source, sh shape, applied bool) (*corev1.Pod, error) {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            w.setName() + "-xxxxx",
			Namespace:       w.namespace,
			UID:             s.uid(),
			Labels:          w.podLabels(),
			OwnerReferences: []metav1.OwnerReference{w.podOwner()},
		},
		Spec: w.podSpec(s, sh),
	}
	if !sh.bare {
		pod.Annotations = w.podAnnotations(s)
	}
	if applied {
		if err := w.addLastApplied(pod); err != nil {
			return nil, err
		}
	}
	w.setStatus(s, pod, epoch)
	return pod, manageAs(pod, sh)
}

// manageAs sets the managedFields that the shape has.
func manageAs(pod *corev1.Pod, sh shape) error {
	if sh.managers == 0 {
		return nil
	}
	if err := manage(pod, "kube-controller-manager", "kubelet"); err != nil {
		return err
	}
	pod.ManagedFields = pod.ManagedFields[2-sh.managers:]
	return nil
}

// jsonSize returns how long a Pod is in the API server's answer.
func jsonSize(pod *corev1.Pod) (int, error) {
	data, err := json.Marshal(pod)
	if err != nil {
		return 0, fmt.Errorf("marshal the example Pod: %w", err)
	}
	return len(data), nil
}

// addLastApplied adds the annotation that kubectl apply leaves behind.
func (w *workload) addLastApplied(pod *corev1.Pod) error {
	container := pod.Spec.Containers[0].DeepCopy()
	container.SecurityContext, container.VolumeMounts = nil, nil
	manifest, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": pod.Name, "namespace": pod.Namespace, "labels": pod.Labels, "annotations": map[string]string{}},
		"spec":     map[string]any{"containers": []corev1.Container{*container}},
	})
	if err != nil {
		return fmt.Errorf("marshal the last applied Pod: %w", err)
	}
	pod.Annotations[lastApplied] = string(manifest) + "\n"
	return nil
}

// growTo adds settings to the first container until the Pod has about the size.
func growTo(s *source, pod *corev1.Pod, size int, sh shape) error {
	for range 4 {
		got, err := jsonSize(pod)
		if err != nil {
			return err
		}
		missing := (size - got) / settingBytes
		if missing <= 0 {
			return nil
		}
		container := &pod.Spec.Containers[0]
		for range missing {
			container.Env = append(container.Env, corev1.EnvVar{
				Name:  fmt.Sprintf("SETTING_%03d", len(container.Env)),
				Value: s.pick(settingWords) + "-" + s.hex(24),
			})
		}
		if err := manageAs(pod, sh); err != nil {
			return err
		}
	}
	return nil
}

var settingWords = []string{"eu-central", "batch", "stable", "https", "canary", "standard"}

func (w *workload) podLabels() map[string]string {
	labels := w.labels()
	switch w.kind {
	case "Deployment":
		labels["pod-template-hash"] = w.hash
	case "Job":
		labels["batch.kubernetes.io/job-name"] = w.name
	default:
		labels["controller-revision-hash"] = w.hash
	}
	return labels
}

func (w *workload) podAnnotations(s *source) map[string]string {
	return map[string]string{
		"checksum/config":                         s.hex(64),
		"prometheus.io/scrape":                    "true",
		"prometheus.io/port":                      "9090",
		"prometheus.io/path":                      "/metrics",
		"kubectl.kubernetes.io/default-container": "app",
	}
}

// newPod returns the workload's Pod with this ordinal: a copy of the example
// with everything of its own that a Pod has.
func (w *workload) newPod(s *source, ordinal int) *corev1.Pod {
	pod := w.example.DeepCopy()
	pod.UID = s.uid()
	pod.Generation = 1
	created := s.since(w.created, 40*24*time.Hour)
	pod.CreationTimestamp = created
	switch w.kind {
	case "StatefulSet":
		pod.Name = fmt.Sprintf("%s-%d", w.name, ordinal)
		pod.Labels["apps.kubernetes.io/pod-index"] = fmt.Sprint(ordinal)
		pod.Labels["statefulset.kubernetes.io/pod-name"] = pod.Name
		pod.Spec.Hostname = pod.Name
	default:
		pod.GenerateName = w.podOwner().Name + "-"
		pod.Name = pod.GenerateName + s.suffix(5)
	}
	ip := s.podIP()
	w.setNode(s, pod, ordinal)
	pod.Status.PodIP, pod.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
	pod.Status.StartTime = &created
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastTransitionTime = created
	}
	w.setStarted(s, pod.Status.ContainerStatuses, created)
	w.setStarted(s, pod.Status.InitContainerStatuses, created)
	addresses := strings.NewReplacer(exampleIP, ip, nodeIP(0), pod.Status.HostIP)
	for i := range pod.ManagedFields {
		entry := &pod.ManagedFields[i]
		entry.Time = &created
		entry.FieldsV1.SetRawString(addresses.Replace(entry.FieldsV1.GetRawString()))
	}
	return pod
}

// setNode puts the Pod on one of the nodes that the shop has; a DaemonSet has
// one on each.
func (w *workload) setNode(s *source, pod *corev1.Pod, ordinal int) {
	node := s.IntN(nodeCount)
	if w.kind == "DaemonSet" {
		node = ordinal
	}
	pod.Spec.NodeName = nodeName(node)
	pod.Status.HostIP = nodeIP(node)
	pod.Status.HostIPs = []corev1.HostIP{{IP: pod.Status.HostIP}}
}

// setStarted gives containers the identity of their own that a runtime would.
func (w *workload) setStarted(s *source, statuses []corev1.ContainerStatus, at metav1.Time) {
	for i := range statuses {
		status := &statuses[i]
		status.ContainerID = "containerd://" + s.hex(64)
		if status.State.Running != nil {
			status.State.Running.StartedAt = at
		}
		if ended := status.State.Terminated; ended != nil {
			ended.StartedAt, ended.FinishedAt, ended.ContainerID = at, at, status.ContainerID
		}
	}
}
