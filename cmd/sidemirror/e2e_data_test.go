package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/kubernetes"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// objectList is a list of either server.
type objectList struct {
	Kind, APIVersion string
	Metadata         struct{ Continue, ResourceVersion string }
	Items            []map[string]any
}

func decodeList(t *testing.T, r io.Reader) (l objectList) {
	t.Helper()
	d := json.NewDecoder(r)
	d.UseNumber()
	if err := d.Decode(&l); err != nil {
		t.Fatal(err)
	}
	return l
}

// clusterList is what the API server lists, pruned as the mirror promises.
func clusterList(t *testing.T, client kubernetes.Interface, r syncer.ResourceStatus, query url.Values) objectList {
	t.Helper()
	path := "/api/" + r.Version
	if r.Group != "" {
		path = "/apis/" + r.Group + "/" + r.Version
	}
	name, _, _ := strings.Cut(r.Name, ".")
	request := client.Discovery().RESTClient().Get().AbsPath(path, name)
	for key, values := range query {
		request.Param(key, values[0])
	}
	body, err := request.Stream(t.Context())
	if err != nil {
		t.Fatalf("list %s: %v", r.Name, err)
	}
	defer body.Close()
	l := decodeList(t, body)
	for _, item := range l.Items {
		item["kind"], item["apiVersion"] = r.Resource, l.APIVersion
		meta := item["metadata"].(map[string]any)
		delete(meta, "managedFields")
		if annotations, ok := meta["annotations"].(map[string]any); ok && annotations[lastApplied] != nil {
			if delete(annotations, lastApplied); len(annotations) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	return l
}

// list asks the daemon.
func (d *daemon) list(t *testing.T, resource string, query url.Values) objectList {
	t.Helper()
	res, err := http.Get(d.server + "/api/v1/" + resource + "?" + query.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("list %s?%s: %s: %s", resource, query.Encode(), res.Status, body)
	}
	return decodeList(t, res.Body)
}

func objectKeys(l objectList) []string {
	var keys []string
	for _, item := range l.Items {
		meta := item["metadata"].(map[string]any)
		keys = append(keys, fmt.Sprint(meta["namespace"], "/", meta["name"], " ", meta["uid"]))
	}
	return keys
}

// commandNames is what -o name prints of a list.
func commandNames(r syncer.ResourceStatus, l objectList) string {
	kind := strings.ToLower(r.Resource)
	if r.Group != "" {
		kind += "." + r.Group
	}
	var lines strings.Builder
	for _, item := range l.Items {
		fmt.Fprintf(&lines, "%s/%s\n", kind, item["metadata"].(map[string]any)["name"])
	}
	return lines.String()
}

// eachStore runs a test on a daemon that mirrors c into either store, and has
// completed its first sync.
func eachStore(t *testing.T, c *kubetest.Cluster, test func(t *testing.T, d *daemon)) {
	for name, prepare := range map[string]func(t *testing.T) *daemon{
		"SQLite":  func(t *testing.T) *daemon { return newDaemon(t, c) },
		"MongoDB": func(t *testing.T) *daemon { return newMongoDaemon(t, c, mongotest.Start(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			d := prepare(t)
			d.start()
			d.waitCompleted()
			test(t, d)
			d.stop()
		})
	}
}

func TestMirrorListsWhatTheAPIServerLists(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "300", "--mixed", "200", "--shop", "--shop-size", "0.1")
	client := c.Client()
	eachStore(t, c, func(t *testing.T, d *daemon) {
		for _, r := range d.status().ResourceStatus {
			want, got := clusterList(t, client, r, nil), d.list(t, r.Name, nil)
			if len(want.Items) == 0 {
				t.Errorf("the cluster has no %s: the test shows nothing", r.Name)
			}
			got.Metadata, want.Metadata = objectList{}.Metadata, objectList{}.Metadata
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%.2000s", r.Name, diff)
			}
			printed, err := exec.Command(d.path, "get", r.Name, "-o", "name", "--chunk-size", "7", "--server", d.server).CombinedOutput()
			if diff := cmp.Diff(commandNames(r, want), string(printed)); err != nil || diff != "" {
				t.Errorf("get %s: %v (-want +got):\n%.2000s", r.Name, err, diff)
			}
		}
		sameSelections(t, client, d)
	})
}

// sameSelections holds both servers to one answer to each selector.
func sameSelections(t *testing.T, client kubernetes.Interface, d *daemon) {
	pods := resource(d.status(), "pods")
	first := clusterList(t, client, pods, nil).Items[7]["metadata"].(map[string]any)
	labels := first["labels"].(map[string]any)
	app := "app.kubernetes.io/name=" + labels["app.kubernetes.io/name"].(string)
	for _, query := range []url.Values{
		{"labelSelector": {app}},
		{"labelSelector": {strings.Replace(app, "=", "!=", 1)}},
		{"labelSelector": {strings.Replace(app, "=", " in (none,", 1) + ")"}},
		{"labelSelector": {strings.Replace(app, "=", " notin (none,", 1) + ")"}},
		{"labelSelector": {"pod-template-hash"}},
		{"labelSelector": {"!pod-template-hash"}},
		{"labelSelector": {"!pod-template-hash," + app}},
		{"labelSelector": {"apps.kubernetes.io/pod-index>0"}},
		{"labelSelector": {"apps.kubernetes.io/pod-index<1"}},
		{"labelSelector": {"none=here"}},
		{"fieldSelector": {"metadata.name=" + first["name"].(string)}},
		{"fieldSelector": {"metadata.namespace==" + first["namespace"].(string)}},
		{"fieldSelector": {"metadata.namespace!=" + first["namespace"].(string)}},
		{"fieldSelector": {"metadata.namespace=" + first["namespace"].(string)}, "labelSelector": {"pod-template-hash"}},
	} {
		want, got := objectKeys(clusterList(t, client, pods, query)), objectKeys(d.list(t, "pods", query))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.2000s", query.Encode(), diff)
		}
	}
}

