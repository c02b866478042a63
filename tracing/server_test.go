package tracing_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/tracing"
)

const (
	remoteTrace = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + remoteTrace + "-b7ad6b7169203331-01"
	unsampled   = "00-" + remoteTrace + "-b7ad6b7169203331-00"
)

func TestServerSpansAreOfControlAndDataAlone(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/sync/start":                             "/api/v1/sync/start",
		"/api/v1/sync/history":                           "/api/v1/sync/history",
		"/api/v1/pods":                                   "/api/v1/{resource}",
		"/api/v1/namespaces":                             "/api/v1/{resource}",
		"/api/v1/namespaces/shop":                        "/api/v1/{resource}/{name}",
		"/api/v1/namespaces/shop/pods":                   "/api/v1/namespaces/{namespace}/{resource}",
		"/api/v1/namespaces/shop/deployments.apps/cart":  "/api/v1/namespaces/{namespace}/{resource}/{name}",
		"/api/v1/namespaces/shop/pods/cart/log/whatever": "",
		"/api/v1/sync/status":                            "",
		"/api/v1/sync/events":                            "",
		"/api/v1/sync/ws":                                "",
		"/api/v1/sync/unheard-of":                        "",
		"/sync/status":                                   "",
		"/api/v1/health":                                 "",
		"/api/v1/openapi.json":                           "",
		"/api/v1/":                                       "",
		"/livez":                                         "",
		"/metrics":                                       "",
		"/":                                              "",
	} {
		rec, provider := recorder()
		h := tracing.Handler(http.NotFoundHandler(), provider)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
		if want == "" {
			if n := len(rec.Ended()); n != 0 {
				t.Errorf("%s: %d spans, want none", path, n)
			}
			continue
		}
		s := named(t, rec, "GET "+want)
		if got := attributes(s); s.SpanKind() != trace.SpanKindServer || got["http.route"] != want || got["url.path"] != path ||
			got["http.request.method"] != "GET" || got["http.response.status_code"] != "404" || s.Status().Code == codes.Error {
			t.Errorf("%s: %v %v %v", path, s.SpanKind(), s.Status(), got)
		}
	}
}

func TestARunIsLinkedToTheRequestThatAskedForIt(t *testing.T) {
	rec, provider := recorder()
	o := tracing.NewObserver(provider)
	h := tracing.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, end := o.StartRun(t.Context(), syncer.RunInfo{Trigger: syncer.TriggerManual, Cause: r.Context()})
		end(syncer.RunResult{})
	}), provider)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/sync/start", strings.NewReader("{}"))
	r.Header.Set("Traceparent", traceparent)
	h.ServeHTTP(httptest.NewRecorder(), r)
	request, run := named(t, rec, "POST /api/v1/sync/start"), named(t, rec, "sync run")
	if request.SpanContext().TraceID().String() != remoteTrace || run.SpanContext().TraceID() == request.SpanContext().TraceID() {
		t.Errorf("request in %s, run in %s; want the client's trace and one of its own", request.SpanContext().TraceID(), run.SpanContext().TraceID())
	}
	links := run.Links()
	if len(links) != 1 || links[0].SpanContext.SpanID() != request.SpanContext().SpanID() || links[0].Attributes[0].Value.AsString() != "request" {
		t.Errorf("links = %v, want the request's span", links)
	}
}

// The proxy is in between of traces that there are, and begins none.
func TestPassingJoinsTheTraceOfARequest(t *testing.T) {
	var got string
	app := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Traceparent") })
	for _, sent := range []string{"", unsampled, "nonsense", traceparent} {
		rec, provider := recorder()
		r := httptest.NewRequest(http.MethodGet, "/orders", nil)
		r.Header.Set("Traceparent", sent)
		tracing.Passing(app, provider).ServeHTTP(httptest.NewRecorder(), r)
		if sent != traceparent {
			if n := len(rec.Ended()); n != 0 || got != sent {
				t.Errorf("%q: %d spans, and the application got %q", sent, n, got)
			}
			continue
		}
		s := named(t, rec, "GET")
		if want := "00-" + remoteTrace + "-" + s.SpanContext().SpanID().String() + "-01"; got != want || s.SpanKind() != trace.SpanKindServer ||
			s.Parent().SpanID().String() != "b7ad6b7169203331" {
			t.Errorf("application got %q, want %q: below this span, which is below the client's", got, want)
		}
		if r.Header.Get("Traceparent") != traceparent {
			t.Error("the request that came in was changed")
		}
	}
}

func TestServerSpansLeaveTheConnectionToTheHandler(t *testing.T) {
	_, provider := recorder()
	server := httptest.NewServer(tracing.Passing(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_ = rw.Flush()
	}), provider))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Traceparent", traceparent)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("status %d, want 101", res.StatusCode)
	}
}

func TestNothingIsInTheWayWhileTracingIsOff(t *testing.T) {
	p := noop.NewTracerProvider()
	app := http.NewServeMux()
	if h := tracing.Handler(app, p); h != app {
		t.Error("Handler wraps")
	}
	if h := tracing.Passing(app, p); h != app {
		t.Error("Passing wraps")
	}
	if got := tracing.Transport(http.DefaultTransport, p); got != http.DefaultTransport {
		t.Error("Transport wraps")
	}
	if tracing.MongoMonitor(p) != nil {
		t.Error("there is a monitor: the driver copies each command for it")
	}
	store := &table{}
	if tracing.SQLite(store, p) != syncer.Store(store) || tracing.MongoDB(store, p) != syncer.Store(store) {
		t.Error("a store is wrapped")
	}
}
