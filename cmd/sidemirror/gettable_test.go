package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func meta(name string, old time.Duration) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "shop", CreationTimestamp: metav1.NewTime(noon.Add(-old))}
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }

func template(names ...string) (t corev1.PodTemplateSpec) {
	for _, name := range names {
		t.Spec.Containers = append(t.Spec.Containers, corev1.Container{Name: name, Image: "shop/" + name + ":1.2"})
	}
	return t
}

func container(name string, ready bool, restarts int32, state corev1.ContainerState) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: name, Ready: ready, RestartCount: restarts, State: state}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
}

func ended(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}
}

// newPod is a Pod of two containers.
func newPod(name string, old time.Duration, phase corev1.PodPhase, containers ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: meta(name, old), Spec: corev1.PodSpec{Containers: template("app", "log").Spec.Containers},
		Status: corev1.PodStatus{Phase: phase, ContainerStatuses: containers},
	}
}

func examplePods() []any {
	healthy := newPod("healthy", 90*time.Minute, corev1.PodRunning, container("app", true, 2, running()), container("log", true, 0, running()))
	healthy.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{FinishedAt: ago(5 * time.Minute)}
	healthy.Spec.NodeName, healthy.Status.PodIPs = "n1", []corev1.PodIP{{IP: "10.0.0.7"}}
	healthy.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "lb"}}
	deleted := newPod("deleted", time.Hour, corev1.PodRunning, container("app", true, 0, running()))
	deleted.DeletionTimestamp = new(ago(time.Second))
	lost := newPod("lost", time.Hour, corev1.PodRunning)
	lost.DeletionTimestamp, lost.Status.Reason = new(ago(time.Second)), "NodeLost"
	gated := newPod("gated", time.Second, corev1.PodPending)
	gated.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Reason: corev1.PodReasonSchedulingGated}}
	starting := newPod("starting", 3*time.Second, corev1.PodPending)
	starting.Spec.InitContainers = template("copy", "side").Spec.Containers
	starting.Status.InitContainerStatuses = []corev1.ContainerStatus{container("copy", false, 0, running())}
	broken := newPod("broken-start", time.Minute, corev1.PodPending)
	broken.Spec.InitContainers = template("copy").Spec.Containers
	broken.Status.InitContainerStatuses = []corev1.ContainerStatus{container("copy", false, 3, ended(1, ""))}
	sidecar := newPod("sidecar", 25*time.Hour, corev1.PodRunning, container("app", true, 0, running()), container("log", true, 0, running()))
	sidecar.Spec.InitContainers = template("side").Spec.Containers
	sidecar.Spec.InitContainers[0].RestartPolicy = new(corev1.ContainerRestartPolicyAlways)
	sidecar.Status.InitContainerStatuses = []corev1.ContainerStatus{container("side", true, 1, running())}
	sidecar.Status.InitContainerStatuses[0].Started = new(true)
	evicted := newPod("evicted", 400*24*time.Hour, corev1.PodFailed)
	evicted.Status.Reason = "Evicted"
	return []any{
		healthy, deleted, lost, gated, starting, broken, sidecar, evicted,
		newPod("looping", 10*time.Minute, corev1.PodRunning, container("app", false, 12, waiting("CrashLoopBackOff")), container("log", true, 0, running())),
		newPod("half", 10*time.Minute, corev1.PodRunning, container("app", false, 0, ended(0, "Completed")), container("log", true, 0, running())),
		newPod("done", 48*time.Hour, corev1.PodSucceeded, container("app", false, 0, ended(0, "Completed"))),
		newPod("killed", 8*24*time.Hour, corev1.PodFailed, container("app", false, 0, ended(137, "OOMKilled"))),
		newPod("rude\x1b[31m", time.Minute, corev1.PodPending),
	}
}

func exampleNodes() []any {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: ago(100 * 24 * time.Hour), Labels: map[string]string{
		"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker",
	}}}
	n.Spec.Unschedulable = true
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}}
	n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", OSImage: "Debian", KernelVersion: "6.1", Architecture: "arm64"}
	gone := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2"}}
	gone.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}}
	return []any{n, gone}
}

func exampleServices() []any {
	port := corev1.ServicePort{Port: 80, Protocol: corev1.ProtocolTCP}
	node := corev1.ServicePort{Port: 443, NodePort: 30443, Protocol: corev1.ProtocolTCP}
	plain := corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, ClusterIPs: []string{"10.0.0.1"}, Ports: []corev1.ServicePort{port}, Selector: map[string]string{"app": "web", "a": "b"}}
	balanced := corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, ClusterIPs: []string{"10.0.0.2"}, Ports: []corev1.ServicePort{port, node}, ExternalIPs: []string{"192.0.2.9"}}
	pending := balanced
	pending.ExternalIPs = nil
	return []any{
		&corev1.Service{ObjectMeta: meta("plain", time.Hour), Spec: plain},
		&corev1.Service{ObjectMeta: meta("balanced", time.Hour), Spec: balanced, Status: corev1.ServiceStatus{
			LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}}}}},
		&corev1.Service{ObjectMeta: meta("pending", time.Hour), Spec: pending},
		&corev1.Service{ObjectMeta: meta("elsewhere", time.Hour), Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "db.example.com"}},
	}
}

