// Package exporter shows the state of the mirror as Prometheus metrics.
//
// Two things feed it. The [Collector] reads one [syncer.Status] a scrape and keeps
// no numbers, so metrics and status document can't disagree. [Durations],
// [TimedStore] and [Requests] observe what a snapshot can't hold: how long things took.
// [Handler] is scraped, and [Push] sends the same to a collector.
//
// Reading order: catalogue.go (every metric, its labels and its rule), tally.go
// (cells summed to resources), collector.go, metrics.go, durations.go, store.go,
// requests.go, handler.go, push.go.
package exporter
