package tracing

import (
	"github.com/hashicorp/go-hclog"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Reporting is the exporter around e that a provider has.
func Reporting(e sdktrace.SpanExporter, log hclog.Logger) sdktrace.SpanExporter {
	return &reporting{SpanExporter: e, losses: &losses{log: log}}
}

// Losses is what such an exporter has counted.
func Losses(e sdktrace.SpanExporter) uint64 { return e.(*reporting).ExportErrors() }
