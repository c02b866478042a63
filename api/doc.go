// Package api answers over HTTP what the newest [syncer.Status] says.
//
// A request takes one snapshot. What is made from it (header values, ETag,
// JSON) is made once and shared by every request until the next snapshot, so
// headers and body never contradict each other, and polling costs no marshal.
//
// Reading order: headers.go (the names and the public middleware), view.go (a
// snapshot made ready), sanitize.go (what may leave the process), handler.go
// (the routes), query.go, health.go and probes.go, control.go, history.go, server.go.
//
// Who may read the mirror and control it: auth.go (the contracts), authguard.go
// (what a request goes through), authorize.go (how routes ask), authtokens.go (the
// tokens of a file); package kubeauth asks the cluster.
package api
