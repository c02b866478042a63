package syncer

import "sync"

// Object is one Kubernetes object as bytes: JSON as kubectl would show it, with
// apiVersion and kind, without metadata.managedFields and the last-applied
// annotation. The slices alias a buffer that someone else owns; see [Batch] and
// [Watcher] for how long they live, and Clone for keeping one longer.
type Object struct {
	Key    []byte // as JoinKey makes it
	UID    []byte
	RV     uint64 // metadata.resourceVersion
	Labels []Label
	JSON   []byte
}

// Label is one entry of metadata.labels, unescaped.
type Label struct{ Name, Value []byte }

// Clone copies o and all that it refers to into memory of its own.
func (o *Object) Clone() Object {
	n := len(o.Key) + len(o.UID) + len(o.JSON)
	for _, l := range o.Labels {
		n += len(l.Name) + len(l.Value)
	}
	buf := make([]byte, 0, n)
	own := func(b []byte) []byte {
		start := len(buf)
		buf = append(buf, b...)
		return buf[start:len(buf):len(buf)]
	}
	c := Object{Key: own(o.Key), UID: own(o.UID), RV: o.RV, JSON: own(o.JSON)}
	if len(o.Labels) > 0 {
		c.Labels = make([]Label, len(o.Labels))
		for i, l := range o.Labels {
			c.Labels[i] = Label{Name: own(l.Name), Value: own(l.Value)}
		}
	}
	return c
}

// Batch is a run of listed objects that share one buffer. Whoever receives a
// batch owns it, and calls Release once nothing refers to its objects any more.
type Batch struct {
	Objects []Object
	// ResourceVersion is the version of the list that the objects belong to: the
	// same for every batch of one list.
	ResourceVersion uint64
	// Remaining is the server's estimate of the objects that follow the page of
	// this batch; -1 when it gave none.
	Remaining int64

	// Buf and LabelBuf are the memory behind Objects, for the source to fill.
	Buf      []byte
	LabelBuf []Label
}

var batches = sync.Pool{New: func() any { return new(Batch) }}

// NewBatch returns an empty batch, with the memory of a released one if there is any.
func NewBatch() *Batch {
	b := batches.Get().(*Batch)
	b.Remaining = -1
	return b
}

// maxPooledBytes keeps a batch with a few huge objects from staying huge for ever.
const maxPooledBytes = 4 << 20

// Release gives the batch's memory back. The batch and its objects are invalid afterwards.
func (b *Batch) Release() {
	if cap(b.Buf) > maxPooledBytes {
		return
	}
	*b = Batch{Objects: b.Objects[:0], Buf: b.Buf[:0], LabelBuf: b.LabelBuf[:0]}
	batches.Put(b)
}
