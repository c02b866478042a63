package kube

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidemirror/sidemirror/syncer"
)

// The types of watch events that carry no object of the resource.
const (
	bookmarkEvent syncer.EventType = "BOOKMARK"
	errorEvent    syncer.EventType = "ERROR"
)

// frameState is what is known of the watch event being scanned.
type frameState struct {
	batch      *syncer.Batch
	kind       syncer.EventType // "" before it is known
	start, end int              // of the object, from mark; end 0: none yet
	scanned    bool             // the object has been scanned as an item
}

// scanFrame reads the next event of a watch stream. An object is the only one of
// b afterwards, the version of a bookmark is in s.item.rv, and an error's status
// is read by status. It returns io.EOF, as it is, when the stream has ended in order.
func (s *scanner) scanFrame(b *syncer.Batch) (syncer.EventType, error) {
	if err := s.between(); err != nil {
		return "", err
	}
	if cap(b.Buf) > maxPooledWindow { // one huge object doesn't stay for the stream's life
		b.Buf = nil
	}
	b.Objects, b.Buf, b.LabelBuf = b.Objects[:0], b.Buf[:0], b.LabelBuf[:0]
	s.frame, s.path, s.depth = frameState{batch: b}, "", 0
	if s.buf[s.pos] != '{' {
		return "", s.unexpected("an event")
	}
	s.mark = s.pos
	if _, err := s.object(visitFrame); err != nil {
		return "", err
	}
	f := &s.frame
	switch {
	case f.kind == "":
		return "", s.fail("an event without type")
	case f.end == 0:
		return "", s.fail("an event without object")
	}
	if !f.scanned && f.kind != errorEvent {
		end := s.at()
		s.pos, s.depth = s.mark+f.start, 1
		if err := s.frameObject(); err != nil {
			return "", err
		}
		s.pos, s.depth = s.mark+end, 0
	}
	return f.kind, s.finishFrame()
}

// finishFrame appends the object, or checks the bookmark.
func (s *scanner) finishFrame() error {
	switch s.frame.kind {
	case errorEvent:
		return nil
	case bookmarkEvent:
		if s.item.rv == 0 {
			return s.fail("a bookmark without resourceVersion")
		}
		return nil
	default:
		return s.emit()
	}
}

// between passes what stands between two events.
func (s *scanner) between() error {
	s.mark = -1
	for {
		for s.pos < len(s.buf) {
			switch s.buf[s.pos] {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return nil
			}
		}
		if cap(s.buf) > maxPooledWindow { // nor does it in the window
			s.base += int64(s.pos)
			s.buf, s.pos = make([]byte, 0, watchBytes), 0
		}
		if err := s.more(); err != nil {
			return err
		}
	}
}

func visitFrame(s *scanner, key []byte) (bool, error) {
	f := &s.frame
	switch string(key) {
	case "type":
		s.path = "type"
		if f.kind != "" {
			return true, s.fail("member appears twice")
		}
		v, err := s.text()
		if err == nil {
			f.kind, err = s.eventType(v)
		}
		if err == nil {
			s.path = ""
		}
		return true, err
	case "object":
		if f.end != 0 {
			s.path = "object"
			return true, s.fail("member appears twice")
		}
		if f.kind != "" && f.kind != errorEvent {
			err := s.frameObject()
			f.end = s.at()
			return true, err
		}
		if _, err := s.token(); err != nil {
			return true, err
		}
		f.start = s.at()
		err := s.value()
		f.end = s.at()
		return true, err
	default:
		return true, s.value()
	}
}

// frameObject scans the event's object as an item. Members of the frame itself
// never need edits, so those of the object stay.
func (s *scanner) frameObject() error {
	s.frame.scanned = true
	return s.scanItem(s.frame.batch)
}

func (s *scanner) eventType(v []byte) (syncer.EventType, error) {
	switch t := syncer.EventType(v); t {
	case syncer.Added:
		return syncer.Added, nil
	case syncer.Modified:
		return syncer.Modified, nil
	case syncer.Deleted:
		return syncer.Deleted, nil
	case bookmarkEvent:
		return bookmarkEvent, nil
	case errorEvent:
		return errorEvent, nil
	default:
		return "", s.fail("unknown type of event")
	}
}

// status is the object of an ERROR event, which scanFrame has read.
func (s *scanner) status() (metav1.Status, error) {
	var st metav1.Status
	f := &s.frame
	if err := json.Unmarshal(s.buf[s.mark+f.start:s.mark+f.end], &st); err != nil {
		return st, s.fail("an ERROR event without a status")
	}
	return st, nil
}
