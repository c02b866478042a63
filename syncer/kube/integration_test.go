package kube_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

func TestAgainstARealAPIServer(t *testing.T) {
	cluster := kubetest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	maps := cluster.Client().CoreV1().ConfigMaps("default")
	for i := range 7 {
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("m%d", i), Labels: map[string]string{"made": "here"}}}
		if _, err := maps.Create(ctx, m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := kube.New(kube.Options{Config: cluster.Config(), PageSize: 3, Resources: []string{"cm"}, LabelSelectors: map[string]string{"cm": "made=here"}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Discover(ctx)
	if err != nil || len(found.Cells) != 1 || found.Cells[0].Missing {
		t.Fatalf("got %v, %v", found, err)
	}
	cell := found.Cells[0].Cell
	if total, err := s.Total(ctx, syncer.Cell{Resource: withoutSelector(cell.Resource)}); err != nil || total < 7 {
		t.Errorf("Total = %d, %v; want 7 or more", total, err)
	}
	keys, rv, err := list(s, cell)
	if err != nil || len(keys) != 7 {
		t.Fatalf("got %v, %v", keys, err)
	}
	if err := maps.Delete(ctx, "m3", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w := &watcher{}
	if err := s.Watch(ctx, cell, syncer.WatchOptions{ResourceVersion: rv, Timeout: 4 * time.Second}, w); err != nil {
		t.Fatal(err)
	}
	if len(w.log) < 2 || !strings.HasPrefix(w.log[1], "DELETED default/m3 ") {
		t.Errorf("got calls %v", w.log)
	}
}

// withoutSelector is r as a whole: with a selector the server tells no total.
func withoutSelector(r syncer.Resource) syncer.Resource {
	r.LabelSelector = ""
	return r
}
