// Package api answers over HTTP what the newest [syncer.Status] says.
//
// A request takes one snapshot. What is made from it (header values, ETag,
// JSON) is made once and shared by every request until the next snapshot, so
// headers and body never contradict each other, and polling costs no marshal.
//
// Reading order: headers.go (the names and the public middleware), view.go (a
// snapshot made ready), sanitize.go (what may leave the process), handler.go
// (the routes), health.go and probes.go, data.go, datafreshness.go, dataquery.go,
// datatoken.go, datarows.go and databody.go (the mirror's objects), server.go.
package api
