package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// noStore keeps objects, which may be confidential, out of caches.
var noStore = []string{"no-store"}

// errClient is a client that doesn't read any more.
var errClient = errors.New("write to the client")

// patient gives each write to the client the time that the server has for a whole
// response: a list may be long, and must not end while the client reads it.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPatient(w http.ResponseWriter) *patient {
	return &patient{ResponseWriter: w, control: http.NewResponseController(w)}
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a recorder of tests has none
	n, err := p.ResponseWriter.Write(b)
	if err != nil {
		err = errors.Join(errClient, err)
	}
	return n, err
}

// Unwrap lets http.ResponseController reach what the server can do.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// body is what a list writes through. Until the first bytes have left it, the
// answer can still become another one.
type body struct {
	*bufio.Writer
	under *counted
}

type counted struct {
	io.Writer
	begun bool
}

func (c *counted) Write(b []byte) (int, error) {
	c.begun = true
	return c.Writer.Write(b)
}

const bodyBytes = 32 << 10

var bodies = sync.Pool{New: func() any {
	under := &counted{}
	return &body{Writer: bufio.NewWriterSize(under, bodyBytes), under: under}
}}

func newBody(w io.Writer) *body {
	b := bodies.Get().(*body)
	*b.under = counted{Writer: w}
	b.Reset(b.under)
	return b
}

func (b *body) release() {
	*b.under = counted{}
	bodies.Put(b)
}

// list answers with a Kubernetes list. Its metadata stand behind the items, since
// only then it is known whether there are more.
func (a *handler) list(w http.ResponseWriter, r *http.Request, m *mirrored, q *listQuery) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = jsonType, noStore
	if r.Method == http.MethodHead {
		q.limit = 1 // to see that the store can be read
	}
	out := newBody(w)
	defer out.release()
	s := &rows{objects: a.Objects, resource: m.Resource, query: q}
	_, _ = out.WriteString(listHead(m.Resource)) // the buffer keeps an error until Flush
	err := s.each(r.Context(), func(o *syncer.Object) error {
		if s.count > 1 {
			_ = out.WriteByte(',')
		}
		_, err := out.Write(o.JSON)
		return err
	})
	if err == nil {
		_, _ = out.WriteString(listTail(m, q, s))
		err = out.Flush()
	}
	switch {
	case err == nil:
	case out.under.begun:
		a.cutOff(r, m, err)
	default:
		a.unreadable(w, r, m, err)
	}
}

// cutOff ends an answer that has begun so that no client takes it for whole.
func (a *handler) cutOff(r *http.Request, m *mirrored, err error) {
	if r.Context().Err() == nil && !errors.Is(err, errClient) {
		a.Log.Error("list is cut off", "resource", m.String(), "error", Redact(err.Error()))
	}
	panic(http.ErrAbortHandler)
}

func listHead(r syncer.Resource) string {
	return `{"kind":` + quoted(r.Kind+"List") + `,"apiVersion":` + quoted(r.APIVersion()) + `,"items":[`
}

// listMeta is a list's metadata, in the API server's words.
type listMeta struct {
	ResourceVersion    string `json:"resourceVersion"`
	Continue           string `json:"continue,omitempty"`
	RemainingItemCount *int64 `json:"remainingItemCount,omitempty"`
}

func listTail(m *mirrored, q *listQuery, s *rows) string {
	var meta listMeta
	if version := m.freshness().version; version > 0 {
		meta.ResourceVersion = strconv.FormatUint(version, 10)
	}
	if s.more {
		seen := q.seen + s.count
		meta.Continue = q.seal(s.last, seen)
		meta.RemainingItemCount = m.remaining(q, seen)
	}
	text, _ := json.Marshal(meta) // strings and a number
	return `],"metadata":` + string(text) + "}\n"
}

// remaining is about how many objects follow, nil where nobody has counted: the
// API server doesn't tell either how many of them a selector takes.
func (m *mirrored) remaining(q *listQuery, seen int64) *int64 {
	if !q.labels.Empty() || len(q.fields) > 0 {
		return nil
	}
	left := -seen
	for _, c := range m.cells {
		if m.namespace != c.Namespace && m.namespace != "" {
			return nil
		}
		left += c.Objects
	}
	if left <= 0 {
		return nil
	}
	return &left
}

// quoted is text as JSON.
func quoted(text string) string {
	b, _ := json.Marshal(text) // a string
	return string(b)
}
