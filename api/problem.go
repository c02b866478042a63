package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/sidemirror/sidemirror/syncer"
)

// problem is an RFC 9457 problem document. Its type is about:blank: the status
// says it all, and detail says what to do.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	// UnknownParameters names query parameters that the route doesn't have.
	UnknownParameters []string `json:"unknownParameters,omitempty"`
	// AllowedActions are those that are possible instead, perhaps none.
	AllowedActions *[]syncer.Action `json:"allowedActions,omitempty"`
	// RetryAfterSeconds becomes the header Retry-After.
	RetryAfterSeconds int `json:"-"`
}

func newProblem(status int, detail string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// write answers with the problem, in place of anything that was prepared before.
func (p problem) write(w http.ResponseWriter) {
	h := w.Header()
	for _, name := range []string{"Etag", "Content-Encoding", "Last-Modified"} {
		h.Del(name)
	}
	if p.RetryAfterSeconds > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfterSeconds))
	}
	h.Set("Content-Type", "application/problem+json")
	writeJSON(w, p.Status, p)
}

// writeJSON answers with v, which always marshals, and keeps caches from storing it.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"type":"about:blank","status":500}`)
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone
}
