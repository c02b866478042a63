package kubetest

import "strings"

// Option changes how a cluster is started.
type Option func(*config)

// config is what Start and Restart collect from their options.
type config struct {
	dir           string
	apiserverArgs []string
	users         []user
}

type user struct {
	name, token string
	groups      []string
}

// WithDir keeps the cluster's data in dir, which outlives the test. Without it
// the data is in t.TempDir(). Restart ignores it.
func WithDir(dir string) Option {
	return func(c *config) { c.dir = dir }
}

// WithAPIServerArgs passes flags to kube-apiserver, with or without the leading
// dashes: "watch-cache-sizes=pods#0", "min-request-timeout=5". They follow those
// of earlier options, and a later value of a flag that holds one value wins.
func WithAPIServerArgs(args ...string) Option {
	return func(c *config) {
		for _, arg := range args {
			c.apiserverArgs = append(c.apiserverArgs, "--"+strings.TrimLeft(arg, "-"))
		}
	}
}

// WithUser adds somebody who authenticates with token. RBAC gives them nothing
// until the test binds a role to the name or to one of the groups.
func WithUser(name, token string, groups ...string) Option {
	return func(c *config) {
		c.users = append(c.users, user{name: name, token: token, groups: groups})
	}
}
