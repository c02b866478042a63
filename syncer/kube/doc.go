// Package kube reads a Kubernetes cluster for the mirror: [Source] implements
// [syncer.Source] on client-go's transport, and keeps objects as the bytes that
// the API server sent.
//
// A response flows through a window of one reused buffer (window.go). The
// scanner validates it once, as strictly as encoding/json, and takes out what
// the mirror needs (scan.go, strings.go); on the way it notes what has to be cut
// out or replaced (item.go, redact.go), and copies the rest into the batch. Lists
// and watches (list.go, watch.go) differ only in what surrounds an object.
//
// Reading order: source.go, request.go and failure.go (asking the server),
// list.go and watch.go, then the scanner: window.go, strings.go, scan.go,
// item.go, redact.go, frame.go. Discovery stands alone: discover.go, names.go.
package kube
