package board

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// quantiles shows a histogram as three of its quantiles; its exemplars are points
// that lead to traces.
func quantiles(a about, unit string, width uint32, h histogram) cog.Builder[dashboard.Panel] {
	return graph(a, unit, width,
		query(h.quantile(0.5, ""), "p50"),
		query(h.quantile(0.95, ""), "p95"),
		query(h.quantile(0.99, ""), "p99").Exemplar(true),
	).Links([]cog.Builder[dashboard.DashboardLink]{tracesLink()})
}

func watches() panels {
	lag := rated("event_lag_seconds", ofPicked)
	return panels{
		heatmapOf(about{"Event lag", "How long watch events waited for the store's acknowledgement; worry when the cells climb, the store is then slower than the cluster."},
			"s", half, lag),
		quantiles(about{"Event lag, quantiles", "The same as lines; worry when p99 stays above seconds."}, "s", half, lag),
		timeline(about{"Watch connected", "Whether every watch of a resource is connected; worry when one stays broken, its resource falls behind."},
			half, connectedAnswer.mappings(), query(by("min", "resource", ofResources("watch_connected")), "{{resource}}")),
		graph(about{"Silence of watches", "How long ago each resource was last heard of; worry beyond minutes, since bookmarks come once a minute."},
			"s", half, query(maxBy("resource", age(ofResources("resource_last_event_timestamp_seconds"))), "{{resource}}")),
		graph(about{"Bytes that wait for the store", "Events that aren't acknowledged yet; worry when it stays up, a stream at its bound is closed until the store keeps up."},
			"bytes", half, query(maxBy("resource", ofResources("watch_buffer_bytes")), "{{resource}}")),
		graph(about{"Watches that resumed", "Watches that went on where the one before ended; servers end them every few minutes, worry about many a second."},
			"cps", half, query(sumBy("resource", rate(ofResources("watch_resumes_total"))), "{{resource}}")),
	}
}

func storePanels() panels {
	write := rated("store_operation_duration_seconds", equal("operation", "write"))
	calls := rated("store_operation_duration_seconds")
	batch := rated("store_batch_objects", ofPicked)
	return panels{
		heatmapOf(about{"Write latency", "How long writes to the store took; worry when the cells climb, everything waits for the store then."},
			"s", half, write),
		quantiles(about{"Write latency, quantiles", "The same as lines; worry when p99 stays above a second."}, "s", half, write),
		graph(about{"Latency of calls, p95", "How long the slowest calls of the store took, by what they are; worry when one grows alone, it may lack an index."},
			"s", half, query(calls.quantile(0.95, "operation"), "{{operation}}")),
		graph(about{"Calls by outcome", "Calls of the store; worry about failed ones, canceled ones end with a run or a reader."},
			"ops", half, query(calls.count("outcome"), "{{outcome}}")),
		graph(about{"Objects in a write", "How large batches are; small ones are live changes, large ones lists, worry when lists come in small ones."},
			"short", half,
			query(batch.average(""), "average"),
			query(batch.quantile(0.5, ""), "p50"),
			query(batch.quantile(0.95, ""), "p95")),
		graph(about{"Objects in a write, by resource", "The average batch of each resource; worry when one is far below the others during a list."},
			"short", half, query(batch.average("resource"), "{{resource}}")),
	}
}
