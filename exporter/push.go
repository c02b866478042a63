package exporter

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// The variables that decide whether and where metrics are pushed. The SDK reads
// the rest of OTEL_* itself: headers, certificates, interval, time-outs.
const (
	envDisabled        = "OTEL_SDK_DISABLED"
	envExporter        = "OTEL_METRICS_EXPORTER"
	envProtocol        = "OTEL_EXPORTER_OTLP_PROTOCOL"
	envMetricsProtocol = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"
	envEndpoint        = "OTEL_EXPORTER_OTLP_ENDPOINT"
	envMetricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
)

// PushOptions say what is pushed.
type PushOptions struct {
	Gatherer prometheus.Gatherer
	Resource *resource.Resource
	Log      hclog.Logger       // is told when the export begins to fail and when it works again; nil is none
	Redact   func(error) string // makes an error's text fit for Log; nil is its own
}

// Push sends every metric to an OTLP collector, once an interval. Nothing that
// goes wrong there concerns anyone but the log.
type Push struct {
	PushOptions
	out metric.Exporter
}

// NewPush returns nil unless OTEL_METRICS_EXPORTER is otlp: an endpoint alone, which
// may be meant for traces, pushes nothing, since metrics can be scraped. It
// doesn't connect.
func NewPush(ctx context.Context, o PushOptions) (*Push, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Redact == nil {
		o.Redact = error.Error
	}
	if strings.EqualFold(os.Getenv(envDisabled), "true") {
		return nil, nil
	}
	switch kind := os.Getenv(envExporter); kind {
	case "", "none", "prometheus": // which the handler of scrapes is
		return nil, nil
	case "otlp":
	default:
		return nil, unknown(envExporter, kind, "otlp", "prometheus", "none")
	}
	if err := errors.Join(checkEndpoint(envEndpoint), checkEndpoint(envMetricsEndpoint)); err != nil {
		return nil, err
	}
	out, err := newOTLP(ctx)
	if err != nil {
		return nil, err
	}
	return &Push{PushOptions: o, out: out}, nil
}

func newOTLP(ctx context.Context) (out metric.Exporter, err error) {
	name := envMetricsProtocol
	if os.Getenv(name) == "" {
		name = envProtocol
	}
	switch protocol := os.Getenv(name); protocol {
	case "", "http/protobuf":
		out, err = otlpmetrichttp.New(ctx)
	case "grpc":
		out, err = otlpmetricgrpc.New(ctx)
	default:
		return nil, unknown(name, protocol, "http/protobuf", "grpc")
	}
	if err != nil {
		return nil, fmt.Errorf("make the OTLP exporter of metrics: %w", err)
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

// Start begins to push, and returns what pushes the last values and ends it, within
// its context.
func (p *Push) Start() (stop func(context.Context)) {
	reader := metric.NewPeriodicReader(&reporting{Exporter: p.out, push: p},
		metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(quiet(p.Gatherer, p.Log)))))
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(p.Resource))
	return func(ctx context.Context) {
		if err := provider.Shutdown(ctx); err != nil {
			p.Log.Warn("last metrics not exported", "error", p.Redact(err))
		}
	}
}

// reporting logs changes of an exporter's luck, in place of the SDK's global
// handler, which would write a line an interval.
type reporting struct {
	metric.Exporter
	push    *Push
	failing atomic.Bool
}

func (r *reporting) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	err := r.Exporter.Export(ctx, metrics)
	failing := err != nil
	switch was := r.failing.Swap(failing); {
	case failing && !was:
		r.push.Log.Warn("metric export fails", "error", r.push.Redact(err))
	case was && !failing:
		r.push.Log.Info("metric export works again")
	}
	return nil
}
