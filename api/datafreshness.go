package api

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sidemirror/sidemirror/syncer"
)

// mirrored is a resource as a request means it: with the cells that hold what it
// asks for, in one snapshot.
type mirrored struct {
	syncer.Resource        // Name without its group
	namespace       string // "" for all, or for a resource that has none
	cells           []*syncer.ResourceStatus
}

// maxNamed bounds the resources or namespaces that an answer lists.
const maxNamed = 30

// find returns the resource that p names, or why there is none.
func find(s *syncer.Status, p place) (*mirrored, *problem) {
	cells, also := cellsOf(s, p.resource)
	switch {
	case len(s.ResourceStatus) == 0:
		return nil, refusal(http.StatusServiceUnavailable, "what is mirrored isn't known yet: the cluster hasn't answered")
	case len(also) > 1:
		return nil, refusal(http.StatusNotFound, strconv.Quote(named(p.resource))+" may be "+enumerate(also)+": ask for one of them")
	case len(cells) == 0:
		return nil, refusal(http.StatusNotFound, strconv.Quote(named(p.resource))+" isn't mirrored; mirrored are "+enumerate(resourceNames(s)))
	}
	c := cells[0]
	name, _, _ := strings.Cut(c.Name, ".")
	m := &mirrored{
		Resource:  syncer.Resource{Group: c.Group, Version: c.Version, Name: name, Kind: c.Resource, Namespaced: c.Namespaced},
		namespace: p.namespace, cells: cells,
	}
	switch {
	case !c.Namespaced && p.namespace != "":
		return nil, refusal(http.StatusNotFound, c.Name+" are in no namespace: ask for /api/v1/"+c.Name)
	case c.Namespaced && p.namespace == "" && p.name != "":
		return nil, refusal(http.StatusNotFound, c.Name+" are in namespaces: ask for /api/v1/namespaces/NAMESPACE/"+c.Name+"/NAME")
	}
	if p.namespace != "" && c.Namespace != "" {
		m.cells = slices.DeleteFunc(slices.Clone(cells), func(c *syncer.ResourceStatus) bool { return c.Namespace != p.namespace })
		if len(m.cells) == 0 {
			return nil, refusal(http.StatusNotFound, c.Name+" are mirrored only in the namespaces "+enumerate(namespacesOf(cells)))
		}
	}
	return m, nil
}

func refusal(status int, detail string) *problem {
	p := newProblem(status, detail)
	return &p
}

// cellsOf returns the cells of the resource that word names: by its name, or else
// by its kind or its name without the group, in any case. also has the names of
// all that an ambiguous word may mean.
func cellsOf(s *syncer.Status, word string) (cells []*syncer.ResourceStatus, also []string) {
	full := word
	if !slices.ContainsFunc(s.ResourceStatus, func(c syncer.ResourceStatus) bool { return c.Name == word }) {
		for i := range s.ResourceStatus {
			if c := &s.ResourceStatus[i]; goesBy(c, strings.ToLower(word)) && !slices.Contains(also, c.Name) {
				full, also = c.Name, append(also, c.Name)
			}
		}
	}
	for i := range s.ResourceStatus {
		if c := &s.ResourceStatus[i]; c.Name == full {
			cells = append(cells, c)
		}
	}
	return cells, also
}

// goesBy reports whether word is one of the other names of a resource.
func goesBy(c *syncer.ResourceStatus, word string) bool {
	plural, _, _ := strings.Cut(c.Name, ".")
	kind := strings.ToLower(c.Resource)
	return word == c.Name || word == plural || word == kind || c.Group != "" && word == kind+"."+c.Group
}

func resourceNames(s *syncer.Status) []string {
	var names []string
	for i := range s.ResourceStatus {
		names = append(names, s.ResourceStatus[i].Name)
	}
	return names
}

func namespacesOf(cells []*syncer.ResourceStatus) []string {
	var names []string
	for _, c := range cells {
		names = append(names, c.Namespace)
	}
	return names
}

// enumerate lists names for a sentence, each once and not too many.
func enumerate(names []string) string {
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - maxNamed; more > 0 {
		return strings.Join(names[:maxNamed], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}

// freshness is how far what is read can be trusted.
type freshness struct {
	version  uint64   // the lowest of the cells; 0 when one of them is unknown
	lag      *float64 // seconds, the highest of the cells; nil when one of them is unknown
	warnings []string
}

func (m *mirrored) freshness() freshness {
	f := freshness{version: math.MaxUint64, lag: new(float64)}
	for _, c := range m.cells {
		version, _ := strconv.ParseUint(c.ResourceVersion, 10, 64) // "" until it is known
		f.version = min(f.version, version)
		if l := c.Watch.LagSeconds; l == nil || f.lag == nil {
			f.lag = nil
		} else if *l > *f.lag {
			f.lag = l
		}
	}
	if f.version == 0 {
		f.warnings = append(f.warnings, m.String()+" may be incomplete or old: not synced yet since the mirror started")
	}
	if m.namespace == "" && m.cells[0].Namespace != "" {
		f.warnings = append(f.warnings, m.String()+" are mirrored only in the namespaces "+enumerate(namespacesOf(m.cells)))
	}
	return f
}

// headerWarning is how the API server itself warns; kubectl prints it.
const headerWarning = "Warning"

func (f freshness) setHeaders(h http.Header) {
	if f.version > 0 {
		h.Set(HeaderResourceVersion, strconv.FormatUint(f.version, 10))
	}
	if f.lag != nil {
		h.Set(HeaderLag, strconv.FormatInt(int64(math.Round(*f.lag*1000)), 10)+"ms")
	}
	for _, text := range f.warnings {
		h.Add(headerWarning, `299 - "`+strings.Map(unquoted, Sanitize(text))+`"`)
	}
}

// unquoted keeps a quoted string's own characters out of its text.
func unquoted(r rune) rune {
	if r == '"' || r == '\\' {
		return '\''
	}
	return r
}
