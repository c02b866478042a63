package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
	"github.com/sidemirror/sidemirror/syncer/mongo"
)

// benchPage is a list of n Pods, as kube-apiserver sends it. testdata/pods.json
// holds a few of those that devcluster makes: 8 KB each with managedFields,
// labels, several containers and conditions.
func benchPage(b *testing.B, n int) []byte {
	data, err := os.ReadFile("testdata/pods.json")
	if err != nil {
		b.Fatal(err)
	}
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(data, &list); err != nil {
		b.Fatal(err)
	}
	page := []byte(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"251"},"items":[`)
	for i := range n {
		if i > 0 {
			page = append(page, ',')
		}
		page = append(page, list.Items[i%len(list.Items)]...)
	}
	return append(page, `]}`...)
}

// inMemory answers every request with one page, without a network.
type inMemory []byte

func (page inMemory) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(page)),
	}, nil
}

// BenchmarkTranscodePod turns the bytes of a list into BSON documents, a page of
// 500 Pods an iteration: by the scanner and the encoder that the mirror uses, and
// by `unstructured` and bson.Marshal.
func BenchmarkTranscodePod(b *testing.B) {
	page := benchPage(b, benchPageSize)
	b.Run("Bytes", func(b *testing.B) { perPod(b, page, transcoder(b, page)) })
	b.Run("Unstructured", func(b *testing.B) { perPod(b, page, throughMaps(page)) })
}

// transcoder returns what lists the page and encodes each of its objects.
func transcoder(b *testing.B, page []byte) func() (int, error) {
	source, err := kube.New(kube.Options{
		Config: &rest.Config{Host: "http://memory", QPS: -1}, Resources: []string{"pods"},
		Transport: func(http.RoundTripper) http.RoundTripper { return inMemory(page) },
	})
	if err != nil {
		b.Fatal(err)
	}
	row := mongo.Row{Cluster: "bench", SyncedAt: time.Now()}
	var doc []byte
	documents := 0
	write := func(batch *syncer.Batch) (err error) {
		defer batch.Release()
		for i := range batch.Objects {
			if doc, err = mongo.AppendDocument(doc[:0], &batch.Objects[i], row); err != nil {
				return err
			}
		}
		documents += len(batch.Objects)
		return nil
	}
	return func() (int, error) {
		documents = 0
		_, err := source.List(context.Background(), syncer.Cell{Resource: podResource}, write)
		return documents, err
	}
}

func throughMaps(page []byte) func() (int, error) {
	return func() (int, error) {
		var list unstructured.UnstructuredList
		if err := list.UnmarshalJSON(page); err != nil {
			return 0, err
		}
		for i := range list.Items {
			if _, err := bson.Marshal(list.Items[i].Object); err != nil {
				return i, err
			}
		}
		return len(list.Items), nil
	}
}

// perPod measures convert, and reports what one Pod costs: time, CPU time of all
// threads with the collector's, which a busy machine changes less, and allocations.
func perPod(b *testing.B, page []byte, convert func() (documents int, err error)) {
	b.SetBytes(int64(len(page)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuSeconds(b)
	for b.Loop() {
		if n, err := convert(); err != nil || n != benchPageSize {
			b.Fatalf("got %d documents, %v, want %d", n, err, benchPageSize)
		}
	}
	pods := float64(b.N * benchPageSize)
	cpu = cpuSeconds(b) - cpu
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/pods, "ns/Pod")
	b.ReportMetric(cpu*1e9/pods, "cpu-ns/Pod")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/pods, "allocs/Pod")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/pods, "B/Pod")
	b.ReportMetric(float64(len(page))/benchPageSize, "json-B/Pod")
}
