package tracing

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A run has room for runSpans spans of single calls, a resync outside of one and a
// request for resourceSpans. What is slow or failed is kept beyond that.
const (
	runSpans      = 1000
	resourceSpans = 100
	slow          = time.Second
)

// budget is the room that the calls below one span share.
type budget struct {
	left    atomic.Int32
	omitted atomic.Int64
}

type budgetKey struct{}

// withBudget gives what runs below ctx room for n spans, unless it has some. own
// is nil then.
func withBudget(ctx context.Context, n int32) (inner context.Context, own *budget) {
	if budgetOf(ctx) != nil {
		return ctx, nil
	}
	own = &budget{}
	own.left.Store(n)
	return context.WithValue(ctx, budgetKey{}, own), own
}

func budgetOf(ctx context.Context) *budget {
	b, _ := ctx.Value(budgetKey{}).(*budget)
	return b
}

// take reports whether there was room for one more.
func (b *budget) take() bool { return b.left.Load() > 0 && b.left.Add(-1) >= 0 }

// bounded is a processor that keeps spans of calls beyond their budget from the
// next one, but for slow and failed ones. Whether a call is either shows at its
// end only, and by then the other side may have been told its id: so the span is
// made in any case, and left out afterwards.
type bounded struct {
	sdktrace.SpanProcessor
	surplus sync.Map // trace.SpanID to *budget, of calls that are under way
}

// Bounded hands on to next what the bound of a run leaves.
func Bounded(next sdktrace.SpanProcessor) sdktrace.SpanProcessor {
	return &bounded{SpanProcessor: next}
}

// OnStart implements [sdktrace.SpanProcessor].
func (p *bounded) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if s.SpanKind() == trace.SpanKindClient {
		if b := budgetOf(ctx); b != nil && !b.take() {
			p.surplus.Store(s.SpanContext().SpanID(), b)
		}
	}
	p.SpanProcessor.OnStart(ctx, s)
}

// OnEnd implements [sdktrace.SpanProcessor].
func (p *bounded) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanKind() == trace.SpanKindClient {
		b, beyond := p.surplus.LoadAndDelete(s.SpanContext().SpanID())
		if beyond && s.Status().Code != codes.Error && s.EndTime().Sub(s.StartTime()) < slow {
			b.(*budget).omitted.Add(1)
			return
		}
	}
	p.SpanProcessor.OnEnd(s)
}
