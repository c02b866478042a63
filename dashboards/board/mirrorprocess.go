package board

import (
	"fmt"
)

// ofSidemirror limits what every Go process tells to those that are mirrors.
func ofSidemirror(expr string) string {
	return fmt.Sprintf("%s and on (%s) %s", expr, targets, metric("build_info"))
}

func apiPanels() panels {
	requests := rated("http_request_duration_seconds")
	answered := func(matchers ...string) string {
		return rated("http_request_duration_seconds", matchers...).count("")
	}
	return panels{
		graph(about{"Requests by route", "What clients ask, by route; worry when one grows without a reason, a loop may be polling."},
			"reqps", half, query(requests.count("route"), "{{route}}")),
		graph(about{"Failed requests", "The part of requests that was answered by 5xx, or cut off; worry when it isn't 0, the log says why."},
			"percentunit", half, query(fmt.Sprintf("(%s) / (%s)", answered(`code=~"5xx|aborted"`), answered()), "failed")),
		graph(about{"Request latency, p95", "How long the slowest requests took, streams left out; worry when the status takes more than milliseconds."},
			"s", half, query(rated("http_request_duration_seconds", notAStream).quantile(0.95, "route"), "{{route}}").Exemplar(true)),
		graph(about{"Requests by code", "How requests were answered; 4xx are clients' mistakes or missing rights, worry about 5xx."},
			"reqps", half, query(requests.count("code"), "{{code}}")),
		graph(about{"Bytes sent", "How much the API sends, by route; worry when lists of objects crowd out the rest."},
			"Bps", third, query(bytesSent(), "{{route}}")),
		graph(about{"Requests in flight", "Requests that are being answered, streams included; worry when it only grows."},
			"short", third, query(maxBy("", metric("http_requests_in_flight")), "in flight")),
		graph(about{"Clients of streams", "Clients that follow the status; worry when they drop all at once, a proxy may be cutting them off."},
			"short", third, query(maxBy("transport", metric("stream_clients")), "{{transport}}")),
	}
}

// notAStream leaves out answers that last for as long as their reader stays.
const notAStream = `route!~".*/sync/(events|ws)"`

func bytesSent() string {
	size := rated("http_response_size_bytes")
	return fmt.Sprintf("%s or histogram_sum(%s)", sumBy("route", size.part("_sum")), sumBy("route", size.part("")))
}

func processPanels() panels {
	const perInstance = "{{instance}}"
	goes := func(name string) string { return ofSidemirror(selector(name)) }
	return panels{
		graph(about{"CPU", "Cores that are used; a list takes one or two for a while, worry when it stays up while live."},
			"short", third, query(ofSidemirror(rate(selector("process_cpu_seconds_total"))), perInstance)),
		graph(about{"Memory", "What the process holds and how much of it is heap; it doesn't grow with the cluster, worry when it climbs for hours."},
			"bytes", third,
			query(goes("process_resident_memory_bytes"), "resident"),
			query(goes("go_memstats_heap_inuse_bytes"), "heap in use"),
			query(goes("go_memstats_heap_released_bytes"), "heap given back")),
		graph(about{"Allocations", "How fast memory is allocated; worry when it is high while nothing changes."},
			"Bps", third, query(ofSidemirror(rate(selector("go_memstats_alloc_bytes_total"))), perInstance)),
		graph(about{"Goroutines", "Goroutines; a few a resource and client, worry when it only grows."},
			"short", third, query(goes("go_goroutines"), perInstance)),
		graph(about{"Garbage collection, longest pause", "The longest pause of late; worry beyond tens of milliseconds."},
			"s", third, query(ofSidemirror(maxBy(targets, selector("go_gc_duration_seconds"))), perInstance)),
		graph(about{"File descriptors", "The part of the allowed descriptors that is open; worry above 80 %."},
			"percentunit", third, query(ofSidemirror("("+selector("process_open_fds")+" / "+selector("process_max_fds")+")"), perInstance)),
		graph(about{"Uptime", "How long the process has run; worry when it keeps starting anew."},
			"s", third, query(ofSidemirror("(time() - "+selector("process_start_time_seconds")+")"), perInstance)),
		graph(about{"Heartbeat", "How long ago the engine's loops were seen to turn; worry beyond seconds, liveness fails soon then."},
			"s", third, query(maxBy("instance", age(metric("heartbeat_timestamp_seconds"))), perInstance)),
		bars(about{"Telemetry that was lost", "Exports over OTLP that failed; worry when they go on, traces are missing then."},
			"short", third, "1m", query(sumBy("signal", grown(metric("otel_export_errors_total"))), "{{signal}}")),
	}
}
