package kube

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// A page behind the first is asked for again when the server is busy: starting
// the whole list over would add to its load.
const (
	pageTries   = 5
	maxPageWait = 10 * time.Second
)

// List implements [syncer.Source]. The next page is asked for as soon as the
// current one has named it. Custom resources have their metadata behind the
// items: of those, one page is held until its version is known.
func (s *Source) List(ctx context.Context, cell syncer.Cell, yield func(*syncer.Batch) error) (uint64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &lister{s: s, ctx: ctx, cell: cell, what: "list " + cell.String(), form: newForm(cell, s.redact), yield: yield}
	defer l.abandon(cancel)
	l.ask("")
	for l.next != nil {
		if err := l.page(); err != nil {
			if l.refused != nil {
				return 0, l.refused
			}
			return 0, err
		}
	}
	return l.rv, nil
}

// Total implements [syncer.Source]: it asks for one object, and the server tells
// how many remain. With a label selector it doesn't.
func (s *Source) Total(ctx context.Context, cell syncer.Cell) (int64, error) {
	what := "count " + cell.String()
	a, err := s.get(ctx, what, cell, url.Values{"limit": {"1"}}, s.stall)
	if err != nil {
		return 0, err
	}
	defer a.close()
	sc := newScanner(a, newForm(cell, s.redact), s.o.MaxObjectBytes)
	defer sc.release()
	c := counter{first: syncer.NewBatch()}
	defer c.first.Release()
	if err := sc.scanList(&c); err != nil {
		return 0, misread(a.ctx, what, err)
	}
	switch n := int64(len(c.first.Objects)); {
	case c.page.remaining >= 0:
		return n + c.page.remaining, nil
	case c.page.next == "":
		return n, nil
	default:
		return -1, nil
	}
}

// counter is a listSink that keeps what the page says of the rest.
type counter struct {
	page  listMeta
	first *syncer.Batch
}

func (c *counter) meta(m listMeta) error { c.page = m; return nil }
func (c *counter) batch() *syncer.Batch  { return c.first }
func (c *counter) added() error          { return nil }

// lister is one list. Its fields belong to the goroutine that called List.
type lister struct {
	s     *Source
	ctx   context.Context
	cell  syncer.Cell
	what  string
	form  *form
	yield func(*syncer.Batch) error

	rv      uint64        // of the first page; 0 before it is known
	token   string        // of the page that was asked for last
	next    <-chan asked  // the page that is asked for; nil behind the last
	known   bool          // the current page's metadata has come
	current listMeta      // of the current page
	open    *syncer.Batch // being filled; nil: none
	many    bool          // a batch has been full: the next one is likely to be
	full    []*syncer.Batch
	refused error // what yield returned
}

// asked is the outcome of asking for a page.
type asked struct {
	answer *answer
	err    error
}

// ask begins to ask for the page of token.
func (l *lister) ask(token string) {
	query := url.Values{"limit": {strconv.FormatInt(l.s.o.PageSize, 10)}}
	if token != "" {
		query.Set("continue", token)
	}
	l.token = token
	next := make(chan asked, 1)
	l.next = next
	go func() {
		a, err := l.get(query, token != "")
		next <- asked{a, err}
	}()
}

// get asks once, or again where that saves the list.
func (l *lister) get(query url.Values, again bool) (*answer, error) {
	for try := 1; ; try++ {
		a, err := l.s.get(l.ctx, l.what, l.cell, query, l.s.stall)
		se, ok := errors.AsType[*syncer.SourceError](err)
		if !ok || !again || try == pageTries || se.RetryAfter <= 0 || se.RetryAfter > maxPageWait {
			return a, err
		}
		timer := time.NewTimer(se.RetryAfter)
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
			return nil, context.Cause(l.ctx)
		}
	}
}

// abandon gives back whatever the list still holds.
func (l *lister) abandon(cancel context.CancelFunc) {
	cancel()
	if l.next != nil {
		if next := <-l.next; next.answer != nil {
			next.answer.close()
		}
	}
	if l.open != nil {
		l.open.Release()
	}
	for _, b := range l.full {
		b.Release()
	}
}

// page reads the page that was asked for.
func (l *lister) page() error {
	got := <-l.next
	l.next = nil
	if got.err != nil {
		return got.err
	}
	defer got.answer.close()
	l.known = false
	sc := newScanner(got.answer, l.form, l.s.o.MaxObjectBytes)
	defer sc.release()
	if err := sc.scanList(l); err != nil {
		return misread(got.answer.ctx, l.what, err)
	}
	if l.open != nil && len(l.open.Objects) > 0 {
		l.full = append(l.full, l.open)
		l.open = nil
	}
	if err := l.flush(); err != nil {
		return err
	}
	if l.current.next != "" && l.next == nil {
		l.ask(l.current.next)
	}
	return nil
}

// meta implements listSink.
func (l *lister) meta(m listMeta) error {
	switch {
	case l.rv != 0 && m.rv != l.rv:
		return &syncer.SourceError{Reason: syncer.ReasonExpired, Err: fmt.Errorf("%s: changed version between pages, from %d to %d", l.what, l.rv, m.rv)}
	case m.next != "" && m.next == l.token:
		return &syncer.SourceError{Reason: syncer.ReasonInvalid, Err: fmt.Errorf("%s: the server named the same page twice", l.what)}
	}
	l.rv, l.current, l.known = m.rv, m, true
	if m.next != "" {
		l.ask(m.next)
	}
	return l.flush()
}

// batch implements listSink.
func (l *lister) batch() *syncer.Batch {
	if l.open == nil {
		l.open = syncer.NewBatch()
		if l.many && cap(l.open.Buf) == 0 { // growing to its size would leave four times as much behind
			l.open.Buf = make([]byte, 0, l.s.o.BatchBytes+l.s.o.BatchBytes/16)
		}
	}
	return l.open
}

// added implements listSink: a full batch goes on.
func (l *lister) added() error {
	if len(l.open.Objects) < l.s.o.BatchObjects && len(l.open.Buf) < l.s.o.BatchBytes {
		return nil
	}
	l.full = append(l.full, l.open)
	l.open, l.many = nil, true
	return l.flush()
}

// flush hands on the full batches once their version is known.
func (l *lister) flush() error {
	if !l.known {
		return nil
	}
	for len(l.full) > 0 {
		b := l.full[0]
		l.full = l.full[1:]
		b.ResourceVersion, b.Remaining = l.rv, l.current.remaining
		if l.current.next == "" {
			b.Remaining = 0
		}
		if err := l.yield(b); err != nil {
			l.refused = err
			return err
		}
	}
	l.full = nil
	return nil
}
