// Package client follows the status of a running Sidemirror from another
// process: commands that show or await it, and applications that want its headers
// on their own responses.
//
// A [Follower] reads the stream of Server-Sent Events, takes it up again where it
// was lost, and polls where there is no stream to be had (an older server, a proxy
// that buffers, no place left).
//
// Reading order: follower.go (what is offered), stream.go and poll.go (the two
// ways to know).
package client
