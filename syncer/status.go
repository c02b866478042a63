package syncer

import "time"

// Phases of the whole: what clients branch on. There is never another value.
type RunStatus string

// The values of RunStatus.
const (
	NotStarted RunStatus = "not_started"
	InProgress RunStatus = "in_progress"
	Completed  RunStatus = "completed"
	Failed     RunStatus = "failed"
)

// RunStatuses lists every RunStatus, in the order in which they are shown.
var RunStatuses = []RunStatus{NotStarted, InProgress, Completed, Failed}

// State is what the engine does now, finer than RunStatus.
type State string

// The states that the engine takes.
const (
	Idle     State = "idle"
	Running  State = "running"
	Retrying State = "retrying"
	Live     State = "live"
	Stopped  State = "stopped"
)

// States lists every State, in the order in which they are shown.
var States = []State{Idle, Running, Retrying, Live, Stopped}

// Step is a stage of a run; "" before the first.
type Step string

// The steps, in their order.
const (
	StepCleanup  Step = "cleanup"
	StepSync     Step = "sync"
	StepInformer Step = "informer"
	StepDone     Step = "done"
)

// Steps lists every Step in its order.
var Steps = []Step{StepCleanup, StepSync, StepInformer, StepDone}

// Phase is what a resource does now; its status follows from it.
type Phase string

// The phases of a resource. The last three are those of its watch.
const (
	PhasePending    Phase = "pending"
	PhaseListing    Phase = "listing"     // list and compare
	PhaseCatchingUp Phase = "catching_up" // resume from the checkpoint
	PhaseSynced     Phase = "synced"      // at one version; its watch isn't confirmed yet
	PhaseWatching   Phase = "watching"
	PhaseRetrying   Phase = "retrying"
)

// WatchState is the state of a resource's watch stream.
type WatchState string

// The states of a watch.
const (
	WatchPending    WatchState = "pending"
	WatchConnecting WatchState = "connecting"
	WatchConnected  WatchState = "connected"
	WatchBroken     WatchState = "broken"
)

// ResourceOutcome is a resource's status in the document: a RunStatus, or the
// reason for which the cluster refused it.
type ResourceOutcome string

// The values of ResourceOutcome.
const (
	ResourceNotStarted ResourceOutcome = "not_started"
	ResourceInProgress ResourceOutcome = "in_progress"
	ResourceCompleted  ResourceOutcome = "completed"
	ResourceFailed     ResourceOutcome = "failed"
	ResourceForbidden  ResourceOutcome = "forbidden"
	ResourceNotFound   ResourceOutcome = "not_found"
)

// ResourceOutcomes lists every ResourceOutcome, in the order in which they are shown.
var ResourceOutcomes = []ResourceOutcome{
	ResourceNotStarted, ResourceInProgress, ResourceCompleted,
	ResourceFailed, ResourceForbidden, ResourceNotFound,
}

// Status is one immutable snapshot of everything that is told. Its JSON form is
// the body of GET /api/v1/sync/status. Readers must not change it.
type Status struct {
	SchemaVersion int       `json:"schemaVersion"`
	Revision      uint64    `json:"revision"`
	Epoch         int64     `json:"epoch"`
	RunID         string    `json:"runId"`
	TraceID       string    `json:"traceId,omitempty"`
	ObservedAt    time.Time `json:"observedAt"` // when this snapshot was made
	Cluster       string    `json:"cluster"`
	Instance      string    `json:"instance"`
	Trigger       string    `json:"trigger"` // "startup" or "retry"

	Status RunStatus `json:"status"`
	State  State     `json:"state"`
	Step   Step      `json:"step"`

	CurrentResource  string   `json:"currentResource"`
	CurrentResources []string `json:"currentResources"`
	TotalResources   int      `json:"totalResources"`
	SyncedResources  int      `json:"syncedResources"`
	FailedResources  int      `json:"failedResources"`
	Partial          bool     `json:"partial"`

	Progress Progress `json:"progress"`

	StartTime           *time.Time `json:"startTime"`
	EndTime             *time.Time `json:"endTime"`
	DurationMs          *int64     `json:"durationMs"`
	LastProgressAt      *time.Time `json:"lastProgressAt"`
	LastSuccessAt       *time.Time `json:"lastSuccessAt"`
	InitialSyncComplete bool       `json:"initialSyncCompleted"`

	// ResourceStatus has one entry a cell, in the order of the configuration.
	ResourceStatus []ResourceStatus `json:"resourceStatus"`
	StepStatus     []StepStatus     `json:"stepStatus"`

	Retry Retry   `json:"retry"`
	Error *string `json:"error"`
}

