package syncer

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces attempts: it doubles from min to max, with a random part of a
// fifth so that cells that failed together don't come back together.
type backoff struct {
	min, max time.Duration
	failures int
}

// next is the wait before the next attempt; it is never shorter than atLeast.
func (b *backoff) next(atLeast time.Duration) time.Duration {
	d := b.max
	if b.failures < 30 {
		d = min(b.max, b.min<<b.failures)
	}
	b.failures++
	d += time.Duration(rand.Int64N(int64(d)/5 + 1))
	return max(d, atLeast)
}

func (b *backoff) reset() { b.failures = 0 }

// pause waits for d, or for the end of ctx, which it returns as its error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
