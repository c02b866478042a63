package tracing

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// The variables that decide whether and where spans go. The SDK reads the rest
// of OTEL_* itself: headers, certificates, timeouts, batches, limits.
const (
	envDisabled       = "OTEL_SDK_DISABLED"
	envExporter       = "OTEL_TRACES_EXPORTER"
	envProtocol       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envTracesProtocol = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	envEndpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envTracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	envSampler        = "OTEL_TRACES_SAMPLER"
	envAttributes     = "OTEL_RESOURCE_ATTRIBUTES"
)

var samplers = []string{
	"", "always_on", "always_off", "traceidratio",
	"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
}

// Options say who traces. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
type Options struct {
	ServiceName string
	Version     string
	Instance    string
	Cluster     string
	// Log is told when the export begins to fail and when it works again.
	Log hclog.Logger
}

// NewProvider returns where spans go according to the standard OTEL_* variables,
// and what flushes and ends it within its context. Without an exporter or an
// endpoint among them spans cost nothing and go nowhere. It doesn't connect, and
// sets no globals.
func NewProvider(ctx context.Context, o Options) (trace.TracerProvider, func(context.Context) error, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	out, err := newExporter(ctx)
	if err != nil {
		return nil, nil, err
	}
	if out == nil {
		return noop.NewTracerProvider(), func(context.Context) error { return nil }, nil
	}
	if s := os.Getenv(envSampler); !slices.Contains(samplers, s) {
		return nil, nil, unknown(envSampler, s, samplers[1:]...)
	}
	res, err := describe(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&reporting{SpanExporter: out, log: o.Log}), sdktrace.WithResource(res))
	return p, p.Shutdown, nil
}

// newExporter returns nil if tracing is off.
func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if strings.EqualFold(os.Getenv(envDisabled), "true") {
		return nil, nil
	}
	switch kind := os.Getenv(envExporter); kind {
	case "none":
		return nil, nil
	case "console":
		return stdouttrace.New(stdouttrace.WithPrettyPrint())
	case "":
		if os.Getenv(envEndpoint) == "" && os.Getenv(envTracesEndpoint) == "" {
			return nil, nil
		}
	case "otlp":
	default:
		return nil, unknown(envExporter, kind, "otlp", "console", "none")
	}
	for _, name := range []string{envEndpoint, envTracesEndpoint} {
		if err := checkEndpoint(name); err != nil {
			return nil, err
		}
	}
	return newOTLP(ctx)
}

func newOTLP(ctx context.Context) (sdktrace.SpanExporter, error) {
	name := envTracesProtocol
	if os.Getenv(name) == "" {
		name = envProtocol
	}
	var out sdktrace.SpanExporter
	var err error
	switch protocol := os.Getenv(name); protocol {
	case "", "http/protobuf":
		out, err = otlptracehttp.New(ctx)
	case "grpc":
		out, err = otlptracegrpc.New(ctx)
	default:
		return nil, unknown(name, protocol, "http/protobuf", "grpc")
	}
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter: %w", err)
	}
	return out, nil
}

// checkEndpoint catches what the exporters would silently replace by localhost.
// The value may hold credentials, so it isn't repeated.
func checkEndpoint(name string) error {
	value := os.Getenv(name)
	if value == "" {
		return nil
	}
	if u, err := url.Parse(value); err != nil || u.Host == "" {
		return fmt.Errorf("%s: want a URL with its scheme, such as http://collector:4318", name)
	}
	return nil
}

func unknown(name, value string, known ...string) error {
	return fmt.Errorf("%s: unknown value %q; known are %s", name, value, strings.Join(known, ", "))
}

// describe says what the spans come from.
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	var attrs []attribute.KeyValue
	add := func(value string, kv func(string) attribute.KeyValue) {
		if value != "" {
			attrs = append(attrs, kv(value))
		}
	}
	add(o.ServiceName, semconv.ServiceName)
	add(o.Version, semconv.ServiceVersion)
	add(o.Instance, semconv.ServiceInstanceID)
	add(o.Cluster, semconv.K8SClusterName)
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attrs...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envAttributes, err)
	}
	return res, nil
}

// reporting logs changes of an exporter's luck, in place of the SDK's global
// handler, which would write a line a batch.
type reporting struct {
	sdktrace.SpanExporter
	log     hclog.Logger
	failing atomic.Bool
}

func (r *reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	failing := err != nil
	switch was := r.failing.Swap(failing); {
	case failing && !was:
		r.log.Warn("trace export fails, spans are lost", "error", redact(err.Error()))
	case was && !failing:
		r.log.Info("trace export works again")
	}
	return nil
}
