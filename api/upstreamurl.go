package api

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// errUpstreamURL doesn't repeat the URL: it may hold a password.
var errUpstreamURL = errors.New("want http://HOST:PORT, https://HOST:PORT or unix:///PATH of the application")

// parseUpstream checks the application's address.
func parseUpstream(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errUpstreamURL
	}
	switch {
	case u.User != nil:
		return nil, errors.New("credentials don't belong into the application's URL: clients send their own")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the application's URL has a query or a fragment; requests bring their own")
	case u.Scheme == "unix":
		if u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || u.Path == "/" {
			return nil, errors.New("want unix:///PATH, with three slashes, of the application's socket")
		}
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, errUpstreamURL
	}
	return u, nil
}

// checkPrefix refuses what would hide the application, or never match.
func checkPrefix(prefix string) error {
	if !strings.HasPrefix(prefix, "/") || prefix == "/" || path.Clean(prefix) != prefix {
		return fmt.Errorf("the prefix %q isn't like %s: a path without a / at its end", prefix, DefaultUpstreamPrefix)
	}
	return nil
}

// checkReserved refuses what would never match, and what would leave the
// application nothing.
func checkReserved(paths []string) error {
	for _, p := range paths {
		if !strings.HasPrefix(p, "/") || p == "/" || path.Clean(p) != strings.TrimSuffix(p, "/") {
			return fmt.Errorf("the reserved path %q isn't like /metrics or /api/v1/sync/", p)
		}
	}
	return nil
}
