package tracing

import (
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
)

// Attributes that the semantic conventions don't have.
const (
	attrRunID           = attribute.Key("sidemirror.run.id")
	attrTrigger         = attribute.Key("sidemirror.run.trigger")
	attrAttempt         = attribute.Key("sidemirror.run.attempt")
	attrEpoch           = attribute.Key("sidemirror.run.epoch")
	attrRevision        = attribute.Key("sidemirror.run.revision") // of the status that shows its end
	attrPartial         = attribute.Key("sidemirror.run.partial")
	attrStep            = attribute.Key("sidemirror.step")
	attrResource        = attribute.Key("sidemirror.resource.name")
	attrNamespace       = attribute.Key("sidemirror.resource.namespace")
	attrObjects         = attribute.Key("sidemirror.objects")
	attrBytes           = attribute.Key("sidemirror.bytes")
	attrResumed         = attribute.Key("sidemirror.resumed")
	attrOutcome         = attribute.Key("sidemirror.outcome") // completed, failed or canceled
	attrReason          = attribute.Key("sidemirror.reason")
	attrBy              = attribute.Key("sidemirror.by")
	attrResourceVersion = attribute.Key("sidemirror.resource.version")
	attrOmitted         = attribute.Key("sidemirror.spans.omitted")
	attrLink            = attribute.Key("sidemirror.link") // what the other end is
)

// noteAttributes are those of what n has.
func noteAttributes(n syncer.Note) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if n.By != "" {
		attrs = append(attrs, attrBy.String(redact(n.By)))
	}
	if n.Why != "" {
		attrs = append(attrs, attrReason.String(redact(n.Why)))
	}
	if n.ResourceVersion > 0 {
		attrs = append(attrs, attrResourceVersion.Int64(int64(n.ResourceVersion)))
	}
	return attrs
}

// attemptFailed is the event of a failure that is handled.
func attemptFailed(span trace.Span, err error) {
	span.AddEvent("attempt failed", trace.WithAttributes(
		attrReason.String(string(syncer.ReasonOf(err))), semconv.ExceptionMessage(redact(err.Error()))))
}

// reason is the kind of an error, out of a closed set.
func reason(err error) attribute.KeyValue {
	return semconv.ErrorTypeKey.String(string(syncer.ReasonOf(err)))
}

// exceptionType is the type of err itself: redacting makes another of its text.
func exceptionType(err error) string { return fmt.Sprintf("%T", err) }
