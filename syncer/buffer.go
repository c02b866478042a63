package syncer

import (
	"sync"
	"time"
)

// buffer holds the watch events of one cell that the store hasn't acknowledged:
// one entry a key, the newest event wins. It knows up to where the store is whole.
type buffer struct {
	mu       sync.Mutex
	queue    []*entry          // in the order in which the keys' first events came
	byKey    map[string]*entry // the entries in queue
	bytes    int64             // of queue and of what is in flight
	inFlight []*entry          // taken, not acknowledged
	received uint64            // the version of the last event or bookmark
	counts   Counts            // since the last drain
	events   Events

	ready chan struct{} // holds a token while there is something to do
}

// entry is a key that waits. before is the version up to which everything ahead
// of the key's first unacknowledged event had been received.
type entry struct {
	op       Op
	before   uint64
	received time.Time
	bytes    int64
}

// entryOverhead is roughly what an entry costs besides the object.
const entryOverhead = 256

func newBuffer(rv uint64) *buffer {
	return &buffer{byKey: map[string]*entry{}, received: rv, ready: make(chan struct{}, 1)}
}

// add takes an event in, and returns the bytes that are buffered then.
func (b *buffer) add(t EventType, o *Object) int64 {
	own := *o
	if t == Deleted {
		own.JSON, own.Labels = nil, nil
	}
	e := &entry{op: Op{Object: own.Clone(), Delete: t == Deleted}, received: time.Now()}
	e.bytes = entryOverhead + int64(len(e.op.Object.JSON)+len(o.Key)+len(o.UID))

	b.mu.Lock()
	defer b.mu.Unlock()
	b.count(t)
	b.counts.Received++
	e.before = b.received
	b.received = max(b.received, o.RV)
	if old := b.byKey[string(o.Key)]; old != nil {
		b.counts.Coalesced++
		b.bytes += e.bytes - old.bytes
		old.op, old.bytes = e.op, e.bytes
	} else {
		b.byKey[string(o.Key)] = e
		b.queue = append(b.queue, e)
		b.bytes += e.bytes
	}
	b.wake()
	return b.bytes
}

func (b *buffer) count(t EventType) {
	switch t {
	case Added:
		b.events.Added++
	case Modified:
		b.events.Modified++
	case Deleted:
		b.events.Deleted++
	}
}

// bookmark moves on what has been received.
func (b *buffer) bookmark(rv uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events.Bookmark++
	b.received = max(b.received, rv)
	b.wake()
}

func (b *buffer) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take moves the oldest entries in flight and appends their ops to dst. One batch
// is in flight at a time, so writes of one key keep their order.
func (b *buffer) take(dst []Op) []Op {
	b.mu.Lock()
	defer b.mu.Unlock()
	var bytes int64
	n := 0
	for n < len(b.queue) && n < maxBatchOps && (n == 0 || bytes+b.queue[n].bytes <= maxBatchBytes) {
		e := b.queue[n]
		bytes += e.bytes
		delete(b.byKey, string(e.op.Object.Key))
		dst = append(dst, e.op)
		n++
	}
	b.inFlight = append(b.inFlight[:0], b.queue[:n]...)
	rest := copy(b.queue, b.queue[n:])
	clear(b.queue[rest:])
	b.queue = b.queue[:rest]
	return dst
}

// acknowledge says that the store has what was taken. It returns when the
// entries had been received.
func (b *buffer) acknowledge(received func(time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.inFlight {
		b.bytes -= e.bytes
		received(e.received)
	}
	clear(b.inFlight)
	b.inFlight = b.inFlight[:0]
}

// checkpoint is the version up to which the store has everything.
func (b *buffer) checkpoint() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.inFlight) > 0:
		return b.inFlight[0].before
	case len(b.queue) > 0:
		return b.queue[0].before
	default:
		return b.received
	}
}

// last is the version from which the watch goes on.
func (b *buffer) last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received
}

// size is the bytes that wait or are in flight.
func (b *buffer) size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// waiting is since when the oldest entry waits; zero when none does.
func (b *buffer) waiting() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.inFlight) > 0:
		return b.inFlight[0].received
	case len(b.queue) > 0:
		return b.queue[0].received
	default:
		return time.Time{}
	}
}

// drain returns what was counted since the last call, and the bytes buffered.
func (b *buffer) drain() (Counts, Events, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts, events := b.counts, b.events
	b.counts, b.events = Counts{}, Events{}
	return counts, events, b.bytes
}
