package kube

import (
	"math"

	"github.com/sidemirror/sidemirror/syncer"
)

// listMeta is the metadata of one page.
type listMeta struct {
	rv        uint64
	next      string // the continue token; "" behind the last page
	remaining int64  // -1: the server didn't say
}

// listSink receives a page. meta comes before the items, between them or after:
// the server decides. Errors end the scan and are returned as they are.
type listSink interface {
	meta(listMeta) error
	// batch is where the next object goes; added says that it is there.
	batch() *syncer.Batch
	added() error
}

// listState is what is known of the page being scanned.
type listState struct {
	sink               listSink
	hasMeta, hasItems  bool
	hasRV, hasContinue bool
	meta               listMeta
	hasRemaining       bool
}

// scanList reads a whole list response.
func (s *scanner) scanList(sink listSink) error {
	s.list = listState{sink: sink, meta: listMeta{remaining: -1}}
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != '{' {
		return s.unexpected("a list")
	}
	if _, err := s.object(visitList); err != nil {
		return err
	}
	switch {
	case !s.list.hasItems:
		return s.fail("a list without items")
	case !s.list.hasMeta:
		return s.fail("a list without metadata")
	}
	return s.end()
}

func visitList(s *scanner, key []byte) (bool, error) {
	switch string(key) {
	case "metadata":
		return true, s.listMetadata()
	case "items":
		return true, s.listItems()
	default:
		return true, s.value()
	}
}

func (s *scanner) listMetadata() error {
	s.path = "metadata"
	if s.list.hasMeta {
		return s.fail("member appears twice")
	}
	s.list.hasMeta = true
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != '{' {
		return s.unexpected("an object")
	}
	if _, err := s.object(visitListMeta); err != nil {
		return err
	}
	if s.list.meta.rv == 0 {
		return s.fail("a list without resourceVersion")
	}
	s.path = ""
	return s.list.sink.meta(s.list.meta)
}

func visitListMeta(s *scanner, key []byte) (bool, error) {
	l := &s.list
	twice := func(has *bool) error {
		if *has {
			return s.fail("member appears twice")
		}
		*has = true
		return nil
	}
	var err error
	switch string(key) {
	case "resourceVersion":
		s.path = "metadata.resourceVersion"
		if err = twice(&l.hasRV); err == nil {
			l.meta.rv, err = s.version()
		}
	case "continue":
		s.path = "metadata.continue"
		if err = twice(&l.hasContinue); err == nil {
			var v []byte
			v, err = s.text()
			l.meta.next = string(v)
		}
	case "remainingItemCount":
		s.path = "metadata.remainingItemCount"
		if err = twice(&l.hasRemaining); err == nil {
			l.meta.remaining, err = s.count()
		}
	default:
		err = s.value()
	}
	if err == nil {
		s.path = "metadata"
	}
	return true, err
}

// count reads a whole number that isn't negative; null is -1.
func (s *scanner) count() (int64, error) {
	c, err := s.token()
	if err != nil {
		return 0, err
	}
	if c == 'n' {
		return -1, s.literal("null")
	}
	var n int64
	for i := 0; ; i++ {
		c, err := s.peek()
		if err != nil {
			return 0, err
		}
		if c < '0' || c > '9' {
			if i == 0 || c == '.' || c == 'e' || c == 'E' {
				return 0, s.fail("isn't a count")
			}
			return n, nil
		}
		if n > (math.MaxInt64-9)/10 || (i == 1 && n == 0) {
			return 0, s.fail("isn't a count")
		}
		n = n*10 + int64(c-'0')
		s.pos++
	}
}

func (s *scanner) listItems() error {
	if s.list.hasItems {
		s.path = "items"
		return s.fail("member appears twice")
	}
	s.list.hasItems = true
	is, err := s.nullOr('[', "an array")
	if err != nil || !is {
		return err
	}
	s.items = -1
	_, err = s.array(listItem)
	if err == nil {
		s.items = -1
	}
	return err
}

// listItem reads the element that begins here.
func listItem(s *scanner) error {
	s.items++
	s.mark = s.pos
	if err := s.scanItem(s.list.sink.batch()); err != nil {
		return err
	}
	if err := s.emit(); err != nil {
		return err
	}
	s.mark = -1
	return s.list.sink.added()
}
