package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxNamedParameters bounds how much of a wrong query is repeated.
const maxNamedParameters = 5

// parameters returns the query, or answers with a problem when it isn't
// well-formed, has a parameter that the route doesn't know, or one twice: a
// typing error would look like an answer to what was meant.
func parameters(w http.ResponseWriter, r *http.Request, known ...string) (url.Values, bool) {
	if r.URL.RawQuery == "" {
		return nil, true
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		newProblem(http.StatusBadRequest, "the query isn't well-formed").write(w)
		return nil, false
	}
	var unknown []string
	for name, values := range query {
		if !slices.Contains(known, name) {
			unknown = append(unknown, truncate(Sanitize(name), 64))
		} else if len(values) > 1 {
			newProblem(http.StatusBadRequest, name+" is there more than once").write(w)
			return nil, false
		}
	}
	if len(unknown) == 0 {
		return query, true
	}
	slices.Sort(unknown)
	unknown = unknown[:min(len(unknown), maxNamedParameters)]
	has := "this route has none"
	if len(known) > 0 {
		has = "this route has " + strings.Join(known, ", ")
	}
	p := newProblem(http.StatusBadRequest, "unknown query parameters: "+strings.Join(unknown, ", ")+"; "+has)
	p.UnknownParameters = unknown
	p.write(w)
	return nil, false
}

// whole reads a whole number from 1 to most, or is fallback when there is none.
func whole(query url.Values, name string, fallback, most int) (int, error) {
	text := query.Get(name)
	if text == "" && !query.Has(name) {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s has to be a whole number from 1 to %d", name, most)
	}
	return n, nil
}
