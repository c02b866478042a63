package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	// maxLeaps bounds how many readers that were slow, each in its own way, get a
	// change of their own; the others share the snapshot.
	maxLeaps = 32
	// maxGone bounds how long removed entries are remembered.
	maxGone = 256
)

// frame is one sample of the state, in the form that a change from any earlier
// frame can be told from: each part knows when it changed last.
type frame struct {
	view *view
	at   position
	// floor is the oldest revision that changes can be told since.
	floor     uint64
	members   map[string]part
	resources []resourcePart
	gone      []removal
	next      chan struct{} // closed once there is a newer frame

	mu    sync.Mutex
	whole *pushEvent            // guarded by mu
	leaps map[uint64]*pushEvent // guarded by mu: by the revision that they begin at
}

// part is one member of the document, or one entry of resourceStatus.
type part struct {
	raw     json.RawMessage
	changed uint64 // the revision of the first frame that had it so
}

type resourcePart struct {
	key ResourceKey
	part
}

type removal struct {
	key ResourceKey
	at  uint64
}

// pushEvent is one envelope, made once for every reader.
type pushEvent struct {
	sse  []byte // framed as a Server-Sent Event
	json []byte // the envelope, a part of sse
}

// newFrame takes v apart. before is the frame before it of the same tag, or nil.
func newFrame(v *view, tag string, before *frame) (*frame, error) {
	body, err := v.render()
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	var resources []json.RawMessage
	if err := json.Unmarshal(members[resourceMember], &resources); err != nil {
		return nil, err
	}
	if len(resources) != len(v.status.ResourceStatus) {
		return nil, fmt.Errorf("document has %d resources, want %d", len(resources), len(v.status.ResourceStatus))
	}
	delete(members, resourceMember)
	revision := v.status.Revision
	f := &frame{
		view: v, at: position{revision: revision, tag: tag}, floor: revision,
		members: make(map[string]part, len(members)), resources: make([]resourcePart, len(resources)),
		next: make(chan struct{}), leaps: map[uint64]*pushEvent{},
	}
	for name, raw := range members {
		f.members[name] = part{raw, revision}
	}
	for i, raw := range resources {
		r := &v.status.ResourceStatus[i]
		f.resources[i] = resourcePart{ResourceKey{r.Name, r.Namespace}, part{raw, revision}}
	}
	if before != nil {
		f.follow(before)
	}
	return f, nil
}

// same reports whether v shows what f shows. Whoever makes the status anew for
// each reader hands out other pointers to the same.
func (f *frame) same(v *view) bool {
	if f.view.status == v.status {
		return true
	}
	if f.at.revision != v.status.Revision {
		return false
	}
	was, err := f.view.render()
	if err != nil {
		return false
	}
	is, err := v.render()
	return err == nil && bytes.Equal(was, is)
}

// follow dates back what is as it was before. Where a change can't say what
// happened (a member is gone, the order is another), the floor stays at f.
func (f *frame) follow(before *frame) {
	continues := true
	for name, old := range before.members {
		now, ok := f.members[name]
		if !ok {
			continues = false
			continue
		}
		f.members[name] = now.since(old)
	}
	if !f.followResources(before) {
		continues = false
	}
	if continues && len(f.gone) <= maxGone {
		f.floor = before.floor
		return
	}
	f.gone = nil
}

// followResources reports whether the entries are those from before, less the
// removed ones, plus new ones at the end: what a reader makes of a change.
func (f *frame) followResources(before *frame) bool {
	index := make(map[ResourceKey]int, len(f.resources))
	for i := range f.resources {
		index[f.resources[i].key] = i
	}
	f.gone = before.gone[:len(before.gone):len(before.gone)]
	kept := 0
	inOrder := true
	for _, old := range before.resources {
		i, ok := index[old.key]
		if !ok {
			f.gone = append(f.gone, removal{old.key, f.at.revision})
			continue
		}
		f.resources[i].part = f.resources[i].since(old.part)
		inOrder = inOrder && i == kept
		kept++
	}
	for _, r := range before.gone {
		if _, back := index[r.key]; back {
			return false // a reader that never saw it go would leave it where it was
		}
	}
	return inOrder
}

// since keeps the bytes of p, and the age of old where they are the same.
func (p part) since(old part) part {
	if bytes.Equal(p.raw, old.raw) {
		p.changed = old.changed
	}
	return p
}

// snapshot is the whole document as an event.
func (f *frame) snapshot() (*pushEvent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.whole != nil {
		return f.whole, nil
	}
	body, err := f.view.render()
	if err != nil {
		return nil, err
	}
	f.whole, err = newPushEvent(f.at, &Envelope{Type: EnvelopeSnapshot, Revision: f.at.revision, Status: body})
	return f.whole, err
}

// change is what happened since an earlier frame, as an event; the snapshot where
// a change can't tell it.
func (f *frame) change(since uint64) (*pushEvent, error) {
	if since < f.floor {
		return f.snapshot()
	}
	f.mu.Lock()
	e, full := f.leaps[since], len(f.leaps) >= maxLeaps
	if e == nil && !full {
		var err error
		if e, err = f.render(since); err != nil {
			f.mu.Unlock()
			return nil, err
		}
		f.leaps[since] = e
	}
	f.mu.Unlock()
	if e == nil {
		return f.snapshot()
	}
	return e, nil
}

func (f *frame) render(since uint64) (*pushEvent, error) {
	e := &Envelope{Type: EnvelopeChange, Revision: f.at.revision, Since: since}
	members := map[string]json.RawMessage{}
	for name, p := range f.members {
		if p.changed > since {
			members[name] = p.raw
		}
	}
	var err error
	if e.Status, err = json.Marshal(members); err != nil {
		return nil, err
	}
	for _, r := range f.resources {
		if r.changed > since {
			e.Resources = append(e.Resources, r.raw)
		}
	}
	for _, r := range f.gone {
		if r.at > since {
			e.Removed = append(e.Removed, r.key)
		}
	}
	return newPushEvent(f.at, e)
}

// end is the last event of a stream that was asked for until something.
func (f *frame) end(u until) (*pushEvent, error) {
	at := f.at
	at.ended = true
	return newPushEvent(at, &Envelope{Type: EnvelopeEnd, Revision: at.revision, Reason: string(u)})
}

// reset tells a reader that it can't go on from where it is. It has no id: who
// loses the connection before the snapshot has come asks again from there.
func (f *frame) reset(reason string) (*pushEvent, error) {
	return newPushEvent(position{}, &Envelope{Type: EnvelopeReset, Revision: f.at.revision, Reason: reason})
}

// newPushEvent frames e. JSON escapes control characters, so the data is one line.
func newPushEvent(at position, e *Envelope) (*pushEvent, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(text)+96)
	out = append(out, "event: "...)
	out = append(out, e.Type...)
	if at.tag != "" {
		out = append(out, "\nid: "...)
		out = append(out, at.String()...)
	}
	out = append(out, "\ndata: "...)
	from := len(out)
	out = append(out, text...)
	to := len(out)
	return &pushEvent{sse: append(out, "\n\n"...), json: out[from:to:to]}, nil
}

// until is what ends a stream, or a wait; "" is nothing.
type until string

const (
	untilCompleted until = "completed"
	untilTerminal  until = "terminal" // completed or failed
)

// reached reports whether s is what was waited for.
func (u until) reached(s *syncer.Status) bool {
	switch u {
	case untilCompleted:
		return s.Status == syncer.Completed
	case untilTerminal:
		return s.Status == syncer.Completed || s.Status == syncer.Failed
	}
	return false
}
