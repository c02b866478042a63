package api

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// How many invalid tokens an address may send before it is told to slow down.
const (
	failuresAtOnce  = 10
	failureInterval = 6 * time.Second // gives one more
	maxAddresses    = 4096            // that are remembered, the latest of them
)

// failures counts the invalid tokens of each client address. A valid token isn't
// asked about: clients behind one proxy share an address, and one of them must not
// be able to lock out the others.
type failures struct {
	mu        sync.Mutex
	addresses *lru.Cache // of *failing by netip.Prefix; guarded by mu
}

// failing is one address.
type failing struct {
	limit *rate.Limiter
	told  bool // the log knows
}

func newFailures() *failures { return &failures{addresses: lru.New(maxAddresses)} }

// add counts one, and reports whether there were too many, and whether this is the
// first that was.
func (f *failures) add(address netip.Prefix) (tooMany, first bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var one *failing
	if known, ok := f.addresses.Get(address); ok {
		one = known.(*failing)
	} else {
		one = &failing{limit: rate.NewLimiter(rate.Every(failureInterval), failuresAtOnce)}
		f.addresses.Add(address, one)
	}
	tooMany = !one.limit.Allow()
	first = tooMany && !one.told
	one.told = tooMany
	return tooMany, first
}

// clientAddress is whom to count a failure against: an IPv4 address, or the /64
// that one customer of a provider has whole.
func clientAddress(remote string) netip.Prefix {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if addr.Addr().Unmap().Is6() {
		bits = 64
	}
	prefix, err := addr.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
