package main_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

// What is wrong is made so, and mended; the alerts of alerts/ fire and go away, in a
// Prometheus for which a minute of the rules is a second. Not among them, since no
// daemon can be brought there from outside: SidemirrorHeartbeatStale (whatever stops
// the loops stops the answers too) and SidemirrorLeaderCountNotOne (whoever runs is
// the leader). promtool's tests have those.
func TestAlertsFireForRealAndGoAwayOnceMended(t *testing.T) {
	stage := newAlertStage(t)
	c := kubetest.Start(t, kubetest.WithUser(viewer, viewerToken), kubetest.WithAPIServerArgs("watch-cache-sizes=configmaps#0"))
	defineCarts(t, c)
	var running sync.WaitGroup
	defer running.Wait()
	for name, scenario := range map[string]func(*testing.T, *alertStage, *kubetest.Cluster){
		"a store that is away, hangs, is slow and refuses": alertsOfTheStore,
		"an API server that can't be reached":              alertsOfTheConnection,
		"a slow run and a pause":                           alertsOfARun,
		"a user without permissions and versions that go":  alertsOfAResource,
	} {
		// They wait most of the time; -parallel would let as many run as there are cores.
		running.Go(func() { t.Run(name, func(t *testing.T) { scenario(t, stage, c) }) })
	}
}

func alertsOfTheStore(t *testing.T, stage *alertStage, c *kubetest.Cluster) {
	server := mongotest.Start(t)
	d := newMongoDaemon(t, c, server)
	d.args = append(d.args, "--resources", "configmaps,carts.shop.test")
	w := stage.scrape(d, "store")
	server.Stop()
	w.start()
	w.fire("SidemirrorSyncFailed")
	restart(t, server)
	w.fire()

	server.SetFault(hang("find"))
	w.stop()
	w.start()
	w.fire("SidemirrorInitialSyncOverdue", "SidemirrorSyncStalled")
	w.fire()

	server.SetFault(nil)
	server.Stop()
	createConfigMaps(t, c, "lost", 3)
	w.fire("SidemirrorEventsNotStored", "SidemirrorStoreErrorRatioHigh")
	restart(t, server)
	w.fire()

	server.SetFault(func(string, int) mongotest.Action { return mongotest.Action{Delay: 4 * time.Second} })
	stop := everySecond(t, func(i int) { createConfigMaps(t, c, fmt.Sprint("late-", i), 1) })
	w.fire("SidemirrorEventLagHigh")
	stop()
	server.SetFault(nil)
	w.fire()

	createRefusedCart(t, c)
	w.fire("SidemirrorDeadLetters")
	w.stop()
	w.start()
	w.fire()

	w.kill()
	w.fire("SidemirrorDown")
	w.start()
	w.fire()
}

func restart(t *testing.T, server *mongotest.Server) {
	t.Helper()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
}

// hang keeps the next two commands of a name, together for longer than the alerts of
// a run that doesn't get on take, and each for less than the store's patience of 30 s,
// with which the run would end.
func hang(name string) mongotest.Fault {
	var n atomic.Int32
	return func(cmd string, _ int) (a mongotest.Action) {
		if cmd == name && n.Add(1) <= 2 {
			a.Delay = 25 * time.Second
		}
		return a
	}
}

// everySecond calls do until stop, which waits for it.
func everySecond(t *testing.T, do func(i int)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := 0; ctx.Err() == nil; i++ {
			do(i)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func createConfigMaps(t testing.TB, c *kubetest.Cluster, name string, n int) {
	for i := range n {
		_, err := c.Client().CoreV1().ConfigMaps("default").Create(context.Background(),
			&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, i)}}, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("create ConfigMap: %v", err)
		}
	}
}

