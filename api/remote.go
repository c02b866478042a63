package api

import (
	"sync/atomic"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// maxUnheard is how long the last status is shown once the Sidemirror that it
// came from can't be read: a restart passes unnoticed, and nobody relies for
// longer on a mirror that may have stopped.
const maxUnheard = 10 * time.Second

// Follower knows the status of a Sidemirror that runs elsewhere, as the one of
// package client does. Both methods return at once.
type Follower interface {
	// Status is the newest document that has come, never nil; its Revision is 0
	// before the first.
	Status() *syncer.Status
	// Err is nil while the status is up to date.
	Err() error
}

// NewRemoteHeaders returns the middleware for an application beside a
// Sidemirror. The application's requests ask nobody: they show what f knows.
//
// When f hasn't heard anything yet, or nothing for ten seconds, responses have
// neither X-Sync-Status nor any of the others but X-Sync-Error, "no answer from the
// sidecar": the four values of the status are facts, and there is none to tell.
func NewRemoteHeaders(f Follower) *Headers {
	var heard atomic.Int64                   // when f was last seen up to date, in nanoseconds
	began := time.Now().Add(-2 * maxUnheard) // what was never seen up to date isn't shown
	return NewHeaders(func() *syncer.Status {
		s, now := f.Status(), int64(time.Since(began))
		switch {
		case s.Revision == 0:
			return nil
		case f.Err() == nil:
			heard.Store(now)
		case now-heard.Load() > int64(maxUnheard):
			return nil
		}
		return s
	})
}

// unknown is shown where nobody knows the state.
var unknown = &view{headers: []headerValue{
	{name: HeaderError, values: []string{"no answer from the sidecar"}},
	{name: "Access-Control-Expose-Headers", values: exposedHeaders},
}}
