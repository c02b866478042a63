package board

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// mirror is for whoever asks why one mirror is as it is.
func mirror() sheet {
	return sheet{
		name: "mirror", uid: mirrorUID, title: "Sidemirror / Mirror",
		description: "One mirror in detail: its resources, its watches, its store, its clients and its process.",
		from:        "1h", refresh: "15s",
		variables: mirrorVariables(),
		links:     []cog.Builder[dashboard.DashboardLink]{toOverview(), toHistory(), toRunbooks()},
		rows: []row{
			{"", mirrorNumbers()},
			{"Resources", panels{resourceTable(), resourceTimeline()}},
			{"Throughput", throughput()},
			{"Watches", watches()},
			{"Relists, retries, errors", troubles()},
			{"Store", storePanels()},
			{"API", apiPanels()},
			{"Process", processPanels()},
		},
	}
}

func mirrorNumbers() panels {
	named := func(a about, n names, legend, expr string) cog.Builder[dashboard.Panel] {
		return one(a, "none", eighth, latest(expr, legend)).Mappings(n.mappings())
	}
	return panels{
		named(about{"Status", "What the run came to; worry at failed."}, statusNames, "status", statusOf("")),
		named(about{"State", "What the engine does now; live is healthy, worry when retrying lasts."}, stateNames, "state", stateOf("")),
		named(about{"Step", "Where in its run the mirror is; done is when it follows the watches."}, stepNames, "step", stepOf("")),
		one(about{"Progress", "How much of the run is done; worry when it stands still below 100 %."}, "percentunit", eighth,
			latest(maxBy("", metric("sync_progress_ratio")), "progress")),
		one(about{"Objects", "Objects that the store holds; worry when it falls without a reason in the cluster."}, "short", eighth,
			query(sumBy("", ofResources("sync_resource_objects")), "objects")).GraphMode(common.BigValueGraphModeArea),
		one(about{"Completed ago", "When a run last completed; worry at never, and when it grows while runs fail."}, "s", eighth,
			latest(maxBy("", age(metric("sync_last_success_timestamp_seconds"))), "completed ago")).NoValue("never"),
		one(about{"Paused", "Whether someone paused the mirror; it falls behind until it is resumed."}, "none", eighth,
			latest(maxBy("", metric("sync_paused")), "paused")).Mappings(pausedAnswer.mappings()),
		one(about{"Version", "The build that runs; worry when it isn't what was rolled out."}, "none", eighth,
			latest(metric("build_info"), "{{version}}")).TextMode(common.BigValueTextModeName),
	}
}

func resourceTable() cog.Builder[dashboard.Panel] {
	const label = "resource"
	operation := func(name string) string {
		return sumBy(label, rate(ofResources("sync_objects_total", equal("operation", name))))
	}
	return cells(about{"Resources",
		"Each resource now; worry about a status other than completed, a broken watch, errors that go on, and dead letters."},
		[]string{label},
		tableColumn{name: "Status", expr: resourceStatusOf(label), unit: "none", values: resourceNames.mappings()},
		tableColumn{name: "Watch", expr: by("min", label, ofResources("watch_connected")), unit: "none",
			values: connectedAnswer.mappings()},
		tableColumn{name: "Objects", expr: maxBy(label, ofResources("sync_resource_objects")), unit: "short"},
		tableColumn{name: "Created", expr: operation("created"), unit: "cps", decimals: 1},
		tableColumn{name: "Updated", expr: operation("updated"), unit: "cps", decimals: 1},
		tableColumn{name: "Deleted", expr: operation("deleted"), unit: "cps", decimals: 1},
		tableColumn{name: "Errors", expr: sumBy(label, rate(ofResources("errors_total"))), unit: "cps", decimals: 1,
			limits: []dashboard.Threshold{limit(0.001, "red")}},
		tableColumn{name: "Lag p99", expr: known(rated("event_lag_seconds", ofPicked).quantile(0.99, label)), unit: "s",
			limits: []dashboard.Threshold{limit(1, "yellow"), limit(10, "red")}},
		tableColumn{name: "Last heard of", expr: maxBy(label, age(ofResources("resource_last_event_timestamp_seconds"))), unit: "s",
			limits: []dashboard.Threshold{limit(180, "yellow"), limit(600, "red")}},
		tableColumn{name: "Buffer", expr: maxBy(label, ofResources("watch_buffer_bytes")), unit: "bytes"},
		tableColumn{name: "Dead letters", expr: maxBy(label, ofResources("dead_letter_objects")), unit: "short", limits: bad()},
	).SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("Status").Desc(true)})
}

// ofPicked matches the picked resources.
const ofPicked = `resource=~"$resource"`

func resourceTimeline() cog.Builder[dashboard.Panel] {
	return timeline(about{"Status of resources", "What each resource came to over time; worry when one leaves completed and doesn't come back."},
		full, resourceNames.mappings(), query(resourceStatusOf("resource"), "{{resource}}")).Height(10)
}

func throughput() panels {
	return panels{
		graph(about{"Objects by what became of them", "What was done with objects; many unchanged ones are a resync, worry when dead_lettered appears."},
			"cps", half, query(sumBy("operation", rate(ofResources("sync_objects_total")))+" > 0", "{{operation}}")),
		graph(about{"Objects by resource", "Which resources are worked on; worry when one changes far more often than it should."},
			"cps", half, query(sumBy("resource", rate(ofResources("sync_objects_total"))), "{{resource}}")),
		graph(about{"Bytes listed", "How fast lists come in; worry when it falls to nothing while a run is in progress."},
			"Bps", half, query(sumBy("resource", rate(ofResources("sync_bytes_total"))), "{{resource}}")),
		graph(about{"Watch events by type", "What the watches deliver; worry when even bookmarks stop, they come once a minute."},
			"cps", half, query(sumBy("type", rate(ofResources("events_total"))), "{{type}}")),
	}
}

func troubles() panels {
	total := func(name, label string) string {
		return sumBy(label, grown(ofResources(name))) + " > 0"
	}
	return panels{
		bars(about{"Relists by reason", "Lists of what could have resumed; worry about expired ones that come back, the watch then can't keep up."},
			"short", third, "1m", query(total("relists_total", "reason"), "{{reason}}")),
		bars(about{"Retries by reason", "What was tried again, and why; worry when the same reason goes on for many minutes."},
			"short", third, "1m", query(total("retries_total", "reason"), "{{reason}}")),
		bars(about{"Errors by reason", "Failures of lists, watches and writes; forbidden asks for a role, store for a look at the database."},
			"short", third, "1m", query(total("errors_total", "reason"), "{{reason}}")),
		bars(about{"Errors by resource", "Which resources fail; worry about one that keeps failing, the others go on without it."},
			"short", third, "1m", query(total("errors_total", "resource"), "{{resource}}")),
		bars(about{"Refused objects", "Objects that the store refused for their own sake; any is missing in the mirror until it changes."},
			"short", third, "1m", query(sumBy("resource", grown(ofResources("sync_objects_total", equal("operation", "dead_lettered")))), "{{resource}}")),
		graph(about{"Dead letters", "Refused objects that the status lists, the newest 20 a resource; worry at any, the status says which and why."},
			"short", third, query(maxBy("resource", ofResources("dead_letter_objects")), "{{resource}}")),
	}
}