// Progress is how much of the run is done. Counts cover what the store
// acknowledged, and never fall within a run.
type Progress struct {
	Ratio       float64 `json:"ratio"` // a high-water mark in [0,1]; 1 only when completed
	Basis       string  `json:"basis"` // "objects", or "resources" while no total is known
	TotalsFinal bool    `json:"totalsFinal"`
	Objects     Amount  `json:"objects"`
	Bytes       Amount  `json:"bytes"`
}

// Amount is a count against its total, which is null when unknown.
type Amount struct {
	Synced    int64  `json:"synced"`
	Total     *int64 `json:"total"`
	Estimated bool   `json:"estimated"`
}

// ResourceStatus is one cell's part of a Status.
type ResourceStatus struct {
	Resource   string `json:"resource"` // the kind: "Pod"
	Name       string `json:"name"`     // "pods", "deployments.apps"
	Group      string `json:"group"`
	Version    string `json:"version"`
	Namespaced bool   `json:"namespaced"`
	Namespace  string `json:"namespace,omitempty"` // of a cell that is limited to one

	Status ResourceOutcome `json:"status"`
	Phase  Phase           `json:"phase"`

	Count          int64  `json:"count"` // objects accounted for in this run
	Total          *int64 `json:"total"`
	TotalEstimated bool   `json:"totalEstimated"`
	// Objects is how many rows the store holds, as far as is known.
	Objects int64 `json:"objects"`
	Counts
	Bytes int64 `json:"bytes"`

	StartTime       *time.Time `json:"startTime"`
	EndTime         *time.Time `json:"endTime"`
	ResourceVersion string     `json:"resourceVersion"`
	Attempt         int        `json:"attempt"`
	NextRetryAt     *time.Time `json:"nextRetryAt"`
	Relists         int64      `json:"relists"`
	Resumes         int64      `json:"resumes"`
	Events          Events     `json:"events"`
	Retries         int64      `json:"retries"`

	Watch Watch      `json:"watch"`
	Error *CellError `json:"error"`
	// DeadLetters are the newest objects that the store refused, at most MaxDeadLetters.
	DeadLetters []DeadLetter `json:"deadLetters,omitempty"`
	// Errors counts failures by reason since the process started.
	Errors map[Reason]int64 `json:"-"`
}

// Counts account for every object that the source delivered since the process
// started: Received = Created + Updated + Unchanged + Deleted + Coalesced + Filtered + DeadLettered + what is
// in flight, where Deleted leaves out rows that a sweep removed.
type Counts struct {
	Received     int64 `json:"received"`
	Created      int64 `json:"created"`
	Updated      int64 `json:"updated"`
	Unchanged    int64 `json:"unchanged"`
	Deleted      int64 `json:"deleted"`
	Swept        int64 `json:"swept"` // rows that a complete list no longer had
	Coalesced    int64 `json:"coalesced"`
	Filtered     int64 `json:"filtered"`
	DeadLettered int64 `json:"deadLettered"`
}

// Events counts watch events by type since the process started.
type Events struct {
	Added    int64 `json:"added"`
	Modified int64 `json:"modified"`
	Deleted  int64 `json:"deleted"`
	Bookmark int64 `json:"bookmark"`
}

// Watch is the state of a cell's watch.
type Watch struct {
	State       WatchState `json:"state"`
	LagSeconds  *float64   `json:"lagSeconds"`  // null when unknown
	LastEventAt *time.Time `json:"lastEventAt"` // of the last event or bookmark
	BufferBytes int64      `json:"bufferBytes"`
}

// CellError says why a cell isn't well.
type CellError struct {
	Reason  Reason    `json:"reason"`
	Message string    `json:"message"`
	Time    time.Time `json:"time"`
}

// MaxDeadLetters bounds what is kept of the refused objects of one cell; the
// count in [Counts] goes on.
const MaxDeadLetters = 20

// DeadLetter is an object that the store refused for its own sake.
type DeadLetter struct {
	Key             string    `json:"key"` // "namespace/name"
	ResourceVersion uint64    `json:"resourceVersion,string"`
	Error           string    `json:"error"`
	Time            time.Time `json:"time"`
}

// StepStatus is when a step of the current run began and ended.
type StepStatus struct {
	Step      Step       `json:"step"`
	StartTime time.Time  `json:"startTime"`
	EndTime   *time.Time `json:"endTime"`
}

// Retry says whether, and when, the run is tried again.
type Retry struct {
	Attempt     int        `json:"attempt"` // 0 for the first try
	NextRetryAt *time.Time `json:"nextRetryAt"`
}
