package exporter

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidemirror/sidemirror/syncer"
)

const namespace = "sidemirror"

// Labels of the metrics. Their values come from closed sets, but for resource,
// which is bounded by maxResources.
const (
	labelStatus    = "status"
	labelState     = "state"
	labelStep      = "step"
	labelResource  = "resource"
	labelOperation = "operation"
	labelType      = "type"
	labelReason    = "reason"
	labelOutcome   = "outcome"
	labelTrigger   = "trigger"
	labelTransport = "transport"
	labelMethod    = "method"
	labelRoute     = "route"
	labelCode      = "code"
)

// Metric is one metric as it is declared, for documents and for those that check
// queries against what there is.
type Metric struct {
	Name   string
	Type   string // gauge, counter or histogram
	Help   string
	Labels []string
}

// Catalogue lists every metric of this package, in the order of its declaration.
func Catalogue() []Metric {
	var all []Metric
	add := func(name, kind, help string, labels []string) {
		all = append(all, Metric{Name: namespace + "_" + name, Type: kind, Help: help, Labels: labels})
	}
	for _, e := range slices.Concat(runEntries, resourceEntries) {
		add(e.name, typeNames[e.kind], e.help, e.labels)
	}
	for _, t := range timings {
		add(t.name, "histogram", t.help, t.labels)
	}
	for _, p := range processEntries {
		add(p.name, typeNames[p.kind], p.help, p.labels)
	}
	return all
}

// emit takes one sample of the entry that called it, with its labels' values.
type emit func(value float64, labels ...string)