func TestPagesOfTheMirrorUnderChurnHaveEachStableObjectOnce(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "300")
	client := c.Client()
	eachStore(t, c, func(t *testing.T, d *daemon) {
		pods := resource(d.status(), "pods")
		before := objectKeys(clusterList(t, client, pods, nil))
		churned := make(chan struct{})
		go func() {
			defer close(churned)
			c.Churn("--rate", "150", "--count", "450", "--seed", fmt.Sprint(time.Now().UnixNano()))
		}()
		seen := map[string]int{}
		for rounds, churning := 0, true; churning || rounds == 0; rounds++ {
			clear(seen)
			select {
			case <-churned:
				churning = false
			default:
			}
			query := url.Values{"limit": {"7"}}
			for {
				l := d.list(t, "pods", query)
				for _, key := range objectKeys(l) {
					seen[key]++
				}
				if l.Metadata.Continue == "" {
					break
				}
				query.Set("continue", l.Metadata.Continue)
			}
			after := objectKeys(clusterList(t, client, pods, nil))
			for _, key := range before {
				if slices.Contains(after, key) && seen[key] != 1 {
					t.Errorf("round %d: %s was on %d pages, want 1", rounds, key, seen[key])
				}
			}
		}
	})
}

// A restart while the API server is away doesn't hide what is mirrored.
func TestOldMirrorStaysReadableAfterARestartWithoutTheAPIServer(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "30")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	d.stop()
	c.Kill()
	d.start()
	d.waitFor("the resources of before", func(s *syncer.Status) bool { return s.TotalResources > 0 })
	resp, err := http.Get(d.server + "/api/v1/pods")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if l := decodeList(t, resp.Body); len(l.Items) != 30 || l.Kind != "PodList" || l.APIVersion != "v1" {
		t.Errorf("%d items of %s %s, want the 30 Pods of before", len(l.Items), l.APIVersion, l.Kind)
	}
	if resp.Header.Get("Warning") == "" {
		t.Error("nothing says that the Pods may be old")
	}
	c.Restart()
	d.waitCompleted()
	d.verify()
	d.stop()
}
