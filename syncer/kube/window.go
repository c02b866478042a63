package kube

import (
	"fmt"
	"io"
	"sync"
)

// maxDepth bounds how deep arrays and objects nest, far above what the API
// server accepts, so that a hostile answer can't exhaust the stack.
const maxDepth = 1000

// defaultMaxObjectBytes bounds one object, and one token outside of objects.
// etcd's own limit is 1.5 MiB; aggregated API servers may have another.
const defaultMaxObjectBytes = 64 << 20

// windowBytes is the size that the window of a list starts with, watchBytes that
// of a watch: there is one a cell, open for as long as the process lives, and
// mostly idle. maxPooledWindow is the largest that is kept for the next response.
const (
	windowBytes     = 128 << 10
	watchBytes      = 16 << 10
	maxPooledWindow = 1 << 20
)

// ScanError is an answer that isn't the JSON that it should be. It never holds
// more of the answer than one byte.
type ScanError struct {
	Offset int64  // of the byte in the response at which scanning ended
	Item   int    // index of the list's item; -1 outside of items
	Path   string // of the member below the item or the response, where known
	Text   string
	Err    error // of the reader; nil when the bytes themselves are wrong
}

func (e *ScanError) Error() string {
	place := e.Path
	if e.Item >= 0 {
		place = fmt.Sprintf("item %d", e.Item)
		if e.Path != "" {
			place += " " + e.Path
		}
	}
	if place != "" {
		place += ": "
	}
	return fmt.Sprintf("%s%s at byte %d", place, e.Text, e.Offset)
}

// Unwrap returns the reader's error, if that is what ended the scan.
func (e *ScanError) Unwrap() error { return e.Err }

// scanner reads one response. It shows a window of it: buf[pos:] is to be
// scanned, and everything from mark on stays until the mark is taken away.
// Positions that have to survive a refill count from mark.
type scanner struct {
	src  io.Reader
	buf  []byte
	pos  int
	mark int   // -1: nothing has to stay
	base int64 // offset in the response of buf[0]
	max  int   // bytes that may stay

	depth   int
	path    string // of the member being scanned, for errors
	items   int    // index of the item being scanned; -1 outside
	scratch []byte // an unescaped value
	keyBuf  []byte // an unescaped key

	item  item
	list  listState
	frame frameState
}

var scanners = sync.Pool{New: func() any { return &scanner{buf: make([]byte, 0, windowBytes)} }}

func newScanner(src io.Reader, form *form, maxObjectBytes int) *scanner {
	s := scanners.Get().(*scanner)
	s.reset(src, form, maxObjectBytes)
	return s
}

// newWatchScanner returns a scanner that isn't given back.
func newWatchScanner(src io.Reader, form *form, maxObjectBytes int) *scanner {
	s := &scanner{buf: make([]byte, 0, watchBytes)}
	s.reset(src, form, maxObjectBytes)
	return s
}

func (s *scanner) reset(src io.Reader, form *form, maxObjectBytes int) {
	s.src, s.buf, s.pos, s.mark, s.base, s.max = src, s.buf[:0], 0, -1, 0, maxObjectBytes
	s.depth, s.path, s.items = 0, "", -1
	s.item.form = form
	s.list, s.frame = listState{}, frameState{}
}

// release gives the window back. Nothing that the scanner returned may be used afterwards.
func (s *scanner) release() {
	s.src, s.item.form, s.item.batch = nil, nil, nil
	s.list = listState{}
	if cap(s.buf) <= maxPooledWindow {
		scanners.Put(s)
	}
}

// at is the position relative to mark.
func (s *scanner) at() int { return s.pos - s.mark }

// more reads on. It may move the window, so that only positions relative to
// mark stay valid. At the end of the response it returns io.EOF as it is.
func (s *scanner) more() error {
	if len(s.buf) == cap(s.buf) {
		if err := s.room(); err != nil {
			return err
		}
	} else if s.mark < 0 && s.pos == len(s.buf) {
		s.base += int64(s.pos)
		s.buf, s.pos = s.buf[:0], 0
	}
	for range 100 {
		n, err := s.src.Read(s.buf[len(s.buf):cap(s.buf)])
		if n < 0 || n > cap(s.buf)-len(s.buf) {
			return s.fail("reader returned an impossible count")
		}
		s.buf = s.buf[:len(s.buf)+n]
		switch {
		case n > 0:
			return nil // an error comes again with the next call
		case err == io.EOF:
			return io.EOF
		case err != nil:
			e := s.fail("read: " + err.Error())
			e.Err = err
			return e
		}
	}
	e := s.fail("read: " + io.ErrNoProgress.Error())
	e.Err = io.ErrNoProgress
	return e
}

// room makes space behind a full window: by giving up what needn't stay, or else
// by growing it.
func (s *scanner) room() error {
	keep := s.pos
	if s.mark >= 0 {
		keep = s.mark
	}
	kept := len(s.buf) - keep
	switch {
	case kept > s.max:
		return s.fail(fmt.Sprintf("object of more than %d bytes", s.max))
	case kept <= cap(s.buf)/2:
		copy(s.buf[:kept], s.buf[keep:])
		s.buf = s.buf[:kept]
	default:
		grown := make([]byte, kept, 2*cap(s.buf))
		copy(grown, s.buf[keep:])
		s.buf = grown
	}
	s.base += int64(keep)
	s.pos -= keep
	if s.mark >= 0 {
		s.mark = 0
	}
	return nil
}

// fail is an error at the current position.
func (s *scanner) fail(text string) *ScanError {
	return &ScanError{Offset: s.base + int64(s.pos), Item: s.items, Path: s.path, Text: text}
}

// unexpected is the error for the byte at the current position.
func (s *scanner) unexpected(want string) error {
	return s.fail(fmt.Sprintf("invalid character %q instead of %s", s.buf[s.pos], want))
}

// truncated turns the response's end, which came too early, into an error.
func (s *scanner) truncated(err error) error {
	if err != io.EOF {
		return err
	}
	e := s.fail("unexpected end")
	e.Err = io.ErrUnexpectedEOF
	return e
}

// need makes sure that a byte is there.
func (s *scanner) need() error {
	if s.pos < len(s.buf) {
		return nil
	}
	return s.truncated(s.more())
}
