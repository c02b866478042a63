package kube

import "io"

// token passes white space and shows the byte behind it.
func (s *scanner) token() (byte, error) {
	if s.pos < len(s.buf) {
		if c := s.buf[s.pos]; c > ' ' {
			return c, nil
		}
	}
	return s.spaced()
}

func (s *scanner) spaced() (byte, error) {
	for {
		for s.pos < len(s.buf) {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return c, nil
			}
		}
		if err := s.more(); err != nil {
			return 0, s.truncated(err)
		}
	}
}

// end makes sure that nothing but white space is left.
func (s *scanner) end() error {
	for {
		for s.pos < len(s.buf) {
			switch s.buf[s.pos] {
			case ' ', '\t', '\n', '\r':
				s.pos++
			default:
				return s.unexpected("the end")
			}
		}
		if err := s.more(); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
	}
}

// value passes one value of any kind.
func (s *scanner) value() error {
	c, err := s.token()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		_, err = s.str()
		return err
	case '{':
		return s.members()
	case '[':
		return s.elements()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	return nil
}

func (s *scanner) leave() {
	s.depth--
	s.pos++
}

// members passes an object that nobody wants to look into.
func (s *scanner) members() error {
	if err := s.enter(); err != nil {
		return err
	}
	c, err := s.token()
	if err == nil && c == '}' {
		s.leave()
		return nil
	}
	for {
		if err != nil {
			return err
		}
		if c != '"' {
			return s.unexpected("a member's name")
		}
		if _, err = s.str(); err != nil {
			return err
		}
		// Most of a response passes here, and most of it has no white space.
		if s.pos < len(s.buf) && s.buf[s.pos] == ':' {
			s.pos++
		} else if err = s.colon(); err != nil {
			return err
		}
		if s.pos < len(s.buf) && s.buf[s.pos] == '"' {
			_, err = s.str()
		} else {
			err = s.value()
		}
		if err != nil {
			return err
		}
		if s.pos < len(s.buf) && s.buf[s.pos] > ' ' {
			c = s.buf[s.pos]
		} else if c, err = s.spaced(); err != nil {
			return err
		}
		switch c {
		case ',':
			s.pos++
			if s.pos < len(s.buf) && s.buf[s.pos] == '"' {
				c = '"'
			} else {
				c, err = s.token()
			}
		case '}':
			s.leave()
			return nil
		default:
			return s.unexpected("a comma or a brace")
		}
	}
}

func (s *scanner) colon() error {
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != ':' {
		return s.unexpected("a colon")
	}
	s.pos++
	return nil
}

func (s *scanner) elements() error {
	_, err := s.array((*scanner).value)
	return err
}

// array walks the elements of the array that begins here.
func (s *scanner) array(element func(*scanner) error) (n int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	c, err := s.token()
	if err != nil {
		return 0, err
	}
	if c == ']' {
		s.leave()
		return 0, nil
	}
	for {
		if _, err = s.token(); err != nil {
			return n, err
		}
		if err = element(s); err != nil {
			return n, err
		}
		n++
		if c, err = s.token(); err != nil {
			return n, err
		}
		switch c {
		case ',':
			s.pos++
		case ']':
			s.leave()
			return n, nil
		default:
			return n, s.unexpected("a comma or a bracket")
		}
	}
}

// visitor reads the value of one member, and says whether the member stays. Its
// key is valid until it reads.
type visitor func(s *scanner, key []byte) (keep bool, err error)

// object walks the members of the object that begins here, and notes cuts for
// those that don't stay. kept is how many do.
func (s *scanner) object(visit visitor) (kept int, err error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	c, err := s.token()
	if err != nil {
		return 0, err
	}
	if c == '}' {
		s.leave()
		return 0, nil
	}
	comma, head := 0, -1 // head is where members that don't stay began, with none before that does
	for {
		start := s.at()
		key, err := s.key(c)
		if err != nil {
			return kept, err
		}
		if head >= 0 {
			s.item.cut(head, start)
			head = -1
		}
		edits := len(s.item.edits)
		keep, err := visit(s, key)
		if err != nil {
			return kept, err
		}
		end := s.at()
		switch {
		case keep:
			kept++
		case kept > 0:
			s.item.edits = s.item.edits[:edits]
			s.item.cut(comma, end)
		default:
			s.item.edits = s.item.edits[:edits]
			head = start
		}
		if c, err = s.token(); err != nil {
			return kept, err
		}
		switch c {
		case ',':
			comma = s.at()
			s.pos++
			if c, err = s.token(); err != nil {
				return kept, err
			}
		case '}':
			if head >= 0 {
				s.item.cut(head, s.at())
			}
			s.leave()
			return kept, nil
		default:
			return kept, s.unexpected("a comma or a brace")
		}
	}
}

// key reads a member's name and the colon behind it.
func (s *scanner) key(c byte) ([]byte, error) {
	if c != '"' {
		return nil, s.unexpected("a member's name")
	}
	unmarked := s.mark < 0
	if unmarked {
		s.mark = s.pos
	}
	start := s.at() + 1
	escaped, err := s.str()
	if err != nil {
		return nil, err
	}
	end := s.at() - 1
	if err := s.colon(); err != nil {
		return nil, err
	}
	raw := s.buf[s.mark+start : s.mark+end] // the colon may have moved the window
	if unmarked {
		s.mark = -1
	}
	if !escaped {
		return raw, nil
	}
	s.keyBuf = unescape(s.keyBuf[:0], raw)
	return s.keyBuf, nil
}

// nullOr passes null, and reports whether the value was something else, which
// must begin with want.
func (s *scanner) nullOr(want byte, name string) (bool, error) {
	c, err := s.token()
	switch {
	case err != nil:
		return false, err
	case c == want:
		return true, nil
	case c == 'n':
		return false, s.literal("null")
	default:
		return false, s.unexpected(name)
	}
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if err := s.need(); err != nil {
			return err
		}
		if s.buf[s.pos] != word[i] {
			return s.unexpected(word)
		}
		s.pos++
	}
	return nil
}

// number passes a number by the grammar of RFC 8259.
func (s *scanner) number() error {
	if s.buf[s.pos] == '-' {
		s.pos++
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch {
	case c == '0':
		s.pos++
	case '1' <= c && c <= '9':
		if err := s.digits(); err != nil {
			return err
		}
	case s.pos < len(s.buf):
		return s.unexpected("a value")
	default:
		return s.truncated(io.EOF)
	}
	if c, err = s.peek(); err != nil {
		return err
	}
	if c == '.' {
		s.pos++
		if err := s.digits(); err != nil {
			return err
		}
		if c, err = s.peek(); err != nil {
			return err
		}
	}
	if c != 'e' && c != 'E' {
		return nil
	}
	s.pos++
	if c, err = s.peek(); err != nil {
		return err
	}
	if c == '+' || c == '-' {
		s.pos++
	}
	return s.digits()
}

// peek is the byte at the position, or 0 at the response's end.
func (s *scanner) peek() (byte, error) {
	if s.pos == len(s.buf) {
		if err := s.more(); err != nil {
			if err == io.EOF {
				return 0, nil
			}
			return 0, err
		}
	}
	return s.buf[s.pos], nil
}

// digits passes one digit or more.
func (s *scanner) digits() error {
	for n := 0; ; n++ {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c < '0' || c > '9' {
			if n > 0 {
				return nil
			}
			if err := s.need(); err != nil {
				return err
			}
			return s.unexpected("a digit")
		}
		s.pos++
	}
}
