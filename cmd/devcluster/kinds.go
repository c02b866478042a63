package main

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// template is what the workload's controllers would make Pods from.
func (w *workload) template() corev1.PodTemplateSpec {
	spec := w.example.Spec.DeepCopy()
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: w.labels(), Annotations: w.example.Annotations},
		Spec:       *spec,
	}
}

func (w *workload) deployment(s *source) *appsv1.Deployment {
	n := int32(w.replicas)
	d := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: w.meta(s, w.name),
		Spec: appsv1.DeploymentSpec{
			Replicas:                &n,
			Selector:                w.selector(),
			Template:                w.template(),
			RevisionHistoryLimit:    new(int32(10)),
			ProgressDeadlineSeconds: new(int32(600)),
			Strategy:                appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType},
		},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n},
	}
	d.UID = w.uidOf("Deployment", d.UID)
	d.Annotations["deployment.kubernetes.io/revision"] = "1"
	at := metav1.NewTime(w.created)
	d.Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable", LastUpdateTime: at, LastTransitionTime: at},
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable", LastUpdateTime: at, LastTransitionTime: at},
	}
	return d
}

// replicaSet returns the Deployment's current set, or one that it keeps from an
// earlier revision: 0 is the current one.
func (w *workload) replicaSet(s *source, back int) *appsv1.ReplicaSet {
	name, n := w.setName(), int32(w.replicas)
	uid := w.setUID
	if back > 0 {
		name, n, uid = w.name+"-"+s.suffix(10), 0, s.uid()
	}
	r := &appsv1.ReplicaSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: w.meta(s, name),
		Spec:       appsv1.ReplicaSetSpec{Replicas: &n, Selector: w.selector(), Template: w.template()},
		Status:     appsv1.ReplicaSetStatus{ObservedGeneration: 1, Replicas: n, ReadyReplicas: n, AvailableReplicas: n, FullyLabeledReplicas: n},
	}
	r.UID = uid
	r.Labels["pod-template-hash"] = strings.TrimPrefix(name, w.name+"-")
	r.OwnerReferences = []metav1.OwnerReference{ownedBy("apps/v1", "Deployment", w.name, w.uid)}
	return r
}

func (w *workload) statefulSet(s *source) *appsv1.StatefulSet {
	n := int32(w.replicas)
	set := &appsv1.StatefulSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"},
		ObjectMeta: w.meta(s, w.name),
		Spec:       appsv1.StatefulSetSpec{Replicas: &n, Selector: w.selector(), Template: w.template(), ServiceName: w.name},
		Status:     appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: n, ReadyReplicas: n, CurrentReplicas: n, AvailableReplicas: n, CurrentRevision: w.setName(), UpdateRevision: w.setName()},
	}
	set.UID = w.uidOf("StatefulSet", set.UID)
	return set
}

func (w *workload) daemonSet(s *source) *appsv1.DaemonSet {
	n := int32(w.replicas)
	set := &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: w.meta(s, w.name),
		Spec:       appsv1.DaemonSetSpec{Selector: w.selector(), Template: w.template()},
		Status:     appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: n, CurrentNumberScheduled: n, NumberReady: n, NumberAvailable: n, UpdatedNumberScheduled: n},
	}
	set.UID = w.uidOf("DaemonSet", set.UID)
	return set
}

// job returns a Job that is done.
func (w *workload) job(s *source) *batchv1.Job {
	start, end := metav1.NewTime(w.created), metav1.NewTime(w.created.Add(3*time.Minute))
	job := &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: w.meta(s, w.name),
		Spec: batchv1.JobSpec{
			Parallelism: new(int32(1)), Completions: new(int32(1)), BackoffLimit: new(int32(6)), Template: w.template(),
			Selector: w.selector(),
		},
		Status: batchv1.JobStatus{StartTime: &start, CompletionTime: &end, Succeeded: 1, Conditions: []batchv1.JobCondition{
			{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastProbeTime: end, LastTransitionTime: end},
		}},
	}
	job.UID = w.uidOf("Job", job.UID)
	job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return job
}

func (w *workload) cronJob(s *source) *batchv1.CronJob {
	last := metav1.NewTime(w.created.Add(24 * time.Hour))
	job := w.job(s)
	job.Spec.Selector = nil
	return &batchv1.CronJob{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "CronJob"},
		ObjectMeta: w.meta(s, w.name),
		Spec: batchv1.CronJobSpec{
			Schedule:          fmt.Sprintf("%d %d * * *", s.IntN(60), s.IntN(24)),
			ConcurrencyPolicy: batchv1.ForbidConcurrent,
			JobTemplate:       batchv1.JobTemplateSpec{Spec: job.Spec},
		},
		Status: batchv1.CronJobStatus{LastScheduleTime: &last, LastSuccessfulTime: &last},
	}
}

// service returns a headless Service: one with an address needs the API server,
// which gives the addresses out.
func (w *workload) service(s *source) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: w.meta(s, w.name),
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: corev1.ClusterIPNone, ClusterIPs: []string{corev1.ClusterIPNone},
			Selector:   w.selector().MatchLabels,
			IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{
				{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http")},
			},
			SessionAffinity: corev1.ServiceAffinityNone,
		},
	}
}

// configMap returns a ConfigMap with this suffix, of one to four kilobytes.
func (w *workload) configMap(s *source, suffix string) *corev1.ConfigMap {
	var text strings.Builder
	fmt.Fprintf(&text, "service: %s\nlisten: 0.0.0.0:8080\nfeatures:\n", w.name)
	for i := range 15 + s.IntN(50) {
		fmt.Fprintf(&text, "  - name: feature-%03d\n    enabled: %t\n    key: %s\n", i, s.IntN(2) == 0, s.hex(16))
	}
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: w.meta(s, w.name+"-"+suffix),
		Data:       map[string]string{"config.yaml": text.String(), "version": w.version},
	}
}

func (w *workload) ingress(s *source) *networkingv1.Ingress {
	host := w.name + "." + w.namespace + ".shop.example.com"
	return &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: w.meta(s, w.name),
		Spec: networkingv1.IngressSpec{
			IngressClassName: new("nginx"),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: w.name + "-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: new(networkingv1.PathTypePrefix),
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: w.name, Port: networkingv1.ServiceBackendPort{Name: "http"},
					}},
				}}},
			}}},
		},
	}
}
