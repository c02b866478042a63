package kube

import (
	"bytes"
	"fmt"
	"math"

	"github.com/sidemirror/sidemirror/syncer"
)

// lastApplied is kubectl's copy of what a user applied: as large as the object,
// and, in a Secret, with its values.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// form says what an object must be, and how it is changed on its way.
type form struct {
	namespace  string    // what metadata.namespace must be; "" is any
	apiVersion []byte    // the member to add, with its comma
	kind       []byte    // likewise
	redact     *redactor // nil: values stay
}

func newForm(cell syncer.Cell, redact *redactor) *form {
	r := cell.Resource
	f := &form{
		namespace:  cell.Namespace,
		apiVersion: fmt.Appendf(nil, `"apiVersion":%q,`, r.APIVersion()),
		kind:       fmt.Appendf(nil, `"kind":%q,`, r.Kind),
	}
	if isSecret(r) {
		f.redact = redact
	}
	return f
}

// edit replaces the bytes [from,to), which count from mark, by item.with[start:end].
type edit struct{ from, to, start, end int }

// member is a member of which an object may have one only: which of two counts
// is a question that parsers answer differently.
type member uint16

const (
	memberAPIVersion member = 1 << iota
	memberKind
	memberMetadata
	memberName
	memberNamespace
	memberUID
	memberVersion
	memberLabels
	memberAnnotations
)

// item is what is known of the object being scanned.
type item struct {
	form  *form
	batch *syncer.Batch // where the object goes

	start, end int // of the object, from mark
	seen       member
	edits      []edit // in the order of from
	with       []byte

	name, namespace, uid []byte
	rv                   uint64
	labels               int // index in LabelBuf of the first
	last                 syncer.Label
	names                map[string]struct{} // of labels, when they aren't sorted
	droppedAnnotation    bool
}

func (it *item) cut(from, to int) { it.edits = append(it.edits, edit{from: from, to: to}) }

func (it *item) reset(b *syncer.Batch) {
	it.batch, it.seen, it.rv = b, 0, 0
	it.edits, it.with = it.edits[:0], it.with[:0]
	it.name, it.namespace, it.uid = it.name[:0], it.namespace[:0], it.uid[:0]
	it.labels, it.last, it.names = len(b.LabelBuf), syncer.Label{}, nil
	it.droppedAnnotation = false
}

// once refuses a member's second appearance.
func (s *scanner) once(m member) error {
	if s.item.seen&m != 0 {
		return s.fail("member appears twice")
	}
	s.item.seen |= m
	return nil
}

// scanItem scans the object that begins here, for b. The mark must be set.
func (s *scanner) scanItem(b *syncer.Batch) error {
	s.item.reset(b)
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != '{' {
		return s.unexpected("an object")
	}
	s.item.start = s.at()
	if _, err := s.object(visitItem); err != nil {
		return err
	}
	s.item.end = s.at()
	return nil
}

func visitItem(s *scanner, key []byte) (bool, error) {
	switch string(key) {
	case "apiVersion":
		return true, s.typeMember(memberAPIVersion, "apiVersion")
	case "kind":
		return true, s.typeMember(memberKind, "kind")
	case "metadata":
		s.path = "metadata"
		if err := s.once(memberMetadata); err != nil {
			return true, err
		}
		if c, err := s.token(); err != nil || c != '{' {
			if err == nil {
				err = s.unexpected("an object")
			}
			return true, err
		}
		_, err := s.object(visitMetadata)
		if err == nil {
			s.path = ""
		}
		return true, err
	case "data":
		if s.item.form.redact != nil {
			return true, s.redactMap("data", visitSecretData)
		}
	case "stringData":
		if s.item.form.redact != nil {
			return true, s.redactMap("stringData", visitSecretText)
		}
	}
	return true, s.value()
}

// typeMember passes apiVersion or kind, which mustn't be empty.
func (s *scanner) typeMember(m member, path string) error {
	s.path = path
	if err := s.once(m); err != nil {
		return err
	}
	v, err := s.text()
	if err == nil && len(v) == 0 {
		err = s.fail("is empty")
	}
	if err == nil {
		s.path = ""
	}
	return err
}

func visitMetadata(s *scanner, key []byte) (keep bool, err error) {
	keep = true
	it := &s.item
	switch string(key) {
	case "name":
		err = s.copyText("metadata.name", memberName, &it.name)
	case "namespace":
		err = s.copyText("metadata.namespace", memberNamespace, &it.namespace)
	case "uid":
		err = s.copyText("metadata.uid", memberUID, &it.uid)
	case "resourceVersion":
		s.path = "metadata.resourceVersion"
		if err = s.once(memberVersion); err == nil {
			it.rv, err = s.version()
		}
	case "labels":
		s.path = "metadata.labels"
		if err = s.once(memberLabels); err == nil {
			err = s.labels()
		}
	case "annotations":
		s.path = "metadata.annotations"
		if err = s.once(memberAnnotations); err == nil {
			keep, err = s.annotations()
		}
	case "managedFields":
		s.path = "metadata.managedFields"
		keep, err = false, s.value()
	default:
		err = s.value()
	}
	if err == nil {
		s.path = "metadata"
	}
	return keep, err
}

