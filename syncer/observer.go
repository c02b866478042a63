package syncer

import (
	"context"
	"time"
)

// Observer is told about durations as they happen, for histograms and spans;
// facts of the state are read from [Status] instead. Its methods are called on
// the engine's goroutines: they return at once and never block. Contexts that
// a Start method returns are used for everything below it; the end function is called
// exactly once.
type Observer interface {
	StartRun(ctx context.Context, run RunInfo) (context.Context, func(RunResult))
	StartStep(ctx context.Context, step Step) (context.Context, func(err error))
	StartResource(ctx context.Context, cell Cell) (context.Context, func(ResourceResult))
	// StoreWrite reports one Write with its number of ops.
	StoreWrite(ctx context.Context, r Resource, ops int, took time.Duration, err error)
	// EventStored reports how long an event waited from its receipt to the
	// store's acknowledgement.
	EventStored(r Resource, took time.Duration)
	// Note reports what explains a duration without being one. ctx belongs to what
	// it happened in: a run's step, the sync of a cell, a request.
	Note(ctx context.Context, n Note)
}

// NoteKind is what a [Note] tells.
type NoteKind string

// The values of NoteKind.
const (
	NotePaused     NoteKind = "paused"     // by By, for the reason Why
	NoteResumed    NoteKind = "resumed"    // by By
	NoteRelist     NoteKind = "relist"     // the cell is listed though it could have resumed; Why is the [RelistReason]
	NoteCheckpoint NoteKind = "checkpoint" // the store is whole up to ResourceVersion, at the end of a cell's sync
)

// Note is something that happened once: there are a few of them a run and a cell,
// however many objects there are.
type Note struct {
	Kind            NoteKind
	By, Why         string
	ResourceVersion uint64
}

// RunInfo identifies a run, and says who asked for what.
type RunInfo struct {
	ID         string
	Trigger    Trigger
	Attempt    int             // 0 for the first try
	Cause      context.Context // carries the trace of the request; nil is none
	By, Reason string
	// Resources and Namespaces are what is compared with the cluster, though it
	// could resume; none is all of a manual run, and nothing of another.
	Resources, Namespaces []string
}

// RunResult is how a run ended, in the state that its end has published.
type RunResult struct {
	Epoch    int64
	Revision uint64
	Partial  bool  // completed without some of the cells
	Err      error // nil: completed, if perhaps partially
}

// ResourceResult is how the sync of one cell ended.
type ResourceResult struct {
	Objects int64
	Bytes   int64
	Resumed bool // caught up from a checkpoint instead of listed
	// GivenUp says that nothing waits for the cell any more. Otherwise Err is
	// handled: the cell is tried again.
	GivenUp bool
	Err     error
}
