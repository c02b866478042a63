package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/sidemirror/sidemirror/syncer"
)

// served is a resource in one of the versions that the server offers.
type served struct {
	syncer.Resource
	singular  string
	short     []string
	watchable bool // it can be listed and watched
	preferred bool // the first version of its group that has it
}

// Discover implements [syncer.Source]. Groups that the server can't describe now
// count as they were last seen.
func (s *Source) Discover(ctx context.Context) (syncer.Discovery, error) {
	c, err := s.catalog(ctx)
	if err != nil {
		return syncer.Discovery{}, err
	}
	found, err := s.choose(c)
	if err == nil {
		err = s.leaveOut(c, &found)
	}
	if err == nil {
		err = s.applySelectors(c, found)
	}
	if err == nil && len(found) == 0 {
		err = &syncer.SourceError{Reason: syncer.ReasonInvalid, Err: errors.New("discover: nothing is left to mirror")}
	}
	if err != nil {
		return syncer.Discovery{}, err
	}
	return syncer.Discovery{Cells: s.cells(found), Unread: c.unread()}, nil
}

// catalog is what the server offers, in the order of its preference.
type catalog struct {
	all    []served
	failed map[schema.GroupVersion]error // couldn't be read, and aren't known from before
}

func (s *Source) catalog(ctx context.Context) (*catalog, error) {
	groups, lists, err := s.discovery.ServerGroupsAndResourcesWithContext(ctx)
	failed, partial := discovery.GroupDiscoveryFailedErrorGroups(err)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && !partial:
		return nil, discoveryError(ctx, err)
	case len(lists) == 0:
		return nil, discoveryError(ctx, errors.New("the server names no resources"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err == nil && failed[gv] == nil {
			s.known[gv] = readList(gv, list)
		}
	}
	c := &catalog{failed: map[schema.GroupVersion]error{}}
	offered := map[schema.GroupVersion]bool{}
	for _, g := range groups {
		seen := map[string]bool{}
		for _, v := range versions(g) {
			gv := schema.GroupVersion{Group: g.Name, Version: v}
			if offered[gv] {
				continue
			}
			offered[gv] = true
			for _, r := range s.known[gv] {
				r.preferred = !seen[r.Name]
				seen[r.Name] = true
				c.all = append(c.all, r)
			}
		}
	}
	for gv, err := range failed {
		if len(s.known[gv]) == 0 {
			c.failed[gv] = err
		}
		s.o.Log.Warn("api group can't be discovered", "group_version", gv.String(), "known", len(s.known[gv]) > 0, "error", err)
	}
	maps.DeleteFunc(s.known, func(gv schema.GroupVersion, _ []served) bool { return !offered[gv] && failed[gv] == nil })
	return c, nil
}

// unread names the groups of which something couldn't be read.
func (c *catalog) unread() []string {
	var groups []string
	for gv := range c.failed {
		groups = append(groups, gv.Group)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// versions lists the group's versions, the preferred one first.
func versions(g *metav1.APIGroup) []string {
	var names []string
	if g.PreferredVersion.Version != "" {
		names = append(names, g.PreferredVersion.Version)
	}
	for _, v := range g.Versions {
		if !slices.Contains(names, v.Version) {
			names = append(names, v.Version)
		}
	}
	return names
}

func readList(gv schema.GroupVersion, list *metav1.APIResourceList) []served {
	var out []served
	for _, r := range list.APIResources {
		if strings.Contains(r.Name, "/") || r.Name == "" {
			continue
		}
		out = append(out, served{
			Resource: syncer.Resource{
				Group: gv.Group, Version: gv.Version, Name: r.Name, Kind: r.Kind, Namespaced: r.Namespaced,
			},
			singular:  r.SingularName,
			short:     r.ShortNames,
			watchable: slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch"),
		})
	}
	return out
}

func discoveryError(ctx context.Context, err error) error {
	const what = "discover resources"
	var st apierrors.APIStatus
	if errors.As(err, &st) && st.Status().Code > 0 {
		return statusError(what, st.Status(), 0)
	}
	return broken(ctx, what, err)
}

// find returns the resource that a name means: the plural counts before the
// other names, and groups count in the server's order.
func (c *catalog) find(n resourceName) (r served, ok bool) {
	if r, ok = c.match(n.name, func(r served) bool { return r.preferred && (n.group == "" || r.Group == n.group) }); ok {
		return r, true
	}
	if version, group, versioned := n.versioned(); versioned {
		return c.match(n.name, func(r served) bool { return r.Version == version && r.Group == group })
	}
	return served{}, false
}

func (c *catalog) match(name string, among func(served) bool) (found served, ok bool) {
	tests := []func(served) bool{
		func(r served) bool { return r.Name == name },
		func(r served) bool {
			return r.singular == name || strings.ToLower(r.Kind) == name || slices.Contains(r.short, name)
		},
	}
	for _, test := range tests {
		for _, r := range c.all {
			if !among(r) || !test(r) {
				continue
			}
			if r.watchable {
				return r, true
			}
			if !ok {
				found, ok = r, true // better than none: its error says why it can't be
			}
		}
	}
	return found, ok
}

// missing is the answer to a name that isn't served: a resource that may appear,
// or an error for one that can't be meant.
func (c *catalog) missing(n resourceName) (syncer.Discovered, error) {
	version, group, versioned := n.versioned()
	if n.group == "" || versioned && group == "" {
		if len(c.failed) > 0 {
			return syncer.Discovered{}, &syncer.SourceError{Reason: syncer.ReasonUnavailable, Err: fmt.Errorf("discover %s: not among the resources that the server could name, but %d of its groups couldn't be read", n, len(c.failed))}
		}
		return syncer.Discovered{}, &syncer.UnknownResourceError{Name: n.String(), Suggest: suggest(n.name, c.all)}
	}
	if !versioned {
		version, group = c.guessVersion(n.group), n.group
	}
	r := syncer.Resource{Group: group, Version: version, Name: n.name, Kind: kindOf(n.name), Namespaced: true}
	return syncer.Discovered{Cell: syncer.Cell{Resource: r}, Missing: true}, nil
}

// guessVersion is the version in which the group serves other things, or "v1".
func (c *catalog) guessVersion(group string) string {
	for _, r := range c.all {
		if r.Group == group {
			return r.Version
		}
	}
	guess := ""
	for gv := range c.failed {
		if gv.Group == group && gv.Version > guess {
			guess = gv.Version
		}
	}
	if guess == "" {
		guess = "v1"
	}
	return guess
}

// choose resolves the configured names, in their order.
func (s *Source) choose(c *catalog) ([]syncer.Discovered, error) {
	var found []syncer.Discovered
	add := func(d syncer.Discovered) {
		name := d.Cell.Resource.String()
		if !slices.ContainsFunc(found, func(o syncer.Discovered) bool { return o.Cell.Resource.String() == name }) {
			found = append(found, d)
		}
	}
	for _, n := range s.names {
		r, ok := c.find(n)
		switch {
		case !ok:
			d, err := c.missing(n)
			if err != nil {
				return nil, err
			}
			add(d)
		case !r.watchable:
			return nil, &syncer.SourceError{Reason: syncer.ReasonInvalid, Err: fmt.Errorf("discover %s: the server doesn't let it be listed and watched", n)}
		case isSecret(r.Resource) && !s.secretsAllowed():
			return nil, ErrSecretsKey
		default:
			add(syncer.Discovered{Cell: syncer.Cell{Resource: r.Resource}})
		}
	}
	if s.all {
		for _, r := range c.all {
			if s.inAll(c, r) {
				add(syncer.Discovered{Cell: syncer.Cell{Resource: r.Resource}})
			}
		}
	}
	return found, nil
}

// inAll reports whether "*" takes the resource.
func (s *Source) inAll(c *catalog, r served) bool {
	if !r.preferred || !r.watchable {
		return false
	}
	if isSecret(r.Resource) && !s.secretsAllowed() {
		s.o.Log.Debug("secrets are left out: they need a key for the digests of their values")
		return false
	}
	if r.Group == "events.k8s.io" && r.Name == "events" {
		_, core := c.match("events", func(o served) bool { return o.Group == "" })
		return !core
	}
	return true
}

// leaveOut removes what was named with a minus.
func (s *Source) leaveOut(c *catalog, found *[]syncer.Discovered) error {
	for _, n := range s.excluded {
		r, ok := c.find(n)
		name := r.String()
		if !ok {
			d, err := c.missing(n)
			if err != nil {
				return err
			}
			name = d.Cell.Resource.String()
		}
		*found = slices.DeleteFunc(*found, func(d syncer.Discovered) bool { return d.Cell.Resource.String() == name })
	}
	return nil
}

// applySelectors gives every resource its label selector. A name that no
// resource has is an error: a typing error would mirror more than was meant.
func (s *Source) applySelectors(c *catalog, found []syncer.Discovered) error {
	for i := range found {
		found[i].Cell.Resource.LabelSelector = s.selectors[""]
	}
	for _, key := range slices.Sorted(maps.Keys(s.selectors)) {
		if key == "" {
			continue
		}
		n, err := parseName(key)
		if err != nil {
			return err
		}
		r, ok := c.find(n)
		name := r.String()
		if !ok {
			d, err := c.missing(n)
			if err != nil {
				return fmt.Errorf("label selector: %w", err)
			}
			name = d.Cell.Resource.String()
		}
		for i := range found {
			if found[i].Cell.Resource.String() == name {
				found[i].Cell.Resource.LabelSelector = s.selectors[key]
			}
		}
	}
	return nil
}

// cells splits namespaced resources where the view is limited to namespaces.
func (s *Source) cells(found []syncer.Discovered) []syncer.Discovered {
	if len(s.o.Namespaces) == 0 {
		return found
	}
	var out []syncer.Discovered
	for _, d := range found {
		if !d.Cell.Resource.Namespaced {
			out = append(out, d)
			continue
		}
		for _, ns := range s.o.Namespaces {
			d.Cell.Namespace = ns
			out = append(out, d)
		}
	}
	return out
}