func exampleWorkloads() map[string][]any {
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	deployment := &appsv1.Deployment{ObjectMeta: meta("web", 36*time.Hour), Spec: appsv1.DeploymentSpec{Replicas: new(int32(3)), Selector: selector, Template: template("app", "log")}}
	deployment.Status = appsv1.DeploymentStatus{ReadyReplicas: 2, UpdatedReplicas: 3, AvailableReplicas: 2}
	set := &appsv1.StatefulSet{ObjectMeta: meta("db", 36*time.Hour), Spec: appsv1.StatefulSetSpec{Template: template("db")}}
	daemon := &appsv1.DaemonSet{ObjectMeta: meta("agent", 36*time.Hour), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template("agent")}}
	daemon.Spec.Template.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	daemon.Status = appsv1.DaemonSetStatus{DesiredNumberScheduled: 5, CurrentNumberScheduled: 4, NumberReady: 3, UpdatedNumberScheduled: 2, NumberAvailable: 1}
	job := &batchv1.Job{ObjectMeta: meta("done", time.Hour), Spec: batchv1.JobSpec{Completions: new(int32(1)), Template: template("job"), Selector: selector}}
	job.Status = batchv1.JobStatus{Succeeded: 1, StartTime: new(ago(time.Hour)), CompletionTime: new(ago(59 * time.Minute)),
		Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}}
	queue := &batchv1.Job{ObjectMeta: meta("queue", time.Hour), Spec: batchv1.JobSpec{Parallelism: new(int32(4)), Template: template("job")}}
	queue.Status.StartTime = new(ago(time.Hour))
	cron := &batchv1.CronJob{ObjectMeta: meta("nightly", time.Hour), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", TimeZone: new("Europe/Berlin"), Suspend: new(false)}}
	cron.Spec.JobTemplate.Spec.Template = template("job")
	cron.Status = batchv1.CronJobStatus{Active: make([]corev1.ObjectReference, 2), LastScheduleTime: new(ago(9 * time.Hour))}
	return map[string][]any{
		"apps/v1 DeploymentList": {deployment}, "apps/v1 StatefulSetList": {set}, "apps/v1 DaemonSetList": {daemon},
		"batch/v1 JobList": {job, queue}, "batch/v1 CronJobList": {cron, &batchv1.CronJob{ObjectMeta: meta("new", time.Second)}},
	}
}

func exampleIngresses() []any {
	var many []networkingv1.IngressRule
	for i := range 5 {
		many = append(many, networkingv1.IngressRule{Host: fmt.Sprintf("h%d.example.com", i)})
	}
	status := networkingv1.IngressStatus{LoadBalancer: networkingv1.IngressLoadBalancerStatus{Ingress: []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.2"}, {IP: "192.0.2.1"}}}}
	return []any{
		&networkingv1.Ingress{ObjectMeta: meta("any", time.Hour)},
		&networkingv1.Ingress{ObjectMeta: meta("many", time.Hour), Status: status,
			Spec: networkingv1.IngressSpec{IngressClassName: new("nginx"), Rules: many, TLS: make([]networkingv1.IngressTLS, 1)}},
	}
}

func TestTables(t *testing.T) {
	examples := exampleWorkloads()
	examples["v1 PodList"], examples["v1 NodeList"], examples["v1 ServiceList"] = examplePods(), exampleNodes(), exampleServices()
	examples["networking.k8s.io/v1 IngressList"] = exampleIngresses()
	examples["v1 NamespaceList"] = []any{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive}}}
	examples["v1 ConfigMapList"] = []any{&corev1.ConfigMap{ObjectMeta: meta("settings", time.Hour), Data: map[string]string{"a": "", "b": ""}, BinaryData: map[string][]byte{"c": nil}}}
	order := []string{
		"v1 NamespaceList", "v1 NodeList", "v1 PodList", "v1 ServiceList", "v1 ConfigMapList", "apps/v1 DeploymentList", "apps/v1 StatefulSetList",
		"apps/v1 DaemonSetList", "batch/v1 JobList", "batch/v1 CronJobList", "networking.k8s.io/v1 IngressList", "shop.test/v1 CartList",
	}
	examples["shop.test/v1 CartList"] = []any{&metav1.PartialObjectMetadata{ObjectMeta: meta("cart", time.Hour)}, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "ageless", Namespace: "longer"}}}
	for _, wide := range []bool{false, true} {
		var out bytes.Buffer
		for _, kind := range order {
			p := &tablePrinter{w: &out, now: func() time.Time { return noon }, wide: wide, namespaces: true}
			page := &objectPage{}
			if _, err := fmt.Sscan(kind, &page.APIVersion, &page.Kind); err != nil {
				t.Fatal(err)
			}
			for _, o := range examples[kind] {
				item, err := json.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.item(page, item); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.end(true); err != nil {
				t.Fatal(err)
			}
			out.WriteByte('\n')
		}
		golden(t, map[bool]string{false: "get_tables.txt", true: "get_tables_wide.txt"}[wide], out.String())
	}
}
