package kube

import (
	"net/http"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// streamBytes is how much of an answer HTTP/2 may receive ahead of whoever reads
// it. Go's default is 4 MiB: a list that waits for the store, and its next page,
// would hold 8 MiB a cell.
const streamBytes = 1 << 20

// boundStreams sets streamBytes at the transport below rt, if it is Go's own. It
// works only before the first connection.
func boundStreams(rt http.RoundTripper) http.RoundTripper {
	for below := rt; below != nil; {
		switch t := below.(type) {
		case *http.Transport:
			if t != http.DefaultTransport { // it belongs to the whole process
				t.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: streamBytes}
			}
			return rt
		case utilnet.RoundTripperWrapper:
			below = t.WrappedRoundTripper()
		default:
			return rt
		}
	}
	return rt
}
