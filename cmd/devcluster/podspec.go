package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// podSpec returns what the workload's Pods run: the application, and what
// the shape adds to it. Jobs run alone.
func (w *workload) podSpec(s *source, sh shape) corev1.PodSpec {
	grace, seconds := int64(30), int64(300)
	spec := corev1.PodSpec{
		Containers:                    []corev1.Container{w.appContainer(s, sh.bare)},
		Volumes:                       w.volumes(sh.bare),
		RestartPolicy:                 corev1.RestartPolicyAlways,
		TerminationGracePeriodSeconds: &grace,
		DNSPolicy:                     corev1.DNSClusterFirst,
		ServiceAccountName:            w.name,
		DeprecatedServiceAccount:      w.name,
		SecurityContext:               &corev1.PodSecurityContext{RunAsUser: new(int64(65532)), FSGroup: new(int64(65532))},
		SchedulerName:                 corev1.DefaultSchedulerName,
		Priority:                      new(int32),
		EnableServiceLinks:            new(false),
		PreemptionPolicy:              new(corev1.PreemptLowerPriority),
		Tolerations: []corev1.Toleration{
			{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
			{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
		},
	}
	if w.kind == "Job" {
		spec.RestartPolicy = corev1.RestartPolicyNever
		return spec
	}
	spec.Containers = append(spec.Containers, w.sidecars()[:sh.sidecars]...)
	if sh.init {
		spec.InitContainers = []corev1.Container{w.container("migrate", w.partOf+"/migrate:"+w.version, sh.bare)}
	}
	return spec
}

func (w *workload) sidecars() []corev1.Container {
	return []corev1.Container{
		w.container("proxy", "mesh/proxyv2:1.27.3", false),
		w.container("log-shipper", "observability/fluent-bit:4.1.0", false),
	}
}

func (w *workload) appContainer(s *source, bare bool) corev1.Container {
	c := w.container("app", w.partOf+"/"+w.name+":"+w.version, bare)
	c.Args = []string{"serve", "--config=/etc/" + w.name + "/config.yaml", fmt.Sprintf("--workers=%d", 2+s.IntN(14))}
	c.Ports = []corev1.ContainerPort{
		{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP},
		{Name: "metrics", ContainerPort: 9090, Protocol: corev1.ProtocolTCP},
	}
	c.Env = append(c.Env,
		corev1.EnvVar{Name: "LOG_LEVEL", Value: "info"},
		corev1.EnvVar{Name: "DATABASE_PASSWORD", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{
				LocalObjectReference: corev1.LocalObjectReference{Name: w.name + "-db"}, Key: "password",
			},
		}},
	)
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "config", MountPath: "/etc/" + w.name, ReadOnly: true})
	if bare {
		return c
	}
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
	c.LivenessProbe = probe("/livez", 10)
	c.ReadinessProbe = probe("/readyz", 5)
	return c
}

// container returns a container with what every container here has.
func (w *workload) container(name, image string, bare bool) corev1.Container {
	c := corev1.Container{
		Name:            name,
		Image:           "registry.example.com/" + image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Env: []corev1.EnvVar{
			{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"},
			}},
		},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		},
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	if !bare {
		c.VolumeMounts = []corev1.VolumeMount{
			{Name: tokenVolume, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true},
		}
	}
	return c
}

func probe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds: period, TimeoutSeconds: 1, SuccessThreshold: 1, FailureThreshold: 3,
	}
}

// tokenVolume is the volume with which Pods reach the API server.
const tokenVolume = "kube-api-access"

func (w *workload) volumes(bare bool) []corev1.Volume {
	mode, expiry := int32(420), int64(3607)
	volumes := []corev1.Volume{
		{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: w.name + "-config"}, DefaultMode: &mode,
		}}},
	}
	if bare {
		return volumes
	}
	return append(volumes, corev1.Volume{
		Name: tokenVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			DefaultMode: &mode,
			Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &expiry, Path: "token"}},
				{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
					Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
				}},
			},
		}},
	})
}
