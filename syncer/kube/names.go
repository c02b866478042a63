package kube

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// resourceName is a configured name, in lower case.
type resourceName struct {
	name  string // plural, singular, short name or kind
	group string // all behind the first dot; "" for a bare name
}

var versionLike = regexp.MustCompile(`^v[0-9]+((alpha|beta)[0-9]+)?$`)

func parseName(text string) (resourceName, error) {
	name, group, dotted := strings.Cut(strings.ToLower(strings.TrimSpace(text)), ".")
	if len(validation.IsDNS1123Label(name)) > 0 || dotted && len(validation.IsDNS1123Subdomain(group)) > 0 {
		return resourceName{}, fmt.Errorf("%q isn't the name of a resource: use one that kubectl api-resources prints", text)
	}
	return resourceName{name: name, group: group}, nil
}

func (n resourceName) String() string {
	if n.group == "" {
		return n.name
	}
	return n.name + "." + n.group
}

// versioned splits a version off the group, as in "deployments.v1.apps".
func (n resourceName) versioned() (version, group string, ok bool) {
	version, group, _ = strings.Cut(n.group, ".")
	return version, group, versionLike.MatchString(version)
}

// kindOf guesses the kind of a resource that isn't served.
func kindOf(plural string) string {
	single := plural
	switch {
	case strings.HasSuffix(plural, "ies"):
		single = strings.TrimSuffix(plural, "ies") + "y"
	case strings.HasSuffix(plural, "sses"), strings.HasSuffix(plural, "xes"), strings.HasSuffix(plural, "ches"), strings.HasSuffix(plural, "shes"):
		single = strings.TrimSuffix(plural, "es")
	case strings.HasSuffix(plural, "s") && !strings.HasSuffix(plural, "ss"):
		single = strings.TrimSuffix(plural, "s")
	}
	return strings.ToUpper(single[:1]) + single[1:]
}

// suggest returns up to three names that are spelled like name, the nearest first.
func suggest(name string, all []served) []string {
	type near struct {
		name     string
		distance int
	}
	var found []near
	for _, r := range all {
		d := distance(name, r.Name)
		for _, other := range append([]string{r.singular}, r.short...) {
			d = min(d, distance(name, other)+1)
		}
		if len(name) >= 4 && strings.Contains(r.Name, name) {
			d = min(d, 2)
		}
		full := r.String()
		if d <= 2 && !slices.ContainsFunc(found, func(n near) bool { return n.name == full }) {
			found = append(found, near{full, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	var names []string
	for _, n := range found[:min(3, len(found))] {
		names = append(names, n.name)
	}
	return names
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
