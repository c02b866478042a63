package syncer

// RunStatus is where the run is: what clients branch on. There is never another value.
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
	Idle       State = "idle" // nothing is mirrored until someone asks for it
	Running    State = "running"
	Pausing    State = "pausing" // what is under way is being written
	Paused     State = "paused"
	Retrying   State = "retrying" // the run failed, and is tried again
	Cancelling State = "cancelling"
	Live       State = "live"
	Stopped    State = "stopped"
)

// States lists every State, in the order in which they are shown.
var States = []State{Idle, Running, Pausing, Paused, Retrying, Cancelling, Live, Stopped}

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

// The phases of a resource.
const (
	PhasePending    Phase = "pending"
	PhaseListing    Phase = "listing"     // list and compare
	PhaseCatchingUp Phase = "catching_up" // resume from the checkpoint
	PhaseSynced     Phase = "synced"      // at one version; its watch isn't confirmed yet
	PhaseWatching   Phase = "watching"
	PhaseRetrying   Phase = "retrying"
	PhasePaused     Phase = "paused"
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

// Role is what a process is among those that share a mirror.
type Role string

// The one role that there is: whoever runs an engine writes.
const Leader Role = "leader"

// Trigger is what started a run.
type Trigger string

// The triggers of runs.
const (
	TriggerStartup Trigger = "startup"
	TriggerRetry   Trigger = "retry"  // the run before failed
	TriggerManual  Trigger = "manual" // someone asked for it
)

// Triggers lists every Trigger, in the order in which they are shown.
var Triggers = []Trigger{TriggerStartup, TriggerRetry, TriggerManual}

// WarningCode is what a client may branch on.
type WarningCode string

// The codes of warnings.
const (
	WarnDiscovery  WarningCode = "discovery_incomplete" // groups that the server can't describe
	WarnUnordered  WarningCode = "list_unordered"       // compared in memory
	WarnStoreSlow  WarningCode = "store_slow"           // a watch was closed until the store has caught up
	WarnCheckpoint WarningCode = "checkpoint_not_saved"
	WarnHistory    WarningCode = "history_not_saved"
)

// RelistReason is why a cell that could have resumed was listed.
type RelistReason string

// The values of RelistReason.
const (
	RelistExpired RelistReason = "expired" // its version is gone from the server
	RelistForm    RelistReason = "form"    // rows are made in another way than before
	RelistManual  RelistReason = "manual"  // someone asked for it
)

// RelistReasons lists every RelistReason, in the order in which they are shown.
var RelistReasons = []RelistReason{RelistExpired, RelistForm, RelistManual}
