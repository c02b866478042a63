package api

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// traceID stands for the trace in a template.
const traceID = "{trace_id}"

// maxTemplateBytes is what browsers and terminals agree on to take as a link.
const maxTemplateBytes = 2048

// NewTraceURL returns what makes the address of a trace's page out of its id, from
// a template such as https://jaeger.example/trace/{trace_id}. It is shown to
// whoever may read the status, so it holds no credentials.
func NewTraceURL(template string) (func(id string) string, error) {
	if len(template) > maxTemplateBytes {
		return nil, fmt.Errorf("the template has %d bytes, want %d at most", len(template), maxTemplateBytes)
	}
	if strings.ContainsFunc(template, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '<' || r == '>' }) {
		return nil, errors.New("the template has characters that a URL can't have: percent-encode them")
	}
	if !strings.Contains(template, traceID) {
		return nil, errors.New("the template has no " + traceID + ", where the trace's id goes")
	}
	fill := func(id string) string { return strings.ReplaceAll(template, traceID, url.QueryEscape(id)) }
	u, err := url.Parse(fill("0"))
	switch {
	case err != nil: // its text repeats the template
		return nil, errors.New("the template isn't a URL: want https://HOST/…" + traceID)
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errors.New("the template has to begin with http://HOST or https://HOST")
	case u.User != nil:
		return nil, errors.New("the template has credentials before its host, and everybody who reads the status would see them")
	}
	if other, err := url.Parse(fill("1")); err != nil || other.Host != u.Host {
		return nil, errors.New("the template has " + traceID + " in its host: it goes into the path, the query or the fragment")
	}
	return fill, nil
}

// linked is s with the address of its trace, where there are both. The snapshot
// itself has none: where traces are looked at is a matter of who shows it.
func (h *Headers) linked(s *syncer.Status) *syncer.Status {
	if h.traceURL == nil || s.TraceID == "" {
		return s
	}
	shown := *s
	shown.TraceURL = h.traceURL(s.TraceID)
	return &shown
}
