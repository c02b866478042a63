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

// Attributes that the semantic conventions don't have.
const (
	attrRunID     = attribute.Key("sidemirror.run.id")
	attrTrigger   = attribute.Key("sidemirror.run.trigger")
	attrAttempt   = attribute.Key("sidemirror.run.attempt")
	attrEpoch     = attribute.Key("sidemirror.run.epoch")
	attrRevision  = attribute.Key("sidemirror.run.revision") // of the status that shows its end
	attrStep      = attribute.Key("sidemirror.step")
	attrResource  = attribute.Key("sidemirror.resource.name")
	attrNamespace = attribute.Key("sidemirror.resource.namespace")
	attrObjects   = attribute.Key("sidemirror.objects")
	attrBytes     = attribute.Key("sidemirror.bytes")
	attrResumed   = attribute.Key("sidemirror.resumed")
	attrOutcome   = attribute.Key("sidemirror.outcome") // completed, failed or canceled
	attrReason    = attribute.Key("sidemirror.reason")
)

// Observer is the [syncer.Observer] that makes spans.
type Observer struct {
	tracer trace.Tracer

	mu   sync.Mutex
	last trace.SpanContext // guarded by mu: of the newest run
}

var _ syncer.Observer = (*Observer)(nil)

// NewObserver returns an observer that makes its spans with tracer.
func NewObserver(tracer trace.Tracer) *Observer { return &Observer{tracer: tracer} }

// TraceID is the id of the trace that ctx belongs to, "" if it belongs to none.
func TraceID(ctx context.Context) string {
	if id := trace.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// StartRun begins a trace; it is linked to what asked for the run, and to the
// attempt before it. The run is where an error counts as given up.
func (o *Observer) StartRun(ctx context.Context, run syncer.RunInfo) (context.Context, func(syncer.RunResult)) {
	attrs := []attribute.KeyValue{
		attrRunID.String(run.ID), attrTrigger.String(string(run.Trigger)), attrAttempt.Int(run.Attempt),
	}
	var links []trace.Link
	if run.Cause != nil {
		links = link(trace.SpanContextFromContext(run.Cause))
	}
	if run.Attempt > 0 {
		links = append(links, link(o.lastRun())...)
	}
	ctx, span := o.tracer.Start(ctx, "sync run",
		trace.WithNewRoot(), trace.WithAttributes(attrs...), trace.WithLinks(links...))
	o.mu.Lock()
	o.last = span.SpanContext()
	o.mu.Unlock()
	return withBudget(ctx, runSpans), func(result syncer.RunResult) {
		span.SetAttributes(attrEpoch.Int64(result.Epoch), attrRevision.Int64(int64(result.Revision)))
		end(span, result.Err)
		if outcome(result.Err) == "failed" {
			span.RecordError(errors.New(redact(result.Err.Error())))
			span.SetAttributes(reason(result.Err))
		}
		span.End()
	}
}

// StartStep implements [syncer.Observer].
func (o *Observer) StartStep(ctx context.Context, step syncer.Step) (context.Context, func(error)) {
	ctx, span := o.tracer.Start(ctx, "sync step "+string(step), trace.WithAttributes(attrStep.String(string(step))))
	return ctx, func(err error) {
		end(span, err)
		span.End()
	}
}

// StartResource implements [syncer.Observer]. The engine tries a resource again,
// so that a failure is an event; only a refusal that stays one is an error.
func (o *Observer) StartResource(ctx context.Context, cell syncer.Cell) (context.Context, func(syncer.ResourceResult)) {
	name := cell.Resource.String()
	attrs := []attribute.KeyValue{attrResource.String(name)}
	if cell.Namespace != "" {
		attrs = append(attrs, attrNamespace.String(cell.Namespace))
	}
	ctx, span := o.tracer.Start(ctx, "sync resource "+name, trace.WithAttributes(attrs...))
	return withBudget(ctx, resourceSpans), func(result syncer.ResourceResult) {
		span.SetAttributes(attrObjects.Int64(result.Objects), attrBytes.Int64(result.Bytes),
			attrResumed.Bool(result.Resumed), attrOutcome.String(outcome(result.Err)))
		if outcome(result.Err) == "failed" {
			span.SetAttributes(reason(result.Err))
			attemptFailed(span, result.Err)
			if refused(result.Err) {
				span.SetStatus(codes.Error, string(syncer.ReasonOf(result.Err)))
			}
		}
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
		trace.WithLinks(link(o.lastRun())...),
		trace.WithAttributes(attrResource.String(r.String()), attrObjects.Int(ops), attrOutcome.String(outcome(err))))
	if failed {
		attemptFailed(span, err)
	}
	span.End(trace.WithTimestamp(now))
}

// EventStored implements [syncer.Observer]: there are too many events for spans.
func (*Observer) EventStored(syncer.Resource, time.Duration) {}

func (o *Observer) lastRun() trace.SpanContext {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

func link(to trace.SpanContext) []trace.Link {
	if !to.IsValid() {
		return nil
	}
	return []trace.Link{{SpanContext: to}}
}

// end sets the outcome, and the status without a text: the run records that once.
func end(span trace.Span, err error) {
	span.SetAttributes(attrOutcome.String(outcome(err)))
	if outcome(err) == "failed" {
		span.SetStatus(codes.Error, "")
	}
}

func attemptFailed(span trace.Span, err error) {
	span.AddEvent("attempt failed", trace.WithAttributes(
		attrReason.String(string(syncer.ReasonOf(err))), semconv.ExceptionMessage(redact(err.Error()))))
}

func reason(err error) attribute.KeyValue {
	return semconv.ErrorTypeKey.String(string(syncer.ReasonOf(err)))
}

// refused reports whether trying again soon won't help.
func refused(err error) bool {
	switch syncer.ReasonOf(err) {
	case syncer.ReasonForbidden, syncer.ReasonUnauthorized, syncer.ReasonNotFound:
		return true
	}
	return false
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
