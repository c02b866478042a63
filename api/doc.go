// Package api answers over HTTP what the newest [syncer.Status] says.
//
// A request takes one snapshot. What is made from it (header values, ETag,
// JSON) is made once and shared by every request until the next snapshot, so
// headers and body never contradict each other, and polling costs no marshal.
//
// Reading order: headers.go (the names and the public middleware), view.go (a
// snapshot made ready), sanitize.go (what may leave the process), handler.go
// (the routes, which openapi.json describes), query.go, status.go and longpoll.go (the document, and waiting for
// it), health.go and probes.go, control.go, history.go, page.go, server.go.
//
// Who may read the mirror and control it: auth.go (the contracts), authguard.go
// (what a request goes through), authorize.go (how routes ask), authtokens.go (the
// tokens of a file); package kubeauth asks the cluster.
//
// The mirror's objects: data.go, datafreshness.go, dataquery.go, datatoken.go,
// datarows.go and databody.go.
//
// What is pushed begins at envelope.go (what is sent) and document.go (what a
// reader makes of it); frame.go (one sample, and the change to it from any
// other), push.go (who samples), stream.go (what a client gets), events.go and
// ws.go (how), drain.go (how it ends). Package client reads it.
//
// For applications: upstream.go stands in front of one, remote.go is for one beside.
package api
