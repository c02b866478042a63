// Package api answers over HTTP what the newest [syncer.Status] says.
//
// A request takes one snapshot. What is made from it (header values, ETag,
// JSON) is made once and shared by every request until the next snapshot, so
// headers and body never contradict each other, and polling costs no marshal.
//
// Reading order: headers.go (the names and the public middleware), view.go (a
// snapshot made ready), sanitize.go (what may leave the process), handler.go
// (the routes, which openapi.json describes), health.go and probes.go, server.go.
// upstream.go stands in front of an application, remote.go is for one beside.
package api
