package api

import (
	"net/netip"
	"slices"
	"strings"
)

// isOwnHost reports whether a Host header names this machine or one of names. A
// page whose own name was pointed at 127.0.0.1 (DNS rebinding) still sends that name.
func isOwnHost(host string, names []string) bool {
	host = hostname(host)
	if host == "localhost" || slices.Contains(names, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostname is a Host header without its port and brackets, in lower case.
func hostname(host string) string {
	if rest, ok := strings.CutPrefix(host, "["); ok {
		host, _, _ = strings.Cut(rest, "]")
	} else {
		host, _, _ = strings.Cut(host, ":")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
