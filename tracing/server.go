package tracing

import (
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Handler makes a server span of each request that controls the mirror or reads out
// of the store, below the trace that the request brings in traceparent. What is
// asked all the time and answered from memory isn't traced: the status and its
// streams, health, probes, metrics, the page.
func Handler(next http.Handler, provider trace.TracerProvider) http.Handler {
	if off(provider) {
		return next
	}
	routed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(route(r.URL.Path)))
		ctx, _ := withBudget(r.Context(), resourceSpans)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
	return serverSpans(routed, provider,
		func(_ string, r *http.Request) string { return method(r) + " " + route(r.URL.Path) },
		func(r *http.Request) bool { return route(r.URL.Path) != "" })
}

// Passing makes a server span of each request that is passed on to an application
// and that brings a sampled trace, and puts itself between the two. It never begins
// a trace: whether the application is traced isn't for a proxy to say.
func Passing(next http.Handler, provider trace.TracerProvider) http.Handler {
	if off(provider) {
		return next
	}
	w3c := propagation.TraceContext{}
	between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if trace.SpanFromContext(r.Context()).IsRecording() {
			r = r.Clone(r.Context())
			w3c.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
		}
		next.ServeHTTP(w, r)
	})
	spans := serverSpans(between, provider, func(_ string, r *http.Request) string { return method(r) }, nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := trace.SpanContextFromContext(w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header)))
		if !from.IsSampled() {
			next.ServeHTTP(w, r)
			return
		}
		spans.ServeHTTP(w, r)
	})
}

// serverSpans wraps next; a nil traced is all requests.
func serverSpans(
	next http.Handler, provider trace.TracerProvider, name func(string, *http.Request) string, traced otelhttp.Filter,
) http.Handler {
	o := []otelhttp.Option{
		otelhttp.WithTracerProvider(provider),
		otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(name),
	}
	if traced != nil {
		o = append(o, otelhttp.WithFilter(traced))
	}
	return otelhttp.NewHandler(next, "", o...)
}

// method is the request's, out of a closed set: clients can send any word.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "HTTP"
}

// quiet are the routes below /api/v1/ that aren't traced.
var quiet = []string{"sync/status", "sync/events", "sync/ws", "health", "openapi.json"}

// route is the template that path is of, "" if it isn't traced. The names of objects,
// namespaces and resources aren't in it.
func route(path string) string {
	const api = "/api/v1/"
	below, ok := strings.CutPrefix(path, api)
	if !ok || below == "" || slices.Contains(quiet, below) {
		return ""
	}
	if action, ok := strings.CutPrefix(below, "sync/"); ok {
		if slices.Contains([]string{"start", "pause", "resume", "cancel", "retry", "history", "namespaces"}, action) {
			return path
		}
		return ""
	}
	parts := strings.Split(below, "/")
	template := api
	if len(parts) > 2 && parts[0] == "namespaces" {
		template, parts = template+"namespaces/{namespace}/", parts[2:]
	}
	switch len(parts) {
	case 1:
		return template + "{resource}"
	case 2:
		return template + "{resource}/{name}"
	}
	return ""
}
