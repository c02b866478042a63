package api

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sidemirror/sidemirror/syncer"
)

// The headers that every response of the API carries, as net/http spells them.
const (
	HeaderStatus          = "X-Sync-Status"
	HeaderStep            = "X-Sync-Step"             // while in progress, once a step has begun
	HeaderProgress        = "X-Sync-Progress"         // while in progress: "6/11" resources
	HeaderCurrentResource = "X-Sync-Current-Resource" // while in progress, if there is one
	HeaderEndTime         = "X-Sync-End-Time"         // when completed: RFC 3339, milliseconds, UTC
	HeaderDuration        = "X-Sync-Duration"         // when completed: "5234ms"
	HeaderError           = "X-Sync-Error"            // when failed
	HeaderRevision        = "X-Sync-Revision"         // the snapshot's

	// Of the resource that a response with mirrored objects is about; absent when unknown.
	HeaderResourceVersion = "X-Sync-Resource-Version" // the mirror is at this version, or behind it
	HeaderLag             = "X-Sync-Lag"              // of its watch: "1234ms"
)

// HeaderNames lists every header that responses of the API may carry; [Headers]
// sets all but those of one resource.
var HeaderNames = []string{
	HeaderStatus, HeaderStep, HeaderProgress, HeaderCurrentResource,
	HeaderEndTime, HeaderDuration, HeaderError, HeaderRevision,
	HeaderResourceVersion, HeaderLag,
}

// endTimeLayout is RFC 3339 with milliseconds; the time has to be in UTC.
const endTimeLayout = "2006-01-02T15:04:05.000Z"

var exposedHeaders = []string{strings.Join(HeaderNames, ", ") + ", " + headerWarning}

// Headers adds the state of the sync to responses, also to those of an
// application that embeds it. Make it with [NewHeaders]; it may be used
// concurrently, and doesn't allocate while the snapshot stays the same.
type Headers struct {
	status   func() *syncer.Status
	traceURL func(id string) string // nil: nobody knows where traces are looked at
	current  atomic.Pointer[view]   // of the newest snapshot that anyone asked for
}

// NewHeaders returns the middleware for the state that status returns. status is
// called once a request and must return at once; nil says that nobody knows.
func NewHeaders(status func() *syncer.Status) *Headers { return &Headers{status: status} }

// Wrap sets the headers, all of one snapshot, and then calls next.
func (h *Headers) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.view().setHeaders(w.Header())
		next.ServeHTTP(w, r)
	})
}

// view returns the newest snapshot made ready. Two requests may race to make
// the same one; both are right, and one of them stays.
func (h *Headers) view() *view {
	s := h.status()
	if s == nil {
		return unknown
	}
	if v := h.current.Load(); v != nil && v.status == s {
		return v
	}
	v := newView(s, h.linked(s))
	h.current.Store(v)
	return v
}

// headerValue is one header with its value as http.Header keeps it.
type headerValue struct {
	name   string
	values []string
}

// headerValues renders what s says; a header that doesn't apply isn't there.
func headerValues(s *syncer.Status) []headerValue {
	out := make([]headerValue, 0, len(HeaderNames)+1)
	add := func(name, value string) {
		if value = Sanitize(value); value != "" {
			out = append(out, headerValue{name: name, values: []string{value}})
		}
	}
	add(HeaderStatus, string(s.Status))
	add(HeaderRevision, strconv.FormatUint(s.Revision, 10))
	switch s.Status {
	case syncer.InProgress:
		add(HeaderStep, string(s.Step))
		add(HeaderProgress, strconv.Itoa(s.SyncedResources)+"/"+strconv.Itoa(s.TotalResources))
		add(HeaderCurrentResource, s.CurrentResource)
	case syncer.Completed:
		if s.EndTime != nil {
			add(HeaderEndTime, s.EndTime.UTC().Format(endTimeLayout))
		}
		if s.DurationMs != nil {
			add(HeaderDuration, strconv.FormatInt(*s.DurationMs, 10)+"ms")
		}
	case syncer.Failed:
		text := "sync failed"
		if s.Error != nil && *s.Error != "" {
			text = *s.Error
		}
		add(HeaderError, text)
	}
	return append(out, headerValue{name: "Access-Control-Expose-Headers", values: exposedHeaders})
}
