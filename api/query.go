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

// readQuery returns the query's parameters, each of which is one of known and
// given once. Anything else is answered with a problem, and ok is false.
func readQuery(w http.ResponseWriter, r *http.Request, known ...string) (query url.Values, ok bool) {
	if r.URL.RawQuery == "" {
		return nil, true
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		newProblem(http.StatusBadRequest, "the query isn't well-formed").write(w)
		return nil, false
	}
	var unknown, twice []string
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			unknown = append(unknown, truncate(Sanitize(name), 64))
		case len(values) > 1:
			twice = append(twice, name)
		}
	}
	if len(unknown) > 0 {
		refuseParameters(w, unknown, known)
		return nil, false
	}
	if len(twice) > 0 {
		slices.Sort(twice)
		newProblem(http.StatusBadRequest, "give each parameter once: "+strings.Join(twice, ", ")).write(w)
		return nil, false
	}
	return query, true
}

// refuseParameters names what the route doesn't have, and what it has.
func refuseParameters(w http.ResponseWriter, unknown, known []string) {
	slices.Sort(unknown)
	unknown = unknown[:min(len(unknown), maxNamedParameters)]
	has := "this route has none"
	if len(known) > 0 {
		has = "this route has " + strings.Join(known, ", ")
	}
	p := newProblem(http.StatusBadRequest, "unknown query parameters: "+strings.Join(unknown, ", ")+"; "+has)
	p.UnknownParameters = unknown
	p.write(w)
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
