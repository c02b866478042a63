package main

import (
	"context"
	"fmt"
	"sync"
)

const (
	// workloadsPerNamespace are those that Pods made by number belong to.
	workloadsPerNamespace = 10
	// mixedPodBytes sizes the Pod templates in mixed objects.
	mixedPodBytes = 6000
	// podStream and mixedStream keep the two apart from what a seed makes else.
	podStream   = 1 << 40
	mixedStream = 2 << 40
)

// load makes Pods and other objects by number, spread evenly over namespaces.
func (f *filler) load(ctx context.Context, o fillOptions) error {
	names := make([]string, o.namespaces)
	for i := range names {
		names[i] = fmt.Sprintf("load-%03d", i)
	}
	if err := f.ensureNamespaces(ctx, names); err != nil {
		return err
	}
	workloads, err := loadWorkloads(names, o)
	if err != nil {
		return err
	}
	err = f.storage.putAll(ctx, o.pods, func(i int) (object, error) {
		w := workloads[i%len(workloads)]
		return w.newPod(newSource(o.seed, podStream+uint64(i)), i/len(workloads)), nil
	})
	if err != nil {
		return err
	}
	if o.pods > 0 {
		f.counts["Pod"] += o.pods
	}
	for i := range o.mixed {
		f.counts[mixedKinds[i%len(mixedKinds)].kind]++
	}
	rounds := mixedRounds(o, names)
	return f.storage.putAll(ctx, o.mixed, func(i int) (object, error) {
		return mixedObject(o.seed, i, rounds)
	})
}

// loadWorkloads returns workloads such that neighbours are in different
// namespaces: a few Pods are spread over many of them, too.
func loadWorkloads(namespaces []string, o fillOptions) ([]*workload, error) {
	s := newSource(o.seed, 0)
	var workloads []*workload
	for i := range workloadsPerNamespace {
		for _, namespace := range namespaces {
			w, err := newWorkload(s, workloadSpec{
				kind: "Deployment", namespace: namespace, name: fmt.Sprintf("app-%02d", i),
				component: "backend", replicas: 1 + o.pods/(workloadsPerNamespace*len(namespaces)), podBytes: o.podBytes,
			})
			if err != nil {
				return nil, err
			}
			workloads = append(workloads, w)
		}
	}
	return workloads, nil
}

// mixedKinds is the order in which mixed objects take turns.
var mixedKinds = []struct {
	kind string
	make func(w *workload, s *source) object
}{
	{"ConfigMap", func(w *workload, s *source) object { return w.configMap(s, "config") }},
	{"Deployment", func(w *workload, s *source) object { return w.deployment(s) }},
	{"ReplicaSet", func(w *workload, s *source) object { return w.replicaSet(s, 0) }},
	{"Service", func(w *workload, s *source) object { return w.service(s) }},
	{"Job", func(w *workload, s *source) object { return w.job(s) }},
	{"ConfigMap", func(w *workload, s *source) object { return w.configMap(s, "dashboards") }},
	{"StatefulSet", func(w *workload, s *source) object { return w.statefulSet(s) }},
	{"DaemonSet", func(w *workload, s *source) object { return w.daemonSet(s) }},
	{"CronJob", func(w *workload, s *source) object { return w.cronJob(s) }},
	{"Ingress", func(w *workload, s *source) object { return w.ingress(s) }},
}

// mixedRounds returns, for each round of the kinds, the workload that its objects
// share, and with it a namespace and a name. It is made by whoever needs it first.
func mixedRounds(o fillOptions, namespaces []string) []func() (*workload, error) {
	rounds := make([]func() (*workload, error), (o.mixed+len(mixedKinds)-1)/len(mixedKinds))
	for i := range rounds {
		rounds[i] = sync.OnceValues(func() (*workload, error) {
			return newWorkload(newSource(o.seed, mixedStream+uint64(i)), workloadSpec{
				kind: "Deployment", namespace: namespaces[i%len(namespaces)], name: fmt.Sprintf("mixed-%05d", i),
				component: "backend", replicas: 1 + i%5, podBytes: mixedPodBytes,
			})
		})
	}
	return rounds
}

// mixedObject returns the i-th mixed object.
func mixedObject(seed uint64, i int, rounds []func() (*workload, error)) (object, error) {
	w, err := rounds[i/len(mixedKinds)]()
	if err != nil {
		return nil, err
	}
	o := mixedKinds[i%len(mixedKinds)].make(w, newSource(seed, mixedStream<<1+uint64(i)))
	return o, manage(o, "helm", "kube-controller-manager")
}
