package main

import (
	"context"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shopStream keeps the shop apart from what a seed makes else.
const shopStream = 4 << 40

// shopTeams are the namespaces of the shop, each with the services in it.
var shopTeams = []struct {
	namespace string
	services  []string
	stateful  []string
	daemons   []string
	public    bool // reachable through Ingresses
}{
	{namespace: "storefront", public: true, services: []string{"web", "bff", "image-proxy", "sessions", "banners", "sitemap", "seo", "ab-testing"}},
	{namespace: "checkout", public: true, services: []string{"cart-api", "checkout-api", "pricing", "coupons", "tax", "order-writer", "order-reader", "fraud-check"}},
	{namespace: "catalog", services: []string{"catalog-api", "catalog-import", "media", "stock", "suppliers", "categories", "price-feed"}},
	{namespace: "search", public: true, services: []string{"search-api", "indexer", "suggest", "ranking"}, stateful: []string{"search-data"}},
	{namespace: "payments", services: []string{"payments-api", "ledger", "card-gateway", "refunds", "invoices", "reconciler"}},
	{namespace: "shipping", services: []string{"shipping-api", "labels", "tracking", "carriers", "returns", "warehouse-sync"}},
	{namespace: "accounts", public: true, services: []string{"login", "profile", "addresses", "consent", "loyalty", "mailer"}},
	{namespace: "recommendations", services: []string{"recommend-api", "trainer", "feature-store", "events"}},
	{namespace: "notifications", services: []string{"push", "email", "sms", "templates", "preferences"}},
	{namespace: "data", services: []string{"etl", "warehouse-api", "exports"}, stateful: []string{"orders-db", "catalog-db", "accounts-db", "cache", "queue"}},
	{namespace: "platform", services: []string{"gateway", "flags", "scheduler", "audit", "status-page"}, daemons: []string{"log-agent"}},
	{namespace: "observability", services: []string{"dashboards", "alerts", "traces"}, stateful: []string{"metrics"}, daemons: []string{"node-exporter", "trace-agent"}},
}

// shop fills in a web shop. Size scales the number of Pods, Jobs and carts, not
// that of services and nodes.
func (f *filler) shop(ctx context.Context, seed uint64, size float64) error {
	namespaces := make([]string, len(shopTeams))
	for i, team := range shopTeams {
		namespaces[i] = team.namespace
	}
	if err := f.ensureNamespaces(ctx, namespaces); err != nil {
		return err
	}
	if err := f.ensureCartDefinition(ctx); err != nil {
		return err
	}
	b := &shopBuilder{source: newSource(seed, shopStream), size: size}
	if err := b.build(); err != nil {
		return err
	}
	for _, o := range b.objects {
		f.counts[o.GetObjectKind().GroupVersionKind().Kind]++
	}
	f.counts["CustomResourceDefinition"]++
	err := f.storage.putAll(ctx, len(b.objects), func(i int) (object, error) {
		return b.objects[i], manageUnlessPod(b.objects[i])
	})
	if err != nil {
		return err
	}
	f.counts["Service"] += len(b.services)
	return f.createServices(ctx, b.services)
}

// manageUnlessPod adds managedFields; Pods have theirs from their example.
func manageUnlessPod(o object) error {
	if _, ok := o.(*corev1.Pod); ok {
		return nil
	}
	return manage(o, "helm", "kube-controller-manager")
}

// createServices creates the Services through the API server, which gives each
// an address. Those that are there already stay as they are.
func (f *filler) createServices(ctx context.Context, services []*corev1.Service) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, service := range services {
		group.Go(func() error {
			_, err := f.client.CoreV1().Services(service.Namespace).Create(ctx, service, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("create service %s/%s: %w", service.Namespace, service.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// shopBuilder collects the shop's objects; nothing is written meanwhile.
type shopBuilder struct {
	source   *source
	size     float64
	objects  []object
	services []*corev1.Service
}

func (b *shopBuilder) add(objects ...object) { b.objects = append(b.objects, objects...) }

// scaled returns n times the shop's size, at least 1.
func (b *shopBuilder) scaled(n int) int {
	return max(1, int(math.Round(float64(n)*b.size)))
}

func (b *shopBuilder) build() error {
	for i := range nodeCount {
		b.add(newNode(b.source, i))
	}
	for _, team := range shopTeams {
		for _, name := range team.services {
			if err := b.addService(team.namespace, name, team.public); err != nil {
				return err
			}
		}
		for _, name := range team.stateful {
			if err := b.addStateful(team.namespace, name); err != nil {
				return err
			}
		}
		for _, name := range team.daemons {
			if err := b.addDaemon(team.namespace, name); err != nil {
				return err
			}
		}
		if err := b.addBatch(team.namespace); err != nil {
			return err
		}
	}
	for i := range b.scaled(500) {
		b.add(newCart(b.source, i))
	}
	return nil
}

// workload makes one whose Pods have 3.5 to 9 KB.
func (b *shopBuilder) workload(kind, namespace, name, component string, replicas int) (*workload, error) {
	return newWorkload(b.source, workloadSpec{
		kind: kind, namespace: namespace, name: name, component: component,
		replicas: replicas, podBytes: 3500 + b.source.IntN(5500),
	})
}

func (b *shopBuilder) addPods(w *workload) {
	for i := range w.replicas {
		b.add(w.newPod(b.source, i))
	}
}

// addService adds a Deployment and all that hangs on it.
func (b *shopBuilder) addService(namespace, name string, public bool) error {
	w, err := b.workload("Deployment", namespace, name, "service", b.scaled(6+b.source.IntN(30)))
	if err != nil {
		return err
	}
	b.add(w.deployment(b.source))
	for back := range 2 + b.source.IntN(4) {
		b.add(w.replicaSet(b.source, back))
	}
	b.addPods(w)
	for _, suffix := range []string{"config", "flags", "dashboards", "certificates"}[:2+b.source.IntN(3)] {
		b.add(w.configMap(b.source, suffix))
	}
	service := w.service(b.source)
	service.UID, service.Spec.ClusterIP, service.Spec.ClusterIPs = "", "", nil
	b.services = append(b.services, service)
	if public {
		b.add(w.ingress(b.source))
	}
	return nil
}

// addStateful adds a StatefulSet with its headless Service.
func (b *shopBuilder) addStateful(namespace, name string) error {
	w, err := b.workload("StatefulSet", namespace, name, "database", b.scaled(3+b.source.IntN(6)))
	if err != nil {
		return err
	}
	b.add(w.statefulSet(b.source), w.service(b.source), w.configMap(b.source, "config"))
	b.addPods(w)
	return nil
}

// addDaemon adds a DaemonSet with a Pod on every node.
func (b *shopBuilder) addDaemon(namespace, name string) error {
	w, err := b.workload("DaemonSet", namespace, name, "agent", nodeCount)
	if err != nil {
		return err
	}
	b.add(w.daemonSet(b.source), w.configMap(b.source, "config"))
	b.addPods(w)
	return nil
}

// addBatch adds CronJobs, and the Jobs and Pods of their latest runs.
func (b *shopBuilder) addBatch(namespace string) error {
	for _, task := range []string{"cleanup", "report", "backup"} {
		cron, err := b.workload("Job", namespace, task, "batch", 1)
		if err != nil {
			return err
		}
		b.add(cron.cronJob(b.source))
		for run := range b.scaled(8) {
			name := fmt.Sprintf("%s-%08d", task, 29460000+run*1440)
			w, err := b.workload("Job", namespace, name, "batch", 1)
			if err != nil {
				return err
			}
			job := w.job(b.source)
			job.OwnerReferences = []metav1.OwnerReference{ownedBy("batch/v1", "CronJob", task, cron.uid)}
			b.add(job)
			b.addPods(w)
		}
	}
	return nil
}
