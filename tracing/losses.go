package tracing

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// tellEvery is how often the log tells that the export fails: a collector that is
// away stays so for a while, and a batch fails every few seconds.
const tellEvery = time.Minute

// losses counts what couldn't be exported, and tells of it now and then. Nobody
// else hears of an export that fails: the sync goes on.
type losses struct {
	log hclog.Logger

	mu     sync.Mutex
	count  uint64    // guarded by mu
	untold uint64    // guarded by mu: since the log has last told
	toldAt time.Time // guarded by mu
	away   bool      // guarded by mu: what the log has last told
}

var _ otel.ErrorHandler = (*losses)(nil)

// ExportErrors is how many exports have failed, in whole or in part.
func (l *losses) ExportErrors() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Handle takes in an error of the SDK. Set as the process' [otel.ErrorHandler] it
// also hears what a collector refused of a batch.
func (l *losses) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	l.untold++
	now := time.Now()
	if !l.toldAt.IsZero() && now.Sub(l.toldAt) < tellEvery {
		return
	}
	l.log.Warn("trace export fails, spans are lost", "error", redact(err.Error()), "failures", l.untold)
	l.untold, l.toldAt, l.away = 0, now, true
}

// arrived says that an export has worked.
func (l *losses) arrived() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		l.away = false
		l.log.Info("trace export works again")
	}
}

// reporting is an exporter whose failures end here, and whose spans have nothing in
// them that mustn't leave the process.
type reporting struct {
	sdktrace.SpanExporter
	*losses
}

// ExportSpans implements [sdktrace.SpanExporter].
func (r *reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, clean(spans)); err != nil {
		r.Handle(err)
	} else {
		r.arrived()
	}
	return nil
}

// clean makes the texts of statuses fit to leave: instrumentation from outside puts
// errors there as they are.
func clean(spans []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	out := spans
	for i, s := range spans {
		if s.Status().Description == "" {
			continue
		}
		if &out[0] == &spans[0] { // the slice is the processor's
			out = append([]sdktrace.ReadOnlySpan(nil), spans...)
		}
		out[i] = cleanSpan{s}
	}
	return out
}

type cleanSpan struct{ sdktrace.ReadOnlySpan }

// Status implements [sdktrace.ReadOnlySpan].
func (s cleanSpan) Status() sdktrace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = redact(status.Description)
	return status
}
