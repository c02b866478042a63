package exporter

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/felixge/httpsnoop"
	"github.com/prometheus/client_golang/prometheus"
)

// applicationRoute is the route of what was passed on.
const applicationRoute = "application"

// codeAborted stands for a status where the answer was cut off.
const codeAborted = "aborted"

// methods are those that have a label of their own; a client may send any word.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

// Requests counts and times what an HTTP server is asked. Its labels are bounded
// whatever clients send: a route is a pattern, never a path.
type Requests struct {
	inFlight       prometheus.Gauge
	duration, size *prometheus.HistogramVec
}

var _ prometheus.Collector = (*Requests)(nil)

// NewRequests returns metrics without a request.
func NewRequests() *Requests {
	return &Requests{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts(requestsInFlight.opts())),
		duration: requestDuration.vec(), size: responseSize.vec(),
	}
}

// Describe implements [prometheus.Collector].
func (q *Requests) Describe(ch chan<- *prometheus.Desc) {
	q.inFlight.Describe(ch)
	q.duration.Describe(ch)
	q.size.Describe(ch)
}

// Collect implements [prometheus.Collector].
func (q *Requests) Collect(ch chan<- prometheus.Metric) {
	q.inFlight.Collect(ch)
	q.duration.Collect(ch)
	q.size.Collect(ch)
}

// answered is what Route tells Handler.
type answered struct {
	route string
	ctx   context.Context // carries the trace that the request got on its way
}

// answeredKey is the context's key of an *answered.
type answeredKey struct{}

// Handler observes every request to next. What reaches no handler of Route below
// it goes by the route "application".
func (q *Requests) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by := &answered{route: applicationRoute, ctx: r.Context()}
		var m httpsnoop.Metrics
		code, began := codeAborted, time.Now()
		q.inFlight.Inc()
		defer func() { // a handler cuts its answer off by panicking
			q.inFlight.Dec()
			took := q.duration.WithLabelValues(methodLabel(r.Method), by.route, code)
			observe(by.ctx, took, time.Since(began).Seconds())
			observe(by.ctx, q.size.WithLabelValues(by.route), float64(m.Written))
		}()
		m.CaptureMetrics(w, func(w http.ResponseWriter) {
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), answeredKey{}, by)))
		})
		code = class(m.Code)
	})
}

// Route tells the Handler around it by which pattern the ServeMux in next has
// answered. Nothing between it and that mux may replace the request.
func (*Requests) Route(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if by, ok := r.Context().Value(answeredKey{}).(*answered); ok {
			by.ctx = r.Context()
			defer func() { by.route = route(r.Pattern) }()
		}
		next.ServeHTTP(w, r)
	})
}

// route is a pattern without its method; "none" where the request was answered
// before it came to one.
func route(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return pattern[strings.LastIndexByte(pattern, ' ')+1:]
}

// class is 2xx for 204; a handler that wrote nothing has answered 200.
func class(code int) string {
	if code == 0 {
		code = http.StatusOK
	}
	return strconv.Itoa(code/100) + "xx"
}

func methodLabel(method string) string {
	if slices.Contains(methods, method) {
		return method
	}
	return "other"
}
