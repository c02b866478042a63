package tracing

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
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
	envSamplerArg     = "OTEL_TRACES_SAMPLER_ARG"
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

// scope names what makes the spans.
const scope = "github.com/sidemirror/sidemirror"

// Provider is where spans go. Its end is Shutdown.
type Provider struct {
	trace.TracerProvider
	*losses
	sdk *sdktrace.TracerProvider // nil: tracing is off
	out sdktrace.SpanExporter
}

// NewProvider returns where spans go according to the standard OTEL_* variables.
// Without an exporter or an endpoint among them spans cost nothing and go nowhere.
// It doesn't connect, and sets no globals.
func NewProvider(ctx context.Context, o Options) (*Provider, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	p := &Provider{TracerProvider: noop.NewTracerProvider(), losses: &losses{log: o.Log}}
	var err error
	if p.out, err = newExporter(ctx); p.out == nil || err != nil {
		return p, err
	}
	if err := checkSampler(); err != nil {
		return nil, err
	}
	res, err := describe(ctx, o)
	if err != nil {
		return nil, err
	}
	batches := sdktrace.NewBatchSpanProcessor(&reporting{SpanExporter: p.out, losses: p.losses})
	p.sdk = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(Bounded(batches)), sdktrace.WithResource(res))
	p.TracerProvider = p.sdk
	return p, nil
}

// Shutdown sends what is left within ctx. What can't be sent is lost, which is
// logged and nobody's failure.
func (p *Provider) Shutdown(ctx context.Context) {
	if p.sdk == nil {
		return
	}
	if err := p.sdk.Shutdown(ctx); err != nil {
		_ = p.out.Shutdown(ctx) // ends what is being sent
		p.Handle(fmt.Errorf("send the last spans: %w", err))
	}
}

// off reports whether nothing that provider makes is recorded.
func off(provider trace.TracerProvider) bool {
	switch p := provider.(type) {
	case nil:
		return true
	case *Provider:
		return p.sdk == nil
	case noop.TracerProvider:
		return true
	}
	return false
}

// checkSampler catches what the SDK would replace by its default.
func checkSampler() error {
	name := os.Getenv(envSampler)
	if !slices.Contains(samplers, name) {
		return unknown(envSampler, name, samplers[1:]...)
	}
	arg := os.Getenv(envSamplerArg)
	if arg == "" || !strings.HasSuffix(name, "traceidratio") {
		return nil
	}
	if ratio, err := strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
		return fmt.Errorf("%s: want a number from 0 to 1, got %q", envSamplerArg, arg)
	}
	return nil
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
