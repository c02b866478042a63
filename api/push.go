package api

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// PushOptions bound what the streams and the waiting requests cost. The zero
// value is what production uses.
type PushOptions struct {
	// MaxClients bounds the streams, and the waiting requests apart from them; 2,048.
	MaxClients int
	// Heartbeat is how long a stream may be silent; 15 s.
	Heartbeat time.Duration
	// Interval is the least time between two samples, and so between two events;
	// 100 ms. It grows with the number of clients.
	Interval time.Duration
	// WriteTimeout ends a stream whose reader takes nothing in; 20 s.
	WriteTimeout time.Duration
	// Clients is told when a stream begins (1) and ends (-1), with what it is
	// served by: a [Transports]. Nobody when nil.
	Clients func(transport string, change int)
}

// What streams are served by.
const (
	transportSSE       = "sse"
	transportWebSocket = "websocket"
)

// Transports lists what streams are served by.
var Transports = []string{transportSSE, transportWebSocket}

func (o *PushOptions) defaults() {
	if o.MaxClients <= 0 {
		o.MaxClients = 2048
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Interval <= 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 20 * time.Second
	}
	if o.Clients == nil {
		o.Clients = func(string, int) {}
	}
}

// maxSeen bounds the revisions that a stream can be resumed from: at ten samples
// a second, those of the last seven minutes.
const maxSeen = 4096

// Why a stream begins anew.
const (
	reasonUnknown   = "the event id isn't one of this server's"
	reasonRestarted = "the server has started anew since"
	reasonTooOld    = "too much has changed since"
)

// broadcaster samples the state while anyone streams, and shares what it renders
// among all of them. Its goroutine begins with the first and ends with the last.
type broadcaster struct {
	PushOptions
	view    func() *view
	changed func() <-chan struct{}
	log     hclog.Logger

	mu      sync.Mutex
	frame   *frame        // guarded by mu: the newest; it stays when nobody streams
	seen    []uint64      // guarded by mu: revisions of frames with frame's tag, ascending
	clients int           // guarded by mu
	waiting int           // guarded by mu: requests that wait, which aren't streams
	sampled time.Time     // guarded by mu
	stop    chan struct{} // guarded by mu: closed to end the goroutine
	stopped chan struct{} // guarded by mu: closed by the goroutine
}

// pushed registers what needs to know of changes.
func (a *handler) pushed() {
	if a.Changed == nil {
		return
	}
	a.push = &broadcaster{PushOptions: a.Push, view: a.headers.view, changed: a.Changed, log: a.Log}
	a.push.defaults()
	a.read("/api/v1/sync/events", a.events)
	a.read("/api/v1/sync/ws", a.ws)
}

// newTag tells this process's revisions from those of any other.
func newTag() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// errTooMany is a stream beyond the bound.
var errTooMany = errors.New("too many clients")

// join counts a stream in, and makes sure that there is a frame. leave must be called.
func (b *broadcaster) join() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clients >= b.MaxClients {
		return errTooMany
	}
	if b.clients == 0 {
		if err := b.sample(); err != nil {
			return err
		}
		b.stop, b.stopped = make(chan struct{}), make(chan struct{})
		go b.run(b.stop, b.stopped)
	}
	b.clients++
	return nil
}

// leave ends the goroutine with the last stream, and waits for it.
func (b *broadcaster) leave() {
	b.mu.Lock()
	b.clients--
	var stopped chan struct{}
	if b.clients == 0 {
		close(b.stop)
		stopped = b.stopped
	}
	b.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
}

// run samples after each change, and never more often than the interval.
func (b *broadcaster) run(stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	timer := time.NewTimer(b.Interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-stop:
			return
		}
		changed := b.changed()
		b.mu.Lock()
		err := b.sample()
		b.mu.Unlock()
		if err != nil {
			b.log.Error("status can't be streamed", "error", err)
		}
		select {
		case <-changed:
		case <-stop:
			return
		}
		timer.Reset(b.pause())
	}
}

// clientCost lengthens the interval by what an event costs for one client: a
// thousand are told four times a second, for a few hundredths of a core.
const clientCost = 150 * time.Microsecond

// pause is what is left of the interval.
func (b *broadcaster) pause() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, b.Interval+time.Duration(b.clients)*clientCost-time.Since(b.sampled))
}

// sample makes the newest snapshot the newest frame; the caller holds mu.
func (b *broadcaster) sample() error {
	v, before := b.view(), b.frame
	if before != nil && before.same(v) {
		return nil
	}
	var tag string
	if before != nil && v.status.Revision > before.at.revision {
		tag = before.at.tag
	} else {
		// Revisions have begun anew: none from before says anything any more.
		tag, before, b.seen = newTag(), nil, nil
	}
	f, err := newFrame(v, tag, before)
	if err != nil {
		return err
	}
	if len(b.seen) >= maxSeen {
		b.seen = slices.Delete(b.seen, 0, maxSeen/4)
	}
	b.seen = append(b.seen, f.at.revision)
	old := b.frame
	b.frame, b.sampled = f, time.Now()
	if old != nil {
		close(old.next)
	}
	return nil
}

// newest returns the newest frame.
func (b *broadcaster) newest() *frame {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.frame
}

// first returns the frame that a stream begins with: not older than v, which
// its client may have seen in another response.
func (b *broadcaster) first(ctx context.Context, v *view) *frame {
	f := b.newest()
	if f.view.status == v.status || f.at.revision >= v.status.Revision {
		return f
	}
	select {
	case <-f.next: // sampled after v, so as new as that
	case <-ctx.Done():
	}
	return b.newest()
}

// due returns what brings a reader from where it is to f.
func (b *broadcaster) due(f *frame, from position) ([]*pushEvent, error) {
	if from == f.at {
		return nil, nil
	}
	if from == (position{}) {
		return events(f.snapshot())
	}
	if reason := b.lost(f, from); reason != "" {
		reset, err := f.reset(reason)
		if err != nil {
			return nil, err
		}
		snapshot, err := f.snapshot()
		return []*pushEvent{reset, snapshot}, err
	}
	return events(f.change(from.revision))
}

func events(e *pushEvent, err error) ([]*pushEvent, error) { return []*pushEvent{e}, err }

// lost says why a stream can't go on from a position, or "".
func (b *broadcaster) lost(f *frame, from position) string {
	switch {
	case from.tag == "":
		return reasonUnknown
	case from.tag != f.at.tag:
		return reasonRestarted
	case from.revision > f.at.revision:
		return reasonUnknown
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.frame.at.tag != f.at.tag {
		return reasonRestarted
	}
	if _, ok := slices.BinarySearch(b.seen, from.revision); !ok {
		return reasonTooOld
	}
	return ""
}

// await counts a waiting request in; done must be called if it is true.
func (b *broadcaster) await() (done func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting >= b.MaxClients {
		return nil, false
	}
	b.waiting++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.waiting--
	}, true
}
