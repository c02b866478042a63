package api

import (
	"encoding/json"
	"hash/fnv"
	"net/http"
	"strconv"
	"sync"

	"github.com/sidemirror/sidemirror/syncer"
)

// view is one snapshot made ready to be sent. It is immutable but for the body,
// which is made when the first request wants it.
type view struct {
	status  *syncer.Status
	shown   *syncer.Status // what the body is made of: status, with the address of its trace
	headers []headerValue
	etag    []string

	once   sync.Once
	body   []byte   // valid after once
	length []string // of body
	err    error    // why there is no body
}

func newView(s, shown *syncer.Status) *view {
	return &view{status: s, shown: shown, headers: headerValues(s), etag: []string{etag(s)}}
}

// setHeaders shares the view's slices with h: whoever replaces a value replaces the slice.
func (v *view) setHeaders(h http.Header) {
	for i := range v.headers {
		h[v.headers[i].name] = v.headers[i].values
	}
}

// render makes the body once.
func (v *view) render() ([]byte, error) {
	v.once.Do(func() {
		if v.body, v.err = json.Marshal(document(v.shown)); v.err == nil {
			v.body = append(v.body, '\n')
			v.length = []string{strconv.Itoa(len(v.body))}
		}
	})
	return v.body, v.err
}

// etag identifies the snapshot among all that any process ever published:
// revisions begin anew with each process, so its name and the times count too.
func etag(s *syncer.Status) string {
	sum := fnv.New64a()
	for _, part := range []string{s.Cluster, s.Instance, s.RunID, strconv.FormatInt(s.ObservedAt.UnixNano(), 10)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return `"` + strconv.FormatUint(s.Revision, 10) + "-" + strconv.FormatInt(s.Epoch, 10) + "-" +
		strconv.FormatUint(sum.Sum64(), 36) + `"`
}

// document is s as it may be shown: without credentials in its error texts, and
// with empty lists instead of null. It shares with s what it doesn't change.
func document(s *syncer.Status) *syncer.Status {
	d := *s
	d.Error = redacted(s.Error)
	if d.CurrentResources == nil {
		d.CurrentResources = []string{}
	}
	if d.StepStatus == nil {
		d.StepStatus = []syncer.StepStatus{}
	}
	if d.AllowedActions == nil {
		d.AllowedActions = []syncer.Action{}
	}
	d.Warnings = make([]syncer.Warning, len(s.Warnings))
	for i, w := range s.Warnings {
		w.Message = Redact(w.Message)
		d.Warnings[i] = w
	}
	d.ResourceStatus = make([]syncer.ResourceStatus, len(s.ResourceStatus))
	for i, r := range s.ResourceStatus {
		if r.Error != nil {
			shown := *r.Error
			shown.Message = Redact(shown.Message)
			r.Error = &shown
		}
		letters := make([]syncer.DeadLetter, len(r.DeadLetters))
		for j, l := range r.DeadLetters {
			l.Error = Redact(l.Error)
			letters[j] = l
		}
		r.DeadLetters = letters
		d.ResourceStatus[i] = r
	}
	return &d
}

func redacted(text *string) *string {
	if text == nil {
		return nil
	}
	shown := Redact(*text)
	return &shown
}