func defineCarts(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(crdResource).Create(t.Context(), cartDefinition(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	createCart(t, client, "first")
}

// createRefusedCart creates an object with a field that the store needs for itself.
func createRefusedCart(t *testing.T, c *kubetest.Cluster) {
	t.Helper()
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	cart := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "shop.test/v1", "kind": "Cart", "metadata": map[string]any{"name": "refused"}, "_mirror": "mine",
	}}
	if _, err := client.Resource(cartResource).Namespace("default").Create(t.Context(), cart, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func alertsOfTheConnection(t *testing.T, stage *alertStage, c *kubetest.Cluster) {
	between, kubeconfig := throughCutter(t, c)
	allow(t, c, "", "services")
	d := newDaemon(t, c, "--kubeconfig", kubeconfig, "--resources", "services")
	w := stage.scrape(d, "connection")
	w.start()
	w.waitCompleted()

	stop := everySecond(t, func(int) {
		if s, err := w.fetchStatus(); err == nil && resource(s, "services").Phase == syncer.PhaseWatching {
			between.cut()
		}
	})
	// A bookmark comes early where the version moves, and confirms the watch.
	moving := everySecond(t, func(i int) { createServices(t, c, i) })
	w.fire("SidemirrorClusterErrorRatioHigh")
	stop()
	moving()
	w.fire()

	between.shut(true)
	w.fire("SidemirrorWatchDown")
	between.shut(false)
	w.fire()
}

// throughCutter returns what stands between the viewer and the API server, and a
// kubeconfig that goes that way.
func throughCutter(t *testing.T, c *kubetest.Cluster) (*cutter, string) {
	t.Helper()
	config := c.Config()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	between := newCutter(t, target.Host)
	config.Host = "https://" + between.addr()
	return between, kubeconfigFor(t, config, viewerToken)
}

func createServices(t *testing.T, c *kubetest.Cluster, i int) {
	_, err := c.Client().CoreV1().Services("default").Create(context.Background(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("moving-", i)},
		Spec:       corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Errorf("create Service: %v", err)
	}
}

func alertsOfARun(t *testing.T, stage *alertStage, c *kubetest.Cluster) {
	server := mongotest.Start(t)
	d := newMongoDaemon(t, c, server)
	d.args = append(d.args, "--parallel", "1")
	w := stage.scrape(d, "run")
	w.start()
	w.waitScraped("sidemirror:sync_duration_seconds:last > 0") // the history
	w.fire()

	// Each resource takes a few seconds, so that the run gets on.
	server.SetFault(func(cmd string, _ int) (a mongotest.Action) {
		if cmd == "find" {
			a.Delay = 2500 * time.Millisecond
		}
		return a
	})
	if out, err := w.tryControl("start"); err != nil {
		t.Fatalf("start: %v\n%s", err, out)
	}
	w.fire("SidemirrorSyncSlow")
	server.SetFault(nil)
	w.fire()

	w.control("pause", "--reason", "maintenance")
	w.fire("SidemirrorPausedTooLong")
	w.control("resume")
	w.fire()
}

func alertsOfAResource(t *testing.T, stage *alertStage, c *kubetest.Cluster) {
	between, kubeconfig := throughCutter(t, c)
	allow(t, c, "", "pods")
	d := newDaemon(t, c, "--kubeconfig", kubeconfig, "--resources", "pods,configmaps")
	w := stage.scrape(d, "replicas")
	w.start()
	other := stage.scrape(newDaemon(t, c, "--resources", "namespaces"), "replicas")
	other.start()
	w.fire("SidemirrorPartial")
	allow(t, c, "", "configmaps")
	w.fire()

	for i := range 7 {
		w.expire(c, between, i)
	}
	w.fire("SidemirrorRelistStorm")
	for range 4 {
		w.control("start", "--resources", "pods")
		w.waitScraped(`sidemirror_sync_status{status="completed"} == 1`)
	}
	w.waitFiring("SidemirrorStatusFlapping")
	w.fire()

	signal := func(s syscall.Signal) {
		if err := w.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	w.fire("SidemirrorInstanceDown")
	other.fire()
	signal(syscall.SIGCONT)
	w.fire()
}

// waitFiring waits for one alert, whatever else fires.
func (w *watched) waitFiring(name string) {
	w.t.Helper()
	w.waitFor(name, func(*syncer.Status) bool {
		_, heard := w.firing()
		return slices.Contains(heard, name)
	})
}

// waitScraped waits until a query, as Prometheus answers it, has the daemon.
func (w *watched) waitScraped(query string) {
	w.t.Helper()
	w.waitFor(query, func(*syncer.Status) bool {
		var answer struct {
			Data struct {
				Result []struct{ Metric map[string]string }
			}
		}
		w.get(w.stage.prometheus+"/api/v1/query?query="+url.QueryEscape(query), &answer)
		return slices.ContainsFunc(answer.Data.Result, func(r struct{ Metric map[string]string }) bool { return w.mine(r.Metric) })
	})
}

// expire makes the version from which ConfigMaps would be watched on one that the
// cluster has forgotten. A connection that breaks in between ends the series of
// failures, so that the next one doesn't wait for half a minute.
func (w *watched) expire(c *kubetest.Cluster, between *cutter, i int) {
	w.t.Helper()
	before := resource(w.status(), "configmaps").Relists
	w.control("pause")
	createConfigMaps(w.t, c, fmt.Sprint("unseen-", i), 1)
	c.Compact()
	w.control("resume")
	w.waitFor("a list instead of the watch", func(s *syncer.Status) bool {
		r := resource(s, "configmaps")
		return r.Relists > before && r.Phase == syncer.PhaseWatching
	})
	between.cut()
	w.waitFor("the watch broken", func(s *syncer.Status) bool { return resource(s, "configmaps").Phase == syncer.PhaseRetrying })
}
