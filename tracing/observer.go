package tracing

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
)

// Observer is the [syncer.Observer] that makes spans.
type Observer struct {
	tracer trace.Tracer

	mu   sync.Mutex
	last trace.SpanContext // guarded by mu: of the newest run
	run  trace.Span        // guarded by mu: the run that is open; nil is none
}

var _ syncer.Observer = (*Observer)(nil)

// NewObserver returns an observer that makes its spans with provider.
func NewObserver(provider trace.TracerProvider) *Observer {
	return &Observer{tracer: provider.Tracer(scope)}
}

// TraceID is the id of the trace that ctx belongs to, "" if it belongs to none, or to
// one that isn't sampled: an id that leads nowhere is worse than none.
func TraceID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() && c.IsSampled() {
		return c.TraceID().String()
	}
	return ""
}

// SpanID is the id of the span that ctx belongs to, under the same condition.
func SpanID(ctx context.Context) string {
	if c := trace.SpanContextFromContext(ctx); c.IsValid() && c.IsSampled() {
		return c.SpanID().String()
	}
	return ""
}

// StartRun begins a trace; it is linked to what asked for the run, and to the
// attempt before it.
func (o *Observer) StartRun(ctx context.Context, run syncer.RunInfo) (context.Context, func(syncer.RunResult)) {
	attrs := []attribute.KeyValue{
		attrRunID.String(run.ID), attrTrigger.String(string(run.Trigger)), attrAttempt.Int(run.Attempt),
	}
	var links []trace.Link
	if run.Cause != nil {
		links = link(trace.SpanContextFromContext(run.Cause), "request")
	}
	if run.Attempt > 0 {
		links = append(links, link(o.lastRun(), "previous attempt")...)
	}
	ctx, span := o.tracer.Start(ctx, "sync run",
		trace.WithNewRoot(), trace.WithAttributes(attrs...), trace.WithLinks(links...))
	o.mu.Lock()
	o.last, o.run = span.SpanContext(), span
	o.mu.Unlock()
	ctx, calls := withBudget(ctx, runSpans)
	return ctx, func(result syncer.RunResult) {
		o.mu.Lock()
		o.run = nil
		o.mu.Unlock()
		span.SetAttributes(attrEpoch.Int64(result.Epoch), attrRevision.Int64(int64(result.Revision)), attrPartial.Bool(result.Partial))
		end(span, result.Err, true)
		endCalls(span, calls)
		span.End()
	}
}

// StartStep implements [syncer.Observer].
func (o *Observer) StartStep(ctx context.Context, step syncer.Step) (context.Context, func(error)) {
	ctx, span := o.tracer.Start(ctx, "sync step "+string(step), trace.WithAttributes(attrStep.String(string(step))))
	return ctx, func(err error) {
		end(span, err, false) // the run records it
		span.End()
	}
}

// StartResource implements [syncer.Observer]. A failure that is followed by another
// attempt is an event; one with which the engine gives up is an error. What happens
// outside of a run has a trace of its own, with a link to the newest run.
func (o *Observer) StartResource(ctx context.Context, cell syncer.Cell) (context.Context, func(syncer.ResourceResult)) {
	name := cell.Resource.String()
	attrs := []attribute.KeyValue{attrResource.String(name)}
	if cell.Namespace != "" {
		attrs = append(attrs, attrNamespace.String(cell.Namespace))
	}
	var links []trace.Link
	if !trace.SpanContextFromContext(ctx).IsValid() {
		links = link(o.lastRun(), "run")
	}
	ctx, span := o.tracer.Start(ctx, "sync resource "+name, trace.WithAttributes(attrs...), trace.WithLinks(links...))
	ctx, calls := withBudget(ctx, resourceSpans)
	return ctx, func(result syncer.ResourceResult) {
		span.SetAttributes(attrObjects.Int64(result.Objects), attrBytes.Int64(result.Bytes), attrResumed.Bool(result.Resumed))
		if outcome(result.Err) == "failed" && !result.GivenUp {
			span.SetAttributes(attrOutcome.String("failed"), reason(result.Err))
			attemptFailed(span, result.Err)
		} else {
			end(span, result.Err, true)
		}
		endCalls(span, calls)
		span.End()
	}
}

// StoreWrite notes a failed write, which is repeated, on the span that it belongs
// to. A watch has no span of its own: its slow and failed writes get one each.
func (o *Observer) StoreWrite(ctx context.Context, r syncer.Resource, ops int, took time.Duration, err error) {
	failed := outcome(err) == "failed"
	if span := trace.SpanFromContext(ctx); span.SpanContext().IsValid() {
		if failed && span.IsRecording() {
			attemptFailed(span, err)
		}
		return
	}
	if !failed && took < slow {
		return
	}
	now := time.Now()
	_, span := o.tracer.Start(ctx, "stream flush "+r.String(), trace.WithTimestamp(now.Add(-took)),
		trace.WithLinks(link(o.lastRun(), "run")...),
		trace.WithAttributes(attrResource.String(r.String()), attrObjects.Int(ops), attrOutcome.String(outcome(err))))
	if failed {
		attemptFailed(span, err)
	}
	span.End(trace.WithTimestamp(now))
}

// EventStored implements [syncer.Observer]: there are too many events for spans.
func (*Observer) EventStored(syncer.Resource, time.Duration) {}

// Note makes an event on the span that ctx belongs to. What concerns the whole mirror
// is one on the run that is open, too: its steps say how long it took, and the event why.
func (o *Observer) Note(ctx context.Context, n syncer.Note) {
	event := trace.WithAttributes(noteAttributes(n)...)
	here := trace.SpanFromContext(ctx)
	here.AddEvent(string(n.Kind), event)
	if n.Kind != syncer.NotePaused && n.Kind != syncer.NoteResumed {
		return
	}
	o.mu.Lock()
	run := o.run
	o.mu.Unlock()
	if run != nil && run.SpanContext().SpanID() != here.SpanContext().SpanID() {
		run.AddEvent(string(n.Kind), event)
	}
}

func (o *Observer) lastRun() trace.SpanContext {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

// link says of what kind the other end is, for those who see several.
func link(to trace.SpanContext, kind string) []trace.Link {
	if !to.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: to, Attributes: []attribute.KeyValue{attrLink.String(kind)}}}
}

// end sets the outcome. record is for the one span that the error ended at; those
// that it passed through have the status alone.
func end(span trace.Span, err error, record bool) {
	span.SetAttributes(attrOutcome.String(outcome(err)))
	if outcome(err) != "failed" {
		return
	}
	if !record {
		span.SetStatus(codes.Error, "")
		return
	}
	span.SetStatus(codes.Error, redact(err.Error()))
	span.SetAttributes(reason(err))
	span.RecordError(errors.New(redact(err.Error())), trace.WithAttributes(semconv.ExceptionType(exceptionType(err))))
}

// endCalls says how many calls have no span; most runs have none of those.
func endCalls(span trace.Span, calls *budget) {
	if calls == nil {
		return
	}
	if n := calls.omitted.Load(); n > 0 {
		span.SetAttributes(attrOmitted.Int64(n))
	}
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "completed"
	case errors.Is(err, context.Canceled):
		return "canceled"
	default:
		return "failed"
	}
}
