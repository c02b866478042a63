package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func namespaceCells(n *corev1.Namespace, now time.Time) []string {
	return []string{n.Name, string(n.Status.Phase), age(n.CreationTimestamp, now)}
}

func configMapCells(c *corev1.ConfigMap, now time.Time) []string {
	return []string{c.Name, strconv.Itoa(len(c.Data) + len(c.BinaryData)), age(c.CreationTimestamp, now)}
}

func nodeCells(n *corev1.Node, now time.Time) []string {
	info := n.Status.NodeInfo
	kernel := orUnknown(info.KernelVersion)
	if info.Architecture != "" {
		kernel += " (" + info.Architecture + ")"
	}
	return []string{
		n.Name, nodeStatus(n), orNone(strings.Join(nodeRoles(n), ",")), age(n.CreationTimestamp, now), info.KubeletVersion,
		nodeAddress(n, corev1.NodeInternalIP), nodeAddress(n, corev1.NodeExternalIP),
		orUnknown(info.OSImage), kernel, orUnknown(info.ContainerRuntimeVersion),
	}
}

func orUnknown(text string) string {
	if text == "" {
		return "<unknown>"
	}
	return text
}

func nodeStatus(n *corev1.Node) string {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type != corev1.NodeReady:
		case c.Status == corev1.ConditionTrue:
			status = "Ready"
		default:
			status = "NotReady"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

func nodeRoles(n *corev1.Node) []string {
	var roles []string
	for name, value := range n.Labels {
		role, prefixed := strings.CutPrefix(name, "node-role.kubernetes.io/")
		if name == "kubernetes.io/role" {
			role, prefixed = value, true
		}
		if prefixed && role != "" {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

func nodeAddress(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == kind {
			return a.Address
		}
	}
	return "<none>"
}

func serviceCells(s *corev1.Service, now time.Time) []string {
	ip := "<none>"
	if len(s.Spec.ClusterIPs) > 0 {
		ip = s.Spec.ClusterIPs[0]
	}
	var ports []string
	for _, p := range s.Spec.Ports {
		node := ""
		if p.NodePort > 0 {
			node = fmt.Sprintf(":%d", p.NodePort)
		}
		ports = append(ports, fmt.Sprintf("%d%s/%s", p.Port, node, p.Protocol))
	}
	return []string{
		s.Name, string(s.Spec.Type), ip, externalIP(s), orNone(strings.Join(ports, ",")), age(s.CreationTimestamp, now),
		labels.FormatLabels(s.Spec.Selector),
	}
}

func externalIP(s *corev1.Service) string {
	var ips []string
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		for _, in := range s.Status.LoadBalancer.Ingress {
			ips = appendAddress(ips, in.IP, in.Hostname)
		}
		slices.Sort(ips)
		ips = slices.Compact(ips)
		if len(ips)+len(s.Spec.ExternalIPs) == 0 {
			return "<pending>"
		}
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
	default:
		return "<unknown>"
	}
	return orNone(strings.Join(append(ips, s.Spec.ExternalIPs...), ","))
}

func appendAddress(all []string, ip, hostname string) []string {
	switch {
	case ip != "":
		return append(all, ip)
	case hostname != "":
		return append(all, hostname)
	default:
		return all
	}
}

// maxHosts is how many hosts of an Ingress are shown.
const maxHosts = 3

func ingressCells(in *networkingv1.Ingress, now time.Time) []string {
	class := "<none>"
	if in.Spec.IngressClassName != nil {
		class = *in.Spec.IngressClassName
	}
	var addresses []string
	for _, a := range in.Status.LoadBalancer.Ingress {
		addresses = appendAddress(addresses, a.IP, a.Hostname)
	}
	slices.Sort(addresses)
	ports := "80"
	if len(in.Spec.TLS) > 0 {
		ports = "80, 443"
	}
	return []string{
		in.Name, class, ingressHosts(in.Spec.Rules), strings.Join(slices.Compact(addresses), ","), ports, age(in.CreationTimestamp, now),
	}
}

func ingressHosts(rules []networkingv1.IngressRule) string {
	var hosts []string
	for _, r := range rules {
		if len(hosts) == maxHosts {
			return fmt.Sprintf("%s + %d more...", strings.Join(hosts, ","), len(rules)-maxHosts)
		}
		if r.Host != "" {
			hosts = append(hosts, r.Host)
		}
	}
	if len(hosts) == 0 {
		return "*"
	}
	return strings.Join(hosts, ",")
}
