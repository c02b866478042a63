package kubeauth

import (
	"crypto/sha256"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/util/cache"
)

// digest stands for a question.
type digest [sha256.Size]byte

// clock tells the caches the time.
type clock func() time.Time

// Now implements the cache's clock.
func (c clock) Now() time.Time { return c() }

// answers remembers what the cluster said, and asks it once where several want to
// know the same. Yes and no have a cache each, so that a flood of questions that are
// denied doesn't push out what is allowed. An error isn't remembered.
type answers[T any] struct {
	yes, no *cache.LRUExpireCache
	flights singleflight.Group
	now     clock
	ttl     time.Duration
}

// answer is a yes with what belongs to it, or a no.
type answer[T any] struct {
	yes   bool
	value T
}

func newAnswers[T any](entries int, ttl time.Duration, now clock) *answers[T] {
	return &answers[T]{
		yes: cache.NewLRUExpireCacheWithClock(entries, now),
		no:  cache.NewLRUExpireCacheWithClock(entries, now),
		now: now, ttl: ttl,
	}
}

// get returns what is known, or what ask says. Who waits for another's question
// waits as long as that takes, whatever becomes of its own request.
func (a *answers[T]) get(key digest, ask func() (answer[T], error)) (answer[T], error) {
	var boxed any = key
	for _, known := range []*cache.LRUExpireCache{a.yes, a.no} {
		if value, ok := known.Get(boxed); ok {
			return value.(answer[T]), nil
		}
	}
	value, err, _ := a.flights.Do(string(key[:]), func() (any, error) {
		asked := a.now()
		got, err := ask()
		if err != nil {
			return got, err
		}
		into := a.no
		if got.yes {
			into = a.yes
		}
		if left := a.ttl - a.now().Sub(asked); left > 0 {
			into.Add(boxed, got, left)
		}
		return got, nil
	})
	return value.(answer[T]), err
}
