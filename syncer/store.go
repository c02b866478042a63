package syncer

import (
	"context"
	"time"
)

// Store keeps the mirror of one cluster (the name is the store's own setting;
// several clusters may share a database). Its methods may be called
// concurrently, but a key has at most one write in flight. Errors are
// [*StoreError], or ctx's own.
//
// A store is dumb on purpose: it compares versions, and decides nothing.
type Store interface {
	// Prepare connects and makes what r needs to be written and read. It is
	// idempotent, and never removes anything.
	Prepare(ctx context.Context, r Resource) error

	// FinishFill makes the indexes of r that are cheaper to make once it is
	// filled. It is idempotent.
	FinishFill(ctx context.Context, r Resource) error

	// Resources names what the store has rows or checkpoints of for this cluster, as
	// [Resource.String] prints it.
	Resources(ctx context.Context) ([]string, error)

	// Drop removes every row and checkpoint of the named resource of this cluster.
	Drop(ctx context.Context, resource string) error

	// Versions appends to dst up to limit rows with after < key, in the order of
	// their keys, and with key < before unless before is "". Fewer than limit
	// rows mean that there are no more.
	Versions(ctx context.Context, r Resource, after, before string, limit int, dst []Version) ([]Version, error)

	// Write applies ops in any order: their keys are distinct. It returns only
	// once they are durable to the store's usual degree. An error means that the
	// outcome of all of them is unknown: the caller repeats the whole call. What
	// the store refuses for an object's own sake is in the result instead.
	// The slices in ops aren't kept.
	Write(ctx context.Context, r Resource, ops []Op) (WriteResult, error)

	// Count returns the rows of the cell.
	Count(ctx context.Context, cell Cell) (int64, error)

	// Read hands the rows that q asks for to yield in the order of their keys, each
	// with its labels, and as JSON without what the store added. The slices are valid
	// during the call only. An error of yield ends it and is returned as it is. A
	// resource that wasn't prepared has no rows.
	Read(ctx context.Context, r Resource, q Query, yield func(*Object) error) error

	// Checkpoints returns those of this cluster; SaveCheckpoints replaces the
	// ones of the cells that it names. A checkpoint of a lower epoch than the stored
	// one is refused with [ErrStaleEpoch].
	Checkpoints(ctx context.Context) ([]Checkpoint, error)
	SaveCheckpoints(ctx context.Context, cps []Checkpoint) error
	// DeleteCheckpoints forgets the cells by [Cell.String].
	DeleteCheckpoints(ctx context.Context, cells []string) error

	// Control is what was last saved, and the zero value before; SaveControl
	// replaces it, durably.
	Control(ctx context.Context) (Control, error)
	SaveControl(ctx context.Context, c Control) error

	// SaveRun keeps a run that ended, and of all that are kept the newest
	// [MaxRuns]. A run that is saved twice is kept once.
	SaveRun(ctx context.Context, run Run) error
	// Runs returns up to limit runs, the newest first, from the one before the
	// run of the id before on; "" is the newest.
	Runs(ctx context.Context, before string, limit int) ([]Run, error)

	// NextEpoch raises the writer's epoch and returns it: one more than any before.
	NextEpoch(ctx context.Context) (int64, error)

	// Close ends every connection. Calls after it fail.
	Close(ctx context.Context) error
}

// Version is what a store knows about a row without reading the object.
type Version struct {
	Key string
	UID string
	RV  uint64
}

// Op is one change of one row.
type Op struct {
	Object Object // a delete needs Key and RV only
	Delete bool
	// Force writes over whatever is there, for a cluster whose versions went
	// back or rows that were written in another form. Without it a replace needs
	// stored.RV < Object.RV (or no row), a delete stored.RV <= Object.RV.
	Force bool
}

// WriteResult accounts for every op of one Write:
// Created + Updated + Deleted + Stale + len(Rejected) = number of ops.
type WriteResult struct {
	Created, Updated, Deleted int
	// Stale counts ops whose guard didn't hold: the store has it newer, or, for
	// a delete, not at all.
	Stale    int
	Rejected []Rejection
}

// Rejection is an object that the store will never take as it is.
type Rejection struct {
	Index int // in the ops of the call
	Err   error
}

// Checkpoint says up to where the store holds a cell. It is kept in the store,
// behind the writes that it speaks of.
type Checkpoint struct {
	Cell     string `json:"cell"`     // Cell.String()
	Resource string `json:"resource"` // Resource.String()
	// Kind, Version and Namespaced say what the rows are while no cluster does.
	Kind            string `json:"kind"`
	Version         string `json:"version"`
	Namespaced      bool   `json:"namespaced"`
	ResourceVersion uint64 `json:"resourceVersion"`
	// Form names how the rows were made (selector, redaction, version of the
	// transcoder); rows of another form are written again.
	Form    string    `json:"form"`
	Epoch   int64     `json:"epoch"`
	SavedAt time.Time `json:"savedAt"`
}

// StoreError is a store that didn't do what it was asked: away, slow, or broken.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return e.Err.Error() }

// Unwrap returns what the store said in detail.
func (e *StoreError) Unwrap() error { return e.Err }

// ErrStaleEpoch answers a writer that another one has replaced.
var ErrStaleEpoch = errStaleEpoch{}

type errStaleEpoch struct{}

func (errStaleEpoch) Error() string { return "another writer has taken over this mirror" }
