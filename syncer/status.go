package syncer

import "time"

// Status is one immutable snapshot of everything that is told. Its JSON form is
// the body of GET /api/v1/sync/status. Readers must not change it.
type Status struct {
	SchemaVersion int       `json:"schemaVersion"`
	Revision      uint64    `json:"revision"`
	Epoch         int64     `json:"epoch"`
	RunID         string    `json:"runId"`
	TraceID       string    `json:"traceId,omitempty"`
	TraceURL      string    `json:"traceUrl,omitempty"` // set by who shows the document; the tracker knows none
	ObservedAt    time.Time `json:"observedAt"`         // when this snapshot was made
	Cluster       string    `json:"cluster"`
	Instance      string    `json:"instance"`
	Role          Role      `json:"role"`
	Trigger       Trigger   `json:"trigger"`

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
	ETA      *ETA     `json:"eta"` // null until it means something

	StartTime           *time.Time `json:"startTime"`
	EndTime             *time.Time `json:"endTime"`
	DurationMs          *int64     `json:"durationMs"`
	LastProgressAt      *time.Time `json:"lastProgressAt"`
	LastSuccessAt       *time.Time `json:"lastSuccessAt"`
	ActiveSeconds       float64    `json:"activeSeconds"` // of the run, without its pauses, up to observedAt
	PausedSeconds       float64    `json:"pausedSeconds"` // of the run, up to observedAt
	InitialSyncComplete bool       `json:"initialSyncCompleted"`

	// ResourceStatus has one entry a cell, in the order of the configuration.
	ResourceStatus []ResourceStatus `json:"resourceStatus"`
	StepStatus     []StepStatus     `json:"stepStatus"`

	Retry               Retry          `json:"retry"`
	ConsecutiveFailures int            `json:"consecutiveFailures"` // runs since one last completed
	Control             Control        `json:"control"`
	AllowedActions      []Action       `json:"allowedActions"`
	Warnings            []Warning      `json:"warnings"`
	Error               *string        `json:"error"`
	History             HistorySummary `json:"history"`
}

// Warning is something that doesn't stop the mirror, and that its operator
// should know. There is at most one of each code and resource.
type Warning struct {
	Code     WarningCode `json:"code"`
	Resource string      `json:"resource,omitempty"` // of the cell that it is about
	Message  string      `json:"message"`
	Since    time.Time   `json:"since"`
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
	// Errors counts failures by reason since the process started; each is followed by
	// another attempt. RelistedFor counts the lists of Relists. The maps are replaced,
	// and never changed.
	Errors      map[Reason]int64       `json:"-"`
	RelistedFor map[RelistReason]int64 `json:"-"`
	// TotalBytes is Bytes of every run since the process started.
	TotalBytes int64 `json:"-"`
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
	State WatchState `json:"state"`
	// LagSeconds is how long the oldest event has waited for the store; 0 when none
	// does and the watch was heard of lately, null when nobody knows.
	LagSeconds  *float64   `json:"lagSeconds"`
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
