package kube

import (
	"io"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// ListResult is what a scan of one page found.
type ListResult struct {
	RV        uint64
	Continue  string
	Remaining int64
	Batch     *syncer.Batch
}

type collect struct{ ListResult }

func (c *collect) meta(m listMeta) error {
	c.RV, c.Continue, c.Remaining = m.rv, m.next, m.remaining
	return nil
}
func (c *collect) batch() *syncer.Batch { return c.Batch }
func (c *collect) added() error         { return nil }

// ScanList scans one page into b.
func ScanList(r io.Reader, cell syncer.Cell, secretsKey []byte, b *syncer.Batch, maxObjectBytes int) (*ListResult, error) {
	var redact *redactor
	if secretsKey != nil {
		redact = &redactor{key: secretsKey}
	}
	if maxObjectBytes == 0 {
		maxObjectBytes = defaultMaxObjectBytes
	}
	s := newScanner(r, newForm(cell, redact), maxObjectBytes)
	defer s.release()
	c := &collect{ListResult{Batch: b}}
	err := s.scanList(c)
	return &c.ListResult, err
}

// PageScanner scans pages without making anything anew, for measurements.
type PageScanner struct {
	c *collect
	f *form
}

// NewPageScanner returns one for the pages of a cell.
func NewPageScanner(cell syncer.Cell) *PageScanner {
	return &PageScanner{&collect{ListResult{Batch: syncer.NewBatch()}}, newForm(cell, nil)}
}

// Scan reads a page and returns its number of objects.
func (p *PageScanner) Scan(r io.Reader) (int, error) {
	b := p.c.Batch
	b.Objects, b.Buf, b.LabelBuf = b.Objects[:0], b.Buf[:0], b.LabelBuf[:0]
	s := newScanner(r, p.f, defaultMaxObjectBytes)
	defer s.release()
	err := s.scanList(p.c)
	return len(b.Objects), err
}

// ScanWatch scans events until the stream's end. status is called for errors.
func ScanWatch(r io.Reader, cell syncer.Cell, event func(syncer.EventType, *syncer.Object), bookmark func(uint64), status func(code int32)) error {
	s := newScanner(r, newForm(cell, nil), defaultMaxObjectBytes)
	defer s.release()
	b := syncer.NewBatch()
	for {
		kind, err := s.scanFrame(b)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind {
		case bookmarkEvent:
			bookmark(s.item.rv)
		case errorEvent:
			st, err := s.status()
			if err != nil {
				return err
			}
			status(st.Code)
		default:
			event(kind, &b.Objects[0])
		}
	}
}

// SetStall shortens the silence that a list bears.
func (s *Source) SetStall(d time.Duration) { s.stall = d }
