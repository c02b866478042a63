package syncer

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Source reads a cluster. Its methods may be called concurrently. Errors that
// concern the cluster's answer are [*SourceError]; anything else is a broken
// connection, or ctx's own error.
type Source interface {
	// Discover resolves the configured names to cells, in their order. A cell
	// whose resource the server doesn't serve (yet) is among them with Missing
	// set. A name that can't be meant for any resource is an [*UnknownResourceError].
	Discover(ctx context.Context) (Discovery, error)

	// Total estimates how many objects the cell has, at the cost of one small
	// request; -1 when the server doesn't tell.
	Total(ctx context.Context, cell Cell) (int64, error)

	// List hands every object of the cell to yield, in batches bounded by count
	// and bytes, at one resource version, and returns that version. Objects come
	// in the order of their keys on every server known; the engine checks.
	// yield owns its batch, and is called from one goroutine; its error ends the
	// list and is returned as it is. A list that can't be finished at one version
	// (an expired continue token) is an error with [ReasonExpired].
	List(ctx context.Context, cell Cell, yield func(*Batch) error) (resourceVersion uint64, err error)

	// Watch streams changes after opts.ResourceVersion to w until the server
	// ends the stream in order (nil), ctx ends, w returns an error (returned as
	// it is), or something breaks. An expired version is [ReasonExpired],
	// whether it comes as a status or within the stream.
	Watch(ctx context.Context, cell Cell, opts WatchOptions, w Watcher) error
}

// Discovery is what a cluster has of what is configured.
type Discovery struct {
	Cells []Discovered
	// Unread names the API groups that the server couldn't describe, now or ever
	// before. What they have isn't known, so nothing of it is known to be gone.
	Unread []string
}

// unread reports whether nothing of the resource's group is known.
func (d *Discovery) unread(r Resource) bool { return slices.Contains(d.Unread, r.Group) }

// Discovered is a cell, and whether the server serves its resource now.
type Discovered struct {
	Cell    Cell
	Missing bool
}

// WatchOptions say from where a watch starts and when the server ends it.
type WatchOptions struct {
	ResourceVersion uint64
	// Timeout is sent as timeoutSeconds: whole seconds, at least one. The server
	// sends a bookmark about two seconds before it ends the stream, and one a
	// minute in between.
	Timeout time.Duration
}

// Watcher receives a watch stream, in order, from one goroutine.
type Watcher interface {
	// Connected is called once, when the server has accepted the watch.
	Connected()
	// Event is called for each change; the object is valid during the call only.
	Event(EventType, *Object) error
	// Bookmark says that everything up to rv has been delivered.
	Bookmark(rv uint64) error
}

// EventType is what happened to a watched object.
type EventType string

// The types of watch events that carry an object.
const (
	Added    EventType = "ADDED"
	Modified EventType = "MODIFIED"
	Deleted  EventType = "DELETED"
)

// Reason says why the cluster refused, in the closed set that metrics and the
// status document use.
type Reason string

// The reasons for a failure.
const (
	ReasonForbidden    Reason = "forbidden"    // 403
	ReasonUnauthorized Reason = "unauthorized" // 401
	ReasonNotFound     Reason = "not_found"    // 404: the resource isn't served
	ReasonExpired      Reason = "expired"      // 410
	ReasonThrottled    Reason = "throttled"    // 429
	ReasonUnavailable  Reason = "unavailable"  // 5xx, or no connection
	ReasonInvalid      Reason = "invalid"      // an answer that isn't what it should be
	ReasonStore        Reason = "store"        // the store, not the cluster
)

// SourceError is an answer of the cluster that is no list and no event.
type SourceError struct {
	Reason Reason
	// RetryAfter is how long the server asked to wait; 0 when it didn't say.
	RetryAfter time.Duration
	Err        error
}

func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap returns what the source said in detail.
func (e *SourceError) Unwrap() error { return e.Err }

// UnknownResourceError names a configured resource that no cluster could mean:
// a bare name that the server doesn't know. A name with its group is taken for
// a resource that may appear later.
type UnknownResourceError struct {
	Name    string
	Suggest []string // names that are spelled alike
}

func (e *UnknownResourceError) Error() string {
	s := "unknown resource " + e.Name + ": the server has none of that name (kubectl api-resources lists them)"
	if len(e.Suggest) > 0 {
		s += "; did you mean " + e.Suggest[0] + "?"
	}
	return s
}

// ReasonOf classifies any error that a source or a store returned.
func ReasonOf(err error) Reason {
	if se, ok := errors.AsType[*SourceError](err); ok {
		return se.Reason
	}
	if _, ok := errors.AsType[*StoreError](err); ok {
		return ReasonStore
	}
	return ReasonUnavailable
}