func (s *scanner) copyText(path string, m member, into *[]byte) error {
	s.path = path
	if err := s.once(m); err != nil {
		return err
	}
	v, err := s.text()
	*into = append((*into)[:0], v...)
	return err
}

// version reads a resource version: a decimal number as a string, above zero.
func (s *scanner) version() (uint64, error) {
	v, err := s.text()
	if err != nil {
		return 0, err
	}
	n, ok := parseVersion(v)
	if !ok {
		return 0, s.fail("isn't a resource version")
	}
	return n, nil
}

func parseVersion(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n > (math.MaxUint64-9)/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n > 0
}

func (s *scanner) labels() error {
	is, err := s.nullOr('{', "an object")
	if err != nil || !is {
		return err
	}
	_, err = s.object(visitLabel)
	return err
}

func visitLabel(s *scanner, key []byte) (bool, error) {
	it := &s.item
	b := it.batch
	own := func(v []byte) []byte {
		start := len(b.Buf)
		b.Buf = append(b.Buf, v...)
		return b.Buf[start:len(b.Buf):len(b.Buf)]
	}
	l := syncer.Label{Name: own(key)}
	if !it.newLabel(l.Name) {
		return true, s.fail("label appears twice")
	}
	v, err := s.text()
	l.Value = own(v)
	b.LabelBuf = append(b.LabelBuf, l)
	it.last = l
	return true, err
}

// newLabel reports whether no label before has this name. The API server sends
// them sorted, so that comparing with the last is enough.
func (it *item) newLabel(name []byte) bool {
	before := it.batch.LabelBuf[it.labels:]
	if it.names == nil {
		if len(before) == 0 || bytes.Compare(it.last.Name, name) < 0 {
			return true
		}
		it.names = make(map[string]struct{}, len(before)+1)
		for _, l := range before {
			it.names[string(l.Name)] = struct{}{}
		}
	}
	if _, ok := it.names[string(name)]; ok {
		return false
	}
	it.names[string(name)] = struct{}{}
	return true
}

// annotations cuts out last-applied, and reports whether the member stays: not
// when that was the only annotation.
func (s *scanner) annotations() (keep bool, err error) {
	is, err := s.nullOr('{', "an object")
	if err != nil || !is {
		return true, err
	}
	kept, err := s.object(visitAnnotation)
	return kept > 0 || !s.item.droppedAnnotation, err
}

func visitAnnotation(s *scanner, key []byte) (bool, error) {
	drop := string(key) == lastApplied
	s.item.droppedAnnotation = s.item.droppedAnnotation || drop
	return !drop, s.value()
}

// emit checks the scanned object and appends it to its batch.
func (s *scanner) emit() error {
	it := &s.item
	s.path = "metadata"
	switch {
	case len(it.name) == 0:
		return s.fail("object has no name")
	case it.rv == 0:
		return s.fail("object has no resourceVersion")
	case bytes.IndexByte(it.name, '/') >= 0 || bytes.IndexByte(it.namespace, '/') >= 0:
		return s.fail("slash in a name")
	case it.form.namespace != "" && string(it.namespace) != it.form.namespace:
		return s.fail("object of another namespace")
	}
	s.path = ""
	b := it.batch
	start := len(b.Buf)
	b.Buf = append(b.Buf, it.namespace...)
	b.Buf = append(b.Buf, '/')
	b.Buf = append(b.Buf, it.name...)
	key := len(b.Buf)
	b.Buf = append(b.Buf, it.uid...)
	uid := len(b.Buf)
	b.Buf = s.appendItem(b.Buf)
	b.Objects = append(b.Objects, syncer.Object{
		Key: b.Buf[start:key:key], UID: b.Buf[key:uid:uid], RV: it.rv,
		Labels: b.LabelBuf[it.labels:len(b.LabelBuf):len(b.LabelBuf)],
		JSON:   b.Buf[uid:len(b.Buf):len(b.Buf)],
	})
	return nil
}

// appendItem appends the object's bytes as the mirror keeps them.
func (s *scanner) appendItem(dst []byte) []byte {
	it := &s.item
	dst = append(dst, '{')
	if it.seen&memberAPIVersion == 0 {
		dst = append(dst, it.form.apiVersion...)
	}
	if it.seen&memberKind == 0 {
		dst = append(dst, it.form.kind...)
	}
	src := s.buf[s.mark:]
	from := it.start + 1
	for _, e := range it.edits {
		dst = append(dst, src[from:e.from]...)
		dst = append(dst, it.with[e.start:e.end]...)
		from = e.to
	}
	return append(dst, src[from:it.end]...)
}
