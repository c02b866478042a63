package main

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// setStatus makes the Pod one that a kubelet has reported as running, or as
// done if it is a Job's.
func (w *workload) setStatus(s *source, pod *corev1.Pod, at time.Time) {
	when := metav1.NewTime(at)
	pod.CreationTimestamp = when
	pod.Status = corev1.PodStatus{
		Phase:             corev1.PodRunning,
		QOSClass:          corev1.PodQOSBurstable,
		HostIP:            nodeIP(0),
		HostIPs:           []corev1.HostIP{{IP: nodeIP(0)}},
		PodIP:             exampleIP,
		PodIPs:            []corev1.PodIP{{IP: exampleIP}},
		StartTime:         &when,
		ContainerStatuses: containerStatuses(s, pod.Spec.Containers, w.kind == "Job", when),
	}
	pod.Status.InitContainerStatuses = containerStatuses(s, pod.Spec.InitContainers, true, when)
	ready := corev1.ConditionTrue
	if w.kind == "Job" {
		pod.Status.Phase = corev1.PodSucceeded
		ready = corev1.ConditionFalse
	}
	for _, condition := range []struct {
		name   corev1.PodConditionType
		status corev1.ConditionStatus
	}{
		{corev1.PodReadyToStartContainers, ready},
		{corev1.PodInitialized, corev1.ConditionTrue},
		{corev1.PodReady, ready},
		{corev1.ContainersReady, ready},
		{corev1.PodScheduled, corev1.ConditionTrue},
	} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: condition.name, Status: condition.status, LastTransitionTime: when,
		})
	}
}

// containerStatuses reports containers as running, or as ended well.
func containerStatuses(s *source, containers []corev1.Container, ended bool, at metav1.Time) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, c := range containers {
		status := corev1.ContainerStatus{
			Name:        c.Name,
			Image:       c.Image,
			ImageID:     c.Image + "@sha256:" + s.hex(64),
			ContainerID: "containerd://" + s.hex(64),
			Ready:       true,
			Started:     new(!ended),
		}
		if ended {
			status.State.Terminated = &corev1.ContainerStateTerminated{
				Reason: "Completed", StartedAt: at, FinishedAt: at, ContainerID: status.ContainerID,
			}
		} else {
			status.State.Running = &corev1.ContainerStateRunning{StartedAt: at}
		}
		statuses = append(statuses, status)
	}
	return statuses
}
