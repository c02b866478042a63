package exporter

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
)

// Durations is the [syncer.Observer] that keeps histograms. Put it behind the one
// that makes spans: exemplars carry the trace that is in the context.
type Durations struct {
	status func() *syncer.Status

	runs                                   *prometheus.CounterVec
	run, step, resource, lag, batchObjects *prometheus.HistogramVec

	newest atomic.Pointer[prometheus.Labels] // the trace of the newest run as an exemplar; nil is none

	mu         sync.Mutex                                     // taken by whoever adds to byResource
	byResource atomic.Pointer[map[resourceKey]*resourceTimes] // replaced, never changed
	labels     map[string]*resourceTimes                      // guarded by mu; at most maxResources and other
}

// resourceKey is what [syncer.Resource.String] depends on.
type resourceKey struct{ group, name string }

// resourceTimes are one label's histograms, looked up once.
type resourceTimes struct {
	label      string
	lag, batch prometheus.Observer
	exemplarAt atomic.Int64 // when lag got its last exemplar, in Unix seconds
}

// due reports, to one caller a second, that lag may have another exemplar.
func (t *resourceTimes) due(now time.Time) bool {
	last, second := t.exemplarAt.Load(), now.Unix()
	return second > last && t.exemplarAt.CompareAndSwap(last, second)
}

var (
	_ syncer.Observer      = (*Durations)(nil)
	_ prometheus.Collector = (*Durations)(nil)
)

// NewDurations returns empty histograms. status says in which order resources
// are configured, so that both collectors give the same ones a label.
func NewDurations(status func() *syncer.Status) *Durations {
	d := &Durations{
		status: status, runs: prometheus.NewCounterVec(prometheus.CounterOpts(runsTotal.opts()), runsTotal.labels),
		run: runDuration.vec(), step: stepDuration.vec(), resource: resourceDuration.vec(),
		lag: eventLag.vec(), batchObjects: batchObjects.vec(),
		labels: map[string]*resourceTimes{},
	}
	d.byResource.Store(&map[resourceKey]*resourceTimes{})
	for _, outcome := range outcomes {
		d.run.WithLabelValues(outcome)
		for _, trigger := range syncer.Triggers {
			d.runs.WithLabelValues(outcome, string(trigger))
		}
		for _, step := range syncer.Steps {
			if step != syncer.StepDone {
				d.step.WithLabelValues(string(step), outcome)
			}
		}
	}
	return d
}

func (d *Durations) collectors() []prometheus.Collector {
	return []prometheus.Collector{d.runs, d.run, d.step, d.resource, d.lag, d.batchObjects}
}

// Describe implements [prometheus.Collector].
func (d *Durations) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range d.collectors() {
		c.Describe(ch)
	}
}

// Collect implements [prometheus.Collector].
func (d *Durations) Collect(ch chan<- prometheus.Metric) {
	for _, c := range d.collectors() {
		c.Collect(ch)
	}
}

// StartRun implements [syncer.Observer].
func (d *Durations) StartRun(ctx context.Context, run syncer.RunInfo) (context.Context, func(syncer.RunResult)) {
	began := time.Now()
	d.newest.Store(exemplar(ctx))
	return ctx, func(result syncer.RunResult) {
		outcome := outcomeOf(result.Err)
		d.runs.WithLabelValues(outcome, string(run.Trigger)).Inc()
		observe(ctx, d.run.WithLabelValues(outcome), time.Since(began).Seconds())
	}
}

// StartStep implements [syncer.Observer].
func (d *Durations) StartStep(ctx context.Context, step syncer.Step) (context.Context, func(error)) {
	began := time.Now()
	return ctx, func(err error) {
		observe(ctx, d.step.WithLabelValues(string(step), outcomeOf(err)), time.Since(began).Seconds())
	}
}

// StartResource implements [syncer.Observer].
func (d *Durations) StartResource(ctx context.Context, cell syncer.Cell) (context.Context, func(syncer.ResourceResult)) {
	began := time.Now()
	times := d.of(cell.Resource)
	return ctx, func(result syncer.ResourceResult) {
		h := d.resource.WithLabelValues(times.label, outcomeOf(result.Err))
		observe(ctx, h, time.Since(began).Seconds())
	}
}

// StoreWrite implements [syncer.Observer]; how long it took is told by [TimedStore].
func (d *Durations) StoreWrite(ctx context.Context, r syncer.Resource, ops int, _ time.Duration, _ error) {
	observe(ctx, d.of(r).batch, float64(ops))
}

// EventStored implements [syncer.Observer]. It doesn't allocate, but for one exemplar
// a second: a watch has no trace of its own, so that it is the run's that it goes on from.
func (d *Durations) EventStored(r syncer.Resource, took time.Duration) {
	t := d.of(r)
	if run := d.newest.Load(); run != nil && t.due(time.Now()) {
		if lag, ok := t.lag.(prometheus.ExemplarObserver); ok {
			lag.ObserveWithExemplar(took.Seconds(), *run)
			return
		}
	}
	t.lag.Observe(took.Seconds())
}

// Note implements [syncer.Observer]: what it tells isn't a duration.
func (*Durations) Note(context.Context, syncer.Note) {}

// of returns r's histograms, without a lock once r is known.
func (d *Durations) of(r syncer.Resource) *resourceTimes {
	key := resourceKey{r.Group, r.Name}
	if t := (*d.byResource.Load())[key]; t != nil {
		return t
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := *d.byResource.Load()
	if t := known[key]; t != nil {
		return t
	}
	t := d.times(r.String())
	next := maps.Clone(known)
	next[key] = t
	d.byResource.Store(&next)
	return t
}

// times returns the histograms of the label that name gets, at zero if they are
// new. The caller holds mu.
func (d *Durations) times(name string) *resourceTimes {
	label := name
	if d.labels[name] == nil && (d.owned() >= maxResources || !ownLabel(d.status(), name)) {
		label = otherResources
	}
	if t := d.labels[label]; t != nil {
		return t
	}
	for _, outcome := range outcomes {
		d.resource.WithLabelValues(label, outcome)
	}
	t := &resourceTimes{
		label: label,
		lag:   d.lag.WithLabelValues(label), batch: d.batchObjects.WithLabelValues(label),
	}
	d.labels[label] = t
	return t
}

// owned is how many resources have a label of their own; the caller holds mu.
func (d *Durations) owned() int {
	if d.labels[otherResources] != nil {
		return len(d.labels) - 1
	}
	return len(d.labels)
}

// observe adds v, with the trace as its exemplar if there is one that is kept.
func observe(ctx context.Context, h prometheus.Observer, v float64) {
	labels := exemplar(ctx)
	with, ok := h.(prometheus.ExemplarObserver)
	if labels == nil || !ok {
		h.Observe(v)
		return
	}
	with.ObserveWithExemplar(v, *labels)
}

// exemplar names the trace that ctx belongs to; nil if there is none, or one that
// isn't kept.
func exemplar(ctx context.Context) *prometheus.Labels {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() || !span.HasTraceID() {
		return nil
	}
	return &prometheus.Labels{"trace_id": span.TraceID().String()}
}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return outcomeCompleted
	case errors.Is(err, context.Canceled):
		return outcomeCanceled
	default:
		return outcomeFailed
	}
}
