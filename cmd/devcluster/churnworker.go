package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// churnStream keeps churn apart from what a seed makes else.
	churnStream = 8 << 40
	// churnBackoff is how long a worker rests after an error, so that it doesn't
	// spin while the API server restarts.
	churnBackoff = 200 * time.Millisecond
)

// churnWorker changes objects that no other worker touches, so that its
// operations don't conflict. It is for one goroutine.
type churnWorker struct {
	prefix      string // of the names of what it creates
	source      *source
	template    *workload // what created objects are made from
	populations []*population
	serial      int
	tally       tally
}

// newChurnWorker returns a worker without objects. Run tells what it creates from
// what an earlier churn with the same seed did.
func newChurnWorker(run string, seed uint64, id int) (*churnWorker, error) {
	s := newSource(seed, churnStream+uint64(id))
	template, err := newWorkload(s, workloadSpec{
		kind: "Deployment", namespace: churnNamespace, name: "churn", component: "backend", replicas: 1, podBytes: 5000,
	})
	return &churnWorker{prefix: fmt.Sprintf("churn-%s-%d", run, id), source: s, template: template}, err
}

// step does one operation and counts it. An object that somebody else deleted is
// forgotten; the operation then counts as failed.
func (w *churnWorker) step(ctx context.Context) {
	p := w.populations[w.source.IntN(len(w.populations))]
	err := w.operate(ctx, p)
	if err == nil || ctx.Err() != nil {
		return
	}
	w.tally.failed++
	w.tally.lastError = err
	if apierrors.IsNotFound(err) {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(churnBackoff):
	}
}

// operate chooses an operation and an object. Creations and deletions balance.
func (w *churnWorker) operate(ctx context.Context, p *population) error {
	choice := w.source.IntN(100)
	if len(p.targets) == 0 || choice < 10 {
		return w.create(ctx, p)
	}
	at := w.source.IntN(len(p.targets))
	switch t := p.targets[at]; {
	case choice < 20:
		return w.delete(ctx, p, at)
	case choice < 30:
		return w.recreate(ctx, p, at)
	case choice < 50 && p.kind.status != nil:
		return w.update(ctx, p, at, p.kind.status(w.source), "status")
	case choice < 65 && p.kind.scalable:
		return w.update(ctx, p, at, map[string]any{"spec": map[string]any{"replicas": w.source.IntN(20)}})
	case choice < 75 && p.kind.data != nil:
		return w.update(ctx, p, at, p.kind.data(w.source))
	default:
		return w.update(ctx, p, at, map[string]any{"metadata": map[string]any{
			"labels": map[string]any{"churned": fmt.Sprintf("%s-%s", t.name[:1], w.source.hex(8))},
		}})
	}
}

func (w *churnWorker) update(ctx context.Context, p *population, at int, patch map[string]any, subresource ...string) error {
	t := p.targets[at]
	data, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("marshal a patch: %w", err)
	}
	_, err = p.client.Namespace(t.namespace).Patch(ctx, t.name, types.MergePatchType, data, metav1.PatchOptions{}, subresource...)
	if err != nil {
		p.forgetIfGone(at, err)
		return fmt.Errorf("patch %s %s/%s: %w", p.kind.resource.Resource, t.namespace, t.name, err)
	}
	w.tally.updated++
	return nil
}

func (w *churnWorker) create(ctx context.Context, p *population) error {
	t := target{namespace: churnNamespace}
	if len(p.targets) > 0 {
		t.namespace = p.targets[w.source.IntN(len(p.targets))].namespace
	}
	w.serial++
	t.name = fmt.Sprintf("%s-%d", w.prefix, w.serial)
	made := p.kind.make(w.source, w.template, t.name)
	made.SetNamespace(t.namespace)
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(made)
	if err != nil {
		return fmt.Errorf("convert %s: %w", t.name, err)
	}
	return w.createObject(ctx, p, t, &unstructured.Unstructured{Object: fields}, &w.tally.created)
}

// createObject creates an object and counts it in counter.
func (w *churnWorker) createObject(ctx context.Context, p *population, t target, u *unstructured.Unstructured, counter *int) error {
	_, err := p.client.Namespace(t.namespace).Create(ctx, asNew(u), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create %s %s/%s: %w", p.kind.resource.Resource, t.namespace, t.name, err)
	}
	p.targets = append(p.targets, t)
	*counter++
	return nil
}

func (w *churnWorker) delete(ctx context.Context, p *population, at int) error {
	if err := p.remove(ctx, at); err != nil {
		return err
	}
	w.tally.deleted++
	return nil
}

// recreate deletes an object and creates it again under the same name, as a new
// one with another UID.
func (w *churnWorker) recreate(ctx context.Context, p *population, at int) error {
	t := p.targets[at]
	before, err := p.client.Namespace(t.namespace).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		p.forgetIfGone(at, err)
		return fmt.Errorf("get %s %s/%s: %w", p.kind.resource.Resource, t.namespace, t.name, err)
	}
	if err := p.remove(ctx, at); err != nil {
		return err
	}
	return w.createObject(ctx, p, t, before, &w.tally.recreated)
}

// remove deletes an object at once, without the grace that a kubelet would end,
// and forgets it.
func (p *population) remove(ctx context.Context, at int) error {
	t := p.targets[at]
	err := p.client.Namespace(t.namespace).Delete(ctx, t.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
	if err != nil {
		p.forgetIfGone(at, err)
		return fmt.Errorf("delete %s %s/%s: %w", p.kind.resource.Resource, t.namespace, t.name, err)
	}
	p.forget(at)
	return nil
}

// forgetIfGone forgets an object that the API server doesn't know.
func (p *population) forgetIfGone(at int, err error) {
	if apierrors.IsNotFound(err) {
		p.forget(at)
	}
}

func (p *population) forget(at int) {
	last := len(p.targets) - 1
	p.targets[at] = p.targets[last]
	p.targets = p.targets[:last]
}
