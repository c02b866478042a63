// Package syncer keeps a mirror of a Kubernetes cluster and says, at every
// moment, how far that mirror can be trusted.
//
// Objects flow one way, as bytes: a [Source] lists and watches, the [Engine]
// compares and orders, a [Store] keeps. What happens on the way is told to the
// [Tracker] alone, which publishes it as one immutable [Status]; every surface
// (HTTP, metrics, traces, terminal) is made from that snapshot.
//
// Reading order: resource.go and object.go (what travels), source.go and
// store.go (the two contracts), states.go, status.go and tracker.go (what is told),
// engine.go, cell.go, resync.go and follow.go (what is done), then control.go,
// command.go and gate.go (what may be asked for), and history.go.
package syncer
