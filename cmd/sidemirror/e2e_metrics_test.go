package main_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// scrape reads metrics as text.
func scrape(t *testing.T, address string) (families map[string]*dto.MetricFamily, size int) {
	t.Helper()
	resp, err := http.Get(address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err = parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families, len(body)
}

func TestMetricsHaveAListenerOfTheirOwnIfAskedFor(t *testing.T) {
	c := kubetest.Start(t)
	own := "http://" + freeAddress(t)
	d := newDaemon(t, c, "--metrics-listen", strings.TrimPrefix(own, "http://"), "--resources", "namespaces")
	d.start()
	d.waitCompleted()
	families, _ := scrape(t, own)
	if sample(t, families["sidemirror_sync_status"], "completed") != 1 {
		t.Error("the metrics' listener doesn't tell that the sync completed")
	}
	for _, tt := range []struct {
		method, url string
		code        int
	}{
		{http.MethodGet, d.server + "/metrics", 404},
		{http.MethodGet, d.server + "/livez", 200},
		{http.MethodHead, own + "/metrics", 200},
		{http.MethodPost, own + "/metrics", 405},
		{http.MethodGet, own + "/api/v1/sync/status", 404},
		{http.MethodGet, own + "/api/v1/namespaces", 404},
		{http.MethodGet, own + "/", 404},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, tt.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.code {
			t.Errorf("%s %s = %d, want %d", tt.method, tt.url, resp.StatusCode, tt.code)
		}
		if kind := resp.Header.Get("Content-Type"); tt.code >= 400 && kind != "application/problem+json" {
			t.Errorf("%s %s = %d as %s, want a problem document", tt.method, tt.url, tt.code, kind)
		}
	}
	d.stop()
}

func TestMetricsArePushedUntilTheVeryEndAndNeverHurtTheSync(t *testing.T) {
	c := kubetest.Start(t)
	var newest atomic.Pointer[collector.ExportMetricsServiceRequest]
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var export collector.ExportMetricsServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &export)
		}
		if err != nil {
			t.Error(err)
		}
		newest.Store(&export)
	}))
	defer s.Close()
	t.Setenv("OTEL_METRICS_EXPORTER", "otlp")
	for name, endpoint := range map[string]string{"a collector": s.URL, "nobody": "http://" + freeAddress(t)} {
		t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint+"/v1/metrics")
		d := newDaemon(t, c, "--resources", "namespaces", "--cluster", "pushed")
		d.start()
		d.waitCompleted()
		d.stop()
		if told := strings.Contains(d.log.String(), "metric export fails"); told != (name == "nobody") {
			t.Errorf("pushing to %s: the log tells of a failure: %v", name, told)
		}
	}
	// The interval is a minute: what has come was sent at the end.
	got := map[string]bool{}
	var cluster string
	for _, of := range newest.Load().GetResourceMetrics() {
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "k8s.cluster.name" {
				cluster = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range of.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				got[m.GetName()] = true
			}
		}
	}
	if cluster != "pushed" {
		t.Errorf("k8s.cluster.name = %q, want pushed", cluster)
	}
	for _, m := range exporter.Catalogue() {
		if !got[m.Name] && !strings.HasPrefix(m.Name, "sidemirror_http_") {
			t.Errorf("%s wasn't pushed", m.Name)
		}
	}
}

// Every series of a daemon with hundreds of kinds of objects is one of a hundred
// resources or of all others, in a scrape that a Prometheus takes without a thought.
func TestHundredsOfCustomResourcesMakeABoundedScrape(t *testing.T) {
	const kinds = 300
	c := kubetest.Start(t)
	client, err := dynamic.NewForConfig(c.Config())
	if err != nil {
		t.Fatal(err)
	}
	for i := range kinds {
		crd := cartDefinition()
		name := fmt.Sprintf("kind%03d", i)
		crd.SetName(name + "s.shop.test")
		names := map[string]any{"plural": name + "s", "singular": name, "kind": "K" + name[1:]}
		crd.Object["spec"].(map[string]any)["names"] = names
		if _, err := client.Resource(crdResource).Create(t.Context(), crd, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	d := newDaemon(t, c, "--resources", "*", "--secrets", "plain")
	d.start()
	d.waitFor("every kind live", func(s *syncer.Status) bool { return s.Status == syncer.Completed && len(s.ResourceStatus) > kinds })
	families, size := scrape(t, d.server)
	for name, f := range families {
		resources := map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "resource" {
					resources[l.GetValue()] = true
				}
			}
		}
		if len(resources) > 0 && (len(resources) != 101 || !resources["other"]) {
			t.Errorf("%s has %d resources, want 100 and other", name, len(resources))
		}
	}
	var sum float64
	for _, m := range families["sidemirror_sync_resources"].GetMetric() {
		sum += m.GetGauge().GetValue()
	}
	if got := float64(len(d.status().ResourceStatus)); sum != got {
		t.Errorf("resources by status add up to %v, want %v", sum, got)
	}
	t.Logf("%d resources: %d families, %d bytes", len(d.status().ResourceStatus), len(families), size)
	if size > 2<<20 {
		t.Errorf("a scrape has %d bytes, want less than 2 MiB", size)
	}
	d.stop()
}
