package main

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// nodeCount is how many nodes Pods are spread over.
const nodeCount = 40

func nodeName(i int) string { return fmt.Sprintf("node-%03d.eu-central.example.com", i) }

func nodeIP(i int) string { return fmt.Sprintf("10.90.%d.%d", i/200, 10+i%200) }

// newNode returns a node that reports to be ready.
func newNode(s *source, i int) *corev1.Node {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("16"),
		corev1.ResourceMemory: resource.MustParse("64Gi"),
		corev1.ResourcePods:   resource.MustParse("250"),
	}
	zone := fmt.Sprintf("eu-central-%c", 'a'+rune(i%3))
	node := &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			Name:              nodeName(i),
			UID:               s.uid(),
			CreationTimestamp: s.since(epoch, 24*time.Hour),
			Labels: map[string]string{
				"kubernetes.io/hostname":           nodeName(i),
				"kubernetes.io/os":                 "linux",
				"kubernetes.io/arch":               "amd64",
				"topology.kubernetes.io/region":    "eu-central",
				"topology.kubernetes.io/zone":      zone,
				"node.kubernetes.io/instance-type": "standard-16",
			},
			Annotations: map[string]string{"node.alpha.kubernetes.io/ttl": "0"},
		},
		Spec: corev1.NodeSpec{
			PodCIDR:    fmt.Sprintf("10.%d.%d.0/24", 100+i/200, i%200),
			PodCIDRs:   []string{fmt.Sprintf("10.%d.%d.0/24", 100+i/200, i%200)},
			ProviderID: "example://" + zone + "/" + s.hex(16),
		},
		Status: corev1.NodeStatus{
			Capacity:    capacity,
			Allocatable: capacity,
			Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeInternalIP, Address: nodeIP(i)},
				{Type: corev1.NodeHostName, Address: nodeName(i)},
			},
			NodeInfo: corev1.NodeSystemInfo{
				MachineID: s.hex(32), SystemUUID: string(s.uid()), BootID: string(s.uid()),
				KernelVersion: "6.12.41-amd64", OSImage: "Debian GNU/Linux 13 (trixie)", OperatingSystem: "linux",
				Architecture: "amd64", ContainerRuntimeVersion: "containerd://2.1.4", KubeletVersion: "v1.37.2",
			},
		},
	}
	node.Status.Conditions = nodeConditions(node.CreationTimestamp)
	return node
}

func nodeConditions(at metav1.Time) []corev1.NodeCondition {
	condition := func(name corev1.NodeConditionType, status corev1.ConditionStatus, reason string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: name, Status: status, Reason: reason, LastHeartbeatTime: at, LastTransitionTime: at}
	}
	return []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory"),
		condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure"),
		condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID"),
		condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady"),
	}
}
