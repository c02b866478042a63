package syncer

import "strings"

// Resource names one kind of object as the API server serves it.
type Resource struct {
	Group      string // "" for the core group
	Version    string // "v1"
	Name       string // plural, as in URLs: "pods"
	Kind       string // "Pod"
	Namespaced bool

	// LabelSelector limits the mirror to matching objects; "" is all of them.
	LabelSelector string
}

// String is the name that kubectl prints, and that collections, labels of
// metrics and configuration use: "pods", "deployments.apps".
func (r Resource) String() string {
	if r.Group == "" {
		return r.Name
	}
	return r.Name + "." + r.Group
}

// APIVersion is the value of an object's apiVersion field: "v1", "apps/v1".
func (r Resource) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// Cell is the unit of work and of failure: a resource in the whole cluster, or,
// where the view is limited to namespaces, in one of them.
type Cell struct {
	Resource  Resource
	Namespace string // "" is every namespace, or a cluster-scoped resource
}

// String is the resource's name, with "/namespace" behind it for a limited cell.
func (c Cell) String() string {
	if c.Namespace == "" {
		return c.Resource.String()
	}
	return c.Resource.String() + "/" + c.Namespace
}

// JoinKey is an object's key within its resource, "namespace/name", with an
// empty namespace for cluster-scoped objects. Keys compare bytewise, in the
// order in which the API server lists (that of etcd's keys).
func JoinKey(namespace, name string) string { return namespace + "/" + name }

// SplitKey undoes [JoinKey].
func SplitKey(key string) (namespace, name string) {
	namespace, name, _ = strings.Cut(key, "/")
	return namespace, name
}
