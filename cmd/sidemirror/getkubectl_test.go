package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// kubectl prints what the API server puts into a table; so does get.
func TestTablesAreTheAPIServers(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "300", "--mixed", "200", "--shop", "--shop-size", "0.1")
	client := c.Client()
	for kind := range kindTables {
		t.Run(kind, func(t *testing.T) {
			apiVersion, listKind, _ := strings.Cut(kind, " ")
			path := "/apis/" + apiVersion + "/" + plural(listKind)
			if apiVersion == "v1" {
				path = "/api/v1/" + plural(listKind)
			}
			// Ages tick once a second: one of a few looks falls into one second.
			diff := ""
			for range 10 {
				if diff = tablesDiffer(t, client, path, kindTables[kind]); diff == "" {
					return
				}
			}
			t.Errorf("(-API server +get):\n%.3000s", diff)
		})
	}
}

func plural(listKind string) string {
	name := strings.ToLower(strings.TrimSuffix(listKind, "List"))
	if name == "ingress" {
		return "ingresses"
	}
	return name + "s"
}

func fetch(t *testing.T, client kubernetes.Interface, path, accept string, into any) {
	t.Helper()
	data, err := client.Discovery().RESTClient().Get().AbsPath(path).SetHeader("Accept", accept).DoRaw(t.Context())
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("list %s as %s: %v", path, accept, err)
	}
}

// tablesDiffer holds the columns and every cell of a resource against the server's.
func tablesDiffer(t *testing.T, client kubernetes.Interface, path string, table kindTable) string {
	t.Helper()
	var theirs metav1.Table
	var objects struct{ Items []json.RawMessage }
	fetch(t, client, path, "application/json", &objects)
	fetch(t, client, path, "application/json;as=Table;v=v1;g=meta.k8s.io", &theirs)
	if len(objects.Items) == 0 {
		t.Fatal("the cluster has none: the test shows nothing")
	}
	var want, got [][]string
	columns, narrow := []string{}, 0
	for _, c := range theirs.ColumnDefinitions {
		columns = append(columns, strings.ToUpper(c.Name))
		if c.Priority == 0 {
			narrow++
		}
	}
	if diff := cmp.Diff(columns, table.columns); diff != "" || narrow != table.narrow {
		t.Fatalf("columns, %d and %d of them without -o wide (-API server +get):\n%s", narrow, table.narrow, diff)
	}
	for _, row := range theirs.Rows {
		var cells []string
		for i, cell := range row.Cells {
			text := fmt.Sprint(cell)
			if theirs.ColumnDefinitions[i].Type == "boolean" {
				text = strings.ToUpper(text[:1]) + text[1:]
			}
			cells = append(cells, text)
		}
		want = append(want, cells)
	}
	now := time.Now()
	for _, item := range objects.Items {
		cells, err := table.cells(item, now)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, cells)
	}
	slices.SortFunc(want, slices.Compare)
	slices.SortFunc(got, slices.Compare)
	return cmp.Diff(want, got)
}
