package tracing

import (
	"net/http"
	"net/url"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Transport makes a client span, named after the method, of each request below
// a span that is recorded, and passes the trace on in traceparent. Watches of a
// live mirror have no such parent, and pass untouched; so does everything while
// tracing is off.
func Transport(base http.RoundTripper, provider trace.TracerProvider) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	if off(provider) {
		return base
	}
	return otelhttp.NewTransport(cleanURL{base},
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method }),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return trace.SpanFromContext(r.Context()).IsRecording()
		}),
	)
}

// cleanURL replaces what the instrumentation around it says of the URL.
type cleanURL struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t cleanURL) RoundTrip(r *http.Request) (*http.Response, error) {
	trace.SpanFromContext(r.Context()).SetAttributes(semconv.URLFull(redactURL(r.URL)))
	return t.RoundTripper.RoundTrip(r)
}

// spoken are the query parameters of the API server whose values say how a request
// was made. Others name objects (continue, selectors) or may be anything.
var spoken = map[string]bool{
	"limit": true, "resourceVersion": true, "resourceVersionMatch": true,
	"watch": true, "allowWatchBookmarks": true, "timeoutSeconds": true,
}

// redactURL is u without user info, and with REDACTED for the values of its query
// that aren't spoken.
func redactURL(u *url.URL) string {
	clean := *u
	clean.User, clean.Fragment, clean.RawFragment = nil, "", ""
	if u.RawQuery != "" {
		query := u.Query()
		for name, values := range query {
			if spoken[name] {
				continue
			}
			for i := range values {
				values[i] = "REDACTED"
			}
		}
		clean.RawQuery = query.Encode()
	}
	return clean.String()
}
