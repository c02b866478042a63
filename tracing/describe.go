package tracing

import (
	"context"

	"go.opentelemetry.io/otel/sdk/resource"
)

// Resource says what spans come from, for other signals of the same process.
func Resource(ctx context.Context, o Options) (*resource.Resource, error) { return describe(ctx, o) }
