package tracing

import (
	"context"
	"sync/atomic"
	"time"
)

// A run has room for runSpans spans of single calls, a resync outside of one for
// resourceSpans. What is slow or failed is kept beyond that.
const (
	runSpans      = 1000
	resourceSpans = 100
	slow          = time.Second
)

type budgetKey struct{}

// withBudget gives what runs below ctx room for n spans, unless it has some.
func withBudget(ctx context.Context, n int32) context.Context {
	if _, ok := ctx.Value(budgetKey{}).(*atomic.Int32); ok {
		return ctx
	}
	left := &atomic.Int32{}
	left.Store(n)
	return context.WithValue(ctx, budgetKey{}, left)
}

// keep reports whether a call below ctx gets its span.
func keep(ctx context.Context, took time.Duration, failed bool) bool {
	if failed || took >= slow {
		return true
	}
	left, ok := ctx.Value(budgetKey{}).(*atomic.Int32)
	return !ok || left.Load() > 0 && left.Add(-1) >= 0
}
