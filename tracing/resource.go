package tracing

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const envAttributes = "OTEL_RESOURCE_ATTRIBUTES"

// downward are the variables by which a Pod tells its containers where they run,
// as its manifest sets them from the downward API.
var downward = []struct {
	env string
	kv  func(string) attribute.KeyValue
}{
	{"POD_NAMESPACE", semconv.K8SNamespaceName},
	{"POD_NAME", semconv.K8SPodName},
	{"POD_UID", semconv.K8SPodUID},
	{"NODE_NAME", semconv.K8SNodeName},
	{"CONTAINER_NAME", semconv.K8SContainerName},
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
	for _, d := range downward {
		add(os.Getenv(d.env), d.kv)
	}
	res, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attrs...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", envAttributes, err)
	}
	return res, nil
}
