package api

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

var (
	noCache  = []string{"no-cache"}
	jsonType = []string{"application/json"}
)

// syncStatus answers with the status document, or the members of it that
// ?fields= names, in their order. ?wait= makes it wait first; see longpoll.go.
func (a *handler) syncStatus(w http.ResponseWriter, r *http.Request, v *view) {
	var f form
	if r.URL.RawQuery != "" {
		query, ok := readQuery(w, r, a.statusParameters()...)
		if !ok {
			return
		}
		var err error
		if f, err = readForm(query); err != nil {
			newProblem(http.StatusBadRequest, err.Error()).write(w)
			return
		}
		if v, ok = a.wait(w, r, query, v); !ok {
			return
		}
	}
	etag := f.etag(v)
	h := w.Header()
	if matches(r.Header["If-None-Match"], etag[0]) {
		h["Etag"], h["Cache-Control"] = etag, noCache
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, length, err := f.render(v)
	if err != nil {
		a.Log.Error("status document can't be rendered", "revision", v.status.Revision, "error", err)
		newProblem(http.StatusInternalServerError, "the status can't be rendered; the log says why").write(w)
		return
	}
	h["Etag"], h["Cache-Control"] = etag, noCache
	h["Content-Type"], h["Content-Length"] = jsonType, length
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client is gone
}

// statusParameters names what the route takes.
func (a *handler) statusParameters() []string {
	if a.push == nil {
		return []string{"fields"}
	}
	return []string{"fields", "since", "timeout", "wait"}
}

// form is which members of the document are shown, in the document's order; nil
// is all of them.
type form []string

// members names every member of the document, in its order.
var members = func() []string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[syncer.Status]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}()

// readForm reads ?fields=status,step,progress.
func readForm(query url.Values) (form, error) {
	if !query.Has("fields") {
		return nil, nil
	}
	asked := strings.Split(query.Get("fields"), ",")
	for _, name := range asked {
		if !slices.Contains(members, name) {
			return nil, errors.New("fields has " + strconv.Quote(truncate(Sanitize(name), 64)) +
				"; the document has " + strings.Join(members, ", "))
		}
	}
	f := form{}
	for _, name := range members {
		if slices.Contains(asked, name) {
			f = append(f, name)
		}
	}
	return f, nil
}

// etag tells the form's document from the others of the same snapshot.
func (f form) etag(v *view) []string {
	if f == nil {
		return v.etag
	}
	sum := fnv.New64a()
	sum.Write([]byte(strings.Join(f, ",")))
	return []string{strings.TrimSuffix(v.etag[0], `"`) + "-" + strconv.FormatUint(sum.Sum64(), 36) + `"`}
}

// render returns the body and its length.
func (f form) render(v *view) (body []byte, length []string, err error) {
	whole, err := v.render()
	if f == nil || err != nil {
		return whole, v.length, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(whole, &all); err != nil {
		return nil, nil, err
	}
	for _, name := range f {
		raw, ok := all[name]
		if !ok {
			continue // a member that is left out while it is empty
		}
		body = append(body, ',')
		body = strconv.AppendQuote(body, name)
		body = append(append(body, ':'), raw...)
	}
	if len(body) == 0 {
		body = []byte(",")
	}
	body[0] = '{'
	body = append(body, "}\n"...)
	return body, []string{strconv.Itoa(len(body))}, nil
}

// matches compares as RFC 9110 section 13.1.2 says: weakly, any of a list, or "*".
func matches(fields []string, etag string) bool {
	for _, field := range fields {
		for rest, more := field, true; more; {
			var one string
			one, rest, more = strings.Cut(rest, ",")
			one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
			if one == etag || one == "*" {
				return true
			}
		}
	}
	return false
}
