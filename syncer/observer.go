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
	Err      error // nil: completed, if perhaps partially
}

// ResourceResult is how the sync of one cell ended.
type ResourceResult struct {
	Objects int64
	Bytes   int64
	Resumed bool // caught up from a checkpoint instead of listed
	Err     error
}