// entry is one metric that is read from the snapshot, of the whole or of each resource.
type entry struct {
	name     string
	help     string
	kind     prometheus.ValueType
	labels   []string
	whole    func(s *syncer.Status, put emit)
	resource func(t *tally, put emit)
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

var typeNames = map[prometheus.ValueType]string{gauge: "gauge", counter: "counter"}

var runEntries = []entry{
	{name: "sync_status", kind: gauge, labels: []string{labelStatus},
		help: "1 for the status of the sync, 0 for every other.",
		whole: func(s *syncer.Status, put emit) {
			for _, one := range syncer.RunStatuses {
				put(boolean(s.Status == one), string(one))
			}
		}},
	{name: "sync_state", kind: gauge, labels: []string{labelState},
		help: "1 for what the engine does now, 0 for every other state.",
		whole: func(s *syncer.Status, put emit) {
			for _, one := range syncer.States {
				put(boolean(s.State == one), string(one))
			}
		}},
	{name: "sync_step", kind: gauge, labels: []string{labelStep},
		help: "1 for the step of the run, 0 for every other; all 0 before the first.",
		whole: func(s *syncer.Status, put emit) {
			for _, one := range syncer.Steps {
				put(boolean(s.Step == one), string(one))
			}
		}},
	{name: "sync_revision", kind: gauge,
		help:  "Revision of the status that all that is read from it belongs to; begins anew with each process.",
		whole: func(s *syncer.Status, put emit) { put(float64(s.Revision)) }},
	{name: "sync_resources", kind: gauge, labels: []string{labelState},
		help: "Resources by status; one that is limited to namespaces counts once for each.",
		whole: func(s *syncer.Status, put emit) {
			n := map[syncer.ResourceOutcome]int{}
			for i := range s.ResourceStatus {
				n[s.ResourceStatus[i].Status]++
			}
			for _, one := range syncer.ResourceOutcomes {
				put(float64(n[one]), string(one))
			}
		}},
	{name: "sync_progress_ratio", kind: gauge,
		help:  "How much of the run is done, from 0 to 1; never falls within a run, and 1 only when completed.",
		whole: func(s *syncer.Status, put emit) { put(s.Progress.Ratio) }},
	{name: "sync_paused", kind: gauge,
		help:  "1 while the mirror is paused, or about to be.",
		whole: func(s *syncer.Status, put emit) { put(boolean(s.Control.Paused)) }},
	{name: "sync_consecutive_failures", kind: gauge,
		help:  "Runs that failed since one last completed; those that someone cancelled don't count.",
		whole: func(s *syncer.Status, put emit) { put(float64(s.ConsecutiveFailures)) }},
	{name: "leader", kind: gauge,
		help:  "1 if this process is the one that writes the mirror.",
		whole: func(s *syncer.Status, put emit) { put(boolean(s.Role == syncer.Leader)) }},
	{name: "sync_partial", kind: gauge,
		help:  "1 if the run completed without some of the resources.",
		whole: func(s *syncer.Status, put emit) { put(boolean(s.Partial)) }},
	{name: "sync_initial_completed", kind: gauge,
		help:  "1 once a run of this process has completed; never 0 again.",
		whole: func(s *syncer.Status, put emit) { put(boolean(s.InitialSyncComplete)) }},
	{name: "sync_start_timestamp_seconds", kind: gauge,
		help:  "When the current run began, in Unix time; 0 before the first.",
		whole: func(s *syncer.Status, put emit) { put(seconds(s.StartTime)) }},
	{name: "sync_last_success_timestamp_seconds", kind: gauge,
		help:  "When a run last completed, in Unix time; 0 if none has.",
		whole: func(s *syncer.Status, put emit) { put(seconds(s.LastSuccessAt)) }},
	{name: "sync_last_progress_timestamp_seconds", kind: gauge,
		help:  "When the run last got on, in Unix time; 0 before the first.",
		whole: func(s *syncer.Status, put emit) { put(seconds(s.LastProgressAt)) }},
}

var resourceEntries = []entry{
	{name: "sync_resource_status", kind: gauge, labels: []string{labelResource, labelStatus},
		help: "1 for the status of the resource, 0 for every other; the worst one of its namespaces.",
		resource: func(t *tally, put emit) {
			for _, one := range syncer.ResourceOutcomes {
				put(boolean(t.status == one), t.label, string(one))
			}
		}},
	{name: "sync_resource_objects", kind: gauge, labels: []string{labelResource},
		help:     "Objects that the store holds, as far as is known.",
		resource: func(t *tally, put emit) { put(float64(t.objects), t.label) }},
	{name: "watch_connected", kind: gauge, labels: []string{labelResource},
		help:     "1 if every watch of the resource is connected.",
		resource: func(t *tally, put emit) { put(boolean(t.connected == t.cells), t.label) }},
	{name: "watch_buffer_bytes", kind: gauge, labels: []string{labelResource},
		help:     "Bytes of watch events that the store hasn't acknowledged.",
		resource: func(t *tally, put emit) { put(float64(t.bufferBytes), t.label) }},
	{name: "dead_letter_objects", kind: gauge, labels: []string{labelResource},
		help:     "Distinct objects among the newest refusals of the store, at most 20 a namespace or resource.",
		resource: func(t *tally, put emit) { put(float64(t.deadLetters), t.label) }},
	{name: "resource_last_event_timestamp_seconds", kind: gauge, labels: []string{labelResource},
		help:     "When a watch of the resource last delivered an event or bookmark, in Unix time; 0 if none has.",
		resource: func(t *tally, put emit) { put(seconds(t.lastEventAt), t.label) }},
	{name: "sync_received_total", kind: counter, labels: []string{labelResource},
		help:     "Objects that lists and watches delivered; what sync_objects_total adds up to, but for swept and what is in flight.",
		resource: func(t *tally, put emit) { put(float64(t.counts.Received), t.label) }},
	{name: "sync_objects_total", kind: counter, labels: []string{labelResource, labelOperation},
		help: "Objects by what became of them; swept are rows that a complete list no longer had.",
		resource: func(t *tally, put emit) {
			put(float64(t.counts.Created), t.label, "created")
			put(float64(t.counts.Updated), t.label, "updated")
			put(float64(t.counts.Unchanged), t.label, "unchanged")
			put(float64(t.counts.Deleted), t.label, "deleted")
			put(float64(t.counts.Swept), t.label, "swept")
			put(float64(t.counts.Coalesced), t.label, "coalesced")
			put(float64(t.counts.Filtered), t.label, "filtered")
			put(float64(t.counts.DeadLettered), t.label, "dead_lettered")
		}},
	{name: "sync_bytes_total", kind: counter, labels: []string{labelResource},
		help:     "Bytes of objects that lists brought and the store has, those of lists that started over included.",
		resource: func(t *tally, put emit) { put(float64(t.bytes), t.label) }},
	{name: "events_total", kind: counter, labels: []string{labelResource, labelType},
		help: "Watch events that were received, by type.",
		resource: func(t *tally, put emit) {
			put(float64(t.events.Added), t.label, "added")
			put(float64(t.events.Modified), t.label, "modified")
			put(float64(t.events.Deleted), t.label, "deleted")
			put(float64(t.events.Bookmark), t.label, "bookmark")
		}},
	{name: "errors_total", kind: counter, labels: []string{labelResource, labelReason},
		help: "Failures of lists, watches and writes, by reason.",
		resource: func(t *tally, put emit) {
			for i, reason := range reasons {
				put(float64(t.errors[i]), t.label, string(reason))
			}
		}},
	{name: "retries_total", kind: counter, labels: []string{labelResource, labelReason},
		help: "Attempts that are made again after a failure, by the failure's reason.",
		resource: func(t *tally, put emit) {
			for i, reason := range reasons {
				put(float64(t.errors[i]), t.label, string(reason)) // each is tried again
			}
		}},
	{name: "relists_total", kind: counter, labels: []string{labelResource, labelReason},
		help: "Lists of what could have resumed: its version had expired, its form had changed, or someone asked for it.",
		resource: func(t *tally, put emit) {
			for _, why := range syncer.RelistReasons {
				put(float64(t.relists[why]), t.label, string(why))
			}
		}},
	{name: "watch_resumes_total", kind: counter, labels: []string{labelResource},
		help:     "Watches that went on from where the one before ended.",
		resource: func(t *tally, put emit) { put(float64(t.resumes), t.label) }},
}

// reasons lists every reason; one that isn't among them counts as the last.
var reasons = []syncer.Reason{
	syncer.ReasonForbidden, syncer.ReasonUnauthorized, syncer.ReasonNotFound, syncer.ReasonExpired,
	syncer.ReasonThrottled, syncer.ReasonUnavailable, syncer.ReasonInvalid, syncer.ReasonStore, "other",
}

// Outcomes of what is timed.
const (
	outcomeCompleted = "completed"
	outcomeFailed    = "failed"
	outcomeCanceled  = "canceled" // stopped from outside: nothing went wrong
)

var outcomes = []string{outcomeCompleted, outcomeFailed, outcomeCanceled}

// The buckets of the classic histograms; the native ones need none.
var (
	runBuckets   = []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}
	lagBuckets   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	writeBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	batchBuckets = []float64{1, 5, 10, 25, 50, 100, 250, 500, 1000}
	httpBuckets  = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	sizeBuckets  = []float64{1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
)

// timing is one histogram.
type timing struct {
	name, help string
	buckets    []float64
	labels     []string
}

var (
	runDuration = timing{"sync_duration_seconds",
		"How long runs took, by outcome.", runBuckets, []string{labelOutcome}}
	stepDuration = timing{"sync_step_duration_seconds",
		"How long the steps of runs took, by outcome.", runBuckets, []string{labelStep, labelOutcome}}
	resourceDuration = timing{"sync_resource_duration_seconds",
		"How long it took to bring a resource to one version, by list or from its checkpoint, by outcome of the attempt.",
		runBuckets, []string{labelResource, labelOutcome}}
	eventLag = timing{"event_lag_seconds",
		"Time from the receipt of a watch event to the store's acknowledgement.", lagBuckets, []string{labelResource}}
	storeDuration = timing{"store_operation_duration_seconds",
		"How long calls of the store took, by outcome; a read takes as long as its reader.", writeBuckets, []string{labelOperation, labelOutcome}}
	batchObjects = timing{"store_batch_objects",
		"Objects in one write to the store.", batchBuckets, []string{labelResource}}
	requestDuration = timing{"http_request_duration_seconds",
		"How long requests took until the end of their answer, a stream's included, by route as it is declared.",
		httpBuckets, []string{labelMethod, labelRoute, labelCode}}
	responseSize = timing{"http_response_size_bytes",
		"Bytes of answers as they were sent, without their headers.", sizeBuckets, []string{labelRoute}}
)

var timings = []timing{
	runDuration, stepDuration, resourceDuration, eventLag, storeDuration, batchObjects, requestDuration, responseSize,
}

// plain is a metric that is neither read from the snapshot nor a histogram.
type plain struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

var (
	runsTotal = plain{"sync_runs_total",
		"Runs that ended, by outcome and by what started them.", counter, []string{labelOutcome, labelTrigger}}
	heartbeat = plain{"heartbeat_timestamp_seconds",
		"When the engine's loops were last seen to turn, in Unix time; 0 before they began.", gauge, nil}
	streamClients = plain{"stream_clients",
		"Clients that follow the status now, by what serves them.", gauge, []string{labelTransport}}
	requestsInFlight = plain{"http_requests_in_flight",
		"Requests that are being answered now, streams included.", gauge, nil}
	exportErrors = plain{"otel_export_errors_total",
		"Exports over OTLP that failed, in whole or in part; what they held is lost.", counter, []string{"signal"}}
	buildInfo = plain{"build_info",
		"Always 1; the labels say which build this is.", gauge, []string{"version", "revision", "goversion"}}
)

var processEntries = []plain{runsTotal, heartbeat, streamClients, requestsInFlight, exportErrors, buildInfo}

// operations of the store, named after the methods of [syncer.Store].
const (
	opPrepare           = "prepare"
	opFinishFill        = "finish_fill"
	opResources         = "resources"
	opDrop              = "drop"
	opVersions          = "versions"
	opWrite             = "write"
	opCount             = "count"
	opRead              = "read"
	opCheckpoints       = "checkpoints"
	opSaveCheckpoints   = "save_checkpoints"
	opDeleteCheckpoints = "delete_checkpoints"
	opControl           = "control"
	opSaveControl       = "save_control"
	opSaveRun           = "save_run"
	opRuns              = "runs"
	opNextEpoch         = "next_epoch"
)

var operations = []string{
	opPrepare, opFinishFill, opResources, opDrop, opVersions, opWrite, opCount, opRead,
	opCheckpoints, opSaveCheckpoints, opDeleteCheckpoints, opControl, opSaveControl, opSaveRun, opRuns, opNextEpoch,
}
