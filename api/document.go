package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sidemirror/sidemirror/syncer"
)

// ErrGap is a change that doesn't apply to the document that its reader holds.
var ErrGap = errors.New("the change applies to another revision")

// resourceMember is the one member of the document that changes by entry.
const resourceMember = "resourceStatus"

// Document is a status document that follows a stream: each [Envelope] is applied
// in turn. It keeps members that this program doesn't know. The zero value holds
// nothing; it belongs to one goroutine.
type Document struct {
	revision uint64
	members  map[string]json.RawMessage // nil until a snapshot has come
	entries  []documentEntry
}

type documentEntry struct {
	key    ResourceKey
	raw    json.RawMessage
	status syncer.ResourceStatus
}

// Revision is the revision that the document is of; 0 is none.
func (d *Document) Revision() uint64 { return d.revision }

// Apply takes e in. After an error the document is as it was before; [ErrGap] and
// anything unreadable ask for a new snapshot.
func (d *Document) Apply(e *Envelope) error {
	switch e.Type {
	case EnvelopeSnapshot:
		return d.replace(e)
	case EnvelopeChange:
		return d.change(e)
	case EnvelopeReset:
		*d = Document{}
	}
	return nil
}

func (d *Document) replace(e *Envelope) error {
	next := Document{revision: e.Revision}
	if err := json.Unmarshal(e.Status, &next.members); err != nil {
		return fmt.Errorf("read snapshot %d: %w", e.Revision, err)
	}
	var raws []json.RawMessage
	if err := json.Unmarshal(next.members[resourceMember], &raws); err != nil {
		return fmt.Errorf("read resources of snapshot %d: %w", e.Revision, err)
	}
	delete(next.members, resourceMember)
	next.entries = make([]documentEntry, len(raws))
	for i, raw := range raws {
		if err := next.entries[i].read(raw); err != nil {
			return fmt.Errorf("read resources of snapshot %d: %w", e.Revision, err)
		}
	}
	*d = next
	return nil
}

func (d *Document) change(e *Envelope) error {
	if d.members == nil || d.revision != e.Since {
		return fmt.Errorf("change %d since %d for a document of %d: %w", e.Revision, e.Since, d.revision, ErrGap)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(e.Status, &members); err != nil {
		return fmt.Errorf("read change %d: %w", e.Revision, err)
	}
	changed := make([]documentEntry, len(e.Resources))
	for i, raw := range e.Resources {
		if err := changed[i].read(raw); err != nil {
			return fmt.Errorf("read resources of change %d: %w", e.Revision, err)
		}
	}
	d.entries = slices.DeleteFunc(d.entries, func(one documentEntry) bool { return slices.Contains(e.Removed, one.key) })
	at := make(map[ResourceKey]int, len(d.entries))
	for i := range d.entries {
		at[d.entries[i].key] = i
	}
	for _, one := range changed {
		if i, ok := at[one.key]; ok {
			d.entries[i] = one
		} else {
			d.entries = append(d.entries, one)
		}
	}
	maps.Copy(d.members, members)
	d.revision = e.Revision
	return nil
}

func (one *documentEntry) read(raw json.RawMessage) error {
	one.raw = raw
	if err := json.Unmarshal(raw, &one.key); err != nil {
		return err
	}
	return json.Unmarshal(raw, &one.status)
}

// MarshalJSON returns the document as GET /api/v1/sync/status shows it, but for
// the order of its members.
func (d *Document) MarshalJSON() ([]byte, error) {
	raws := make([]json.RawMessage, len(d.entries))
	for i := range d.entries {
		raws[i] = d.entries[i].raw
	}
	resources, err := json.Marshal(raws)
	if err != nil {
		return nil, err
	}
	whole := make(map[string]json.RawMessage, len(d.members)+1)
	maps.Copy(whole, d.members)
	whole[resourceMember] = resources
	return json.Marshal(whole)
}

// Status returns the document as a snapshot of its own, which later changes don't touch.
func (d *Document) Status() (*syncer.Status, error) {
	text, err := json.Marshal(d.members)
	if err != nil {
		return nil, err
	}
	s := &syncer.Status{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read document %d: %w", d.revision, err)
	}
	s.ResourceStatus = make([]syncer.ResourceStatus, len(d.entries))
	for i := range d.entries {
		s.ResourceStatus[i] = d.entries[i].status
	}
	return s, nil
}
