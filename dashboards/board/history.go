package board

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// history is for whoever asks whether it was always like this.
func history() sheet {
	return sheet{
		name: "history", uid: historyUID, title: "Sidemirror / History",
		description: "Past runs, how long they took and how they ended, and how the mirrored resources grew.",
		from:        "7d", refresh: "5m",
		variables: historyVariables(),
		links:     []cog.Builder[dashboard.DashboardLink]{toOverview(), toMirror(), toRunbooks()},
		rows: []row{
			{"", historyNumbers()},
			{"Durations", historyDurations()},
			{"Outcomes", historyOutcomes()},
			{"Objects", historyObjects()},
		},
	}
}

// ended is the runs that weren't cancelled; someone's wish is no failure.
func ended(over func(string) string, matchers ...string) string {
	return sumBy("", over(metric("sync_runs_total", append(matchers, `outcome!="canceled"`)...)))
}

func historyNumbers() panels {
	completed := ranged("sync_duration_seconds", equal("outcome", "completed"))
	value := func(a about, unit, legend, expr string) cog.Builder[dashboard.Panel] {
		return one(a, unit, 4, latest(expr, legend)).NoValue("none")
	}
	failed := one(about{"Failure rate", "The part of runs that failed, cancelled ones left out; worry when it isn't near 0."},
		"percentunit", 4, latest(fmt.Sprintf("%s / (%s > 0)", ended(inRange, equal("outcome", "failed")), ended(inRange)), "failed")).
		NoValue("no run").Thresholds(steps("green", limit(0.01, "yellow"), limit(0.1, "red")))
	return panels{
		value(about{"Runs begun", "Runs that began in the time that is shown; many are restarts or retries."},
			"short", "begun", sumBy("", "changes("+metric("sync_start_timestamp_seconds")+"[$__range])")),
		value(about{"Runs completed", "Runs that completed; worry when there are fewer than were begun. " + firstRunUnseen},
			"short", "completed", sumBy("", inRange(metric("sync_runs_total", equal("outcome", "completed"))))),
		failed,
		value(about{"Average duration", "How long completed runs took; worry when it grows faster than the cluster. " + firstRunUnseen},
			"s", "average", completed.average("")),
		value(about{"Duration, p95", "How long the slowest completed runs took; worry when it is far from the average. " + firstRunUnseen},
			"s", "p95", completed.quantile(0.95, "")),
		value(about{"Process starts", "How often processes started; worry when there were more than rollouts, something ends them."},
			"short", "starts", sumBy("", ofSidemirror("changes("+selector("process_start_time_seconds")+"[$__range])"))),
	}
}

func historyDurations() panels {
	const interval = "10m"
	run := rated("sync_duration_seconds", equal("outcome", "completed"))
	points := func(a about, width uint32, queries ...*prometheus.DataqueryBuilder) cog.Builder[dashboard.Panel] {
		return graph(a, "s", width, queries...).Interval(interval).
			DrawStyle(common.GraphDrawStylePoints).ShowPoints(common.VisibilityModeAlways).PointSize(6)
	}
	return panels{
		points(about{"Duration of runs", "How long completed runs took; worry when the points climb while the objects below don't."}, half,
			query(run.average(""), "average"),
			query(run.quantile(0.5, ""), "p50"),
			query(run.quantile(0.95, ""), "p95").Exemplar(true)),
		heatmapOf(about{"Duration of runs, spread", "Every run by how long it took, whatever its outcome; worry about a second band, some runs do other work."},
			"s", half, rated("sync_duration_seconds")).Interval(interval),
		points(about{"Average duration of steps", "Which step takes the time; worry when informer grows, watches then take long to catch up."}, half,
			query(rated("sync_step_duration_seconds", equal("outcome", "completed")).average("step"), "{{step}}")),
		points(about{"Duration of resources, p95", "Which resources take the time; worry about one that grows away from its objects."}, half,
			query(rated("sync_resource_duration_seconds", equal("outcome", "completed"), ofPicked).quantile(0.95, "resource"), "{{resource}}")),
	}
}

func historyOutcomes() panels {
	grew := func(name, labels string) string {
		return sumBy(labels, grown(metric(name))) + " > 0"
	}
	ratio := fmt.Sprintf("%s / (%s > 0)", ended(rate, equal("outcome", "failed")), ended(rate))
	return panels{
		bars(about{"Runs by outcome and trigger", "What ended when, and what had begun it; worry about failed ones, and about many that retry began. " + firstRunUnseen},
			"short", half, "30m", query(grew("sync_runs_total", "outcome, trigger"), "{{outcome}}, by {{trigger}}")),
		graph(about{"Failure rate over time", "The part of runs that failed; worry when it isn't 0 for longer than the cause that you know of."},
			"percentunit", half, query(ratio, "failed")).Interval("30m").Max(1).
			DrawStyle(common.GraphDrawStylePoints).ShowPoints(common.VisibilityModeAlways).PointSize(6),
		bars(about{"Errors by reason", "Failures of lists, watches and writes; worry about a reason that wasn't there before."},
			"short", half, "30m", query(sumBy("reason", written(grown(ofResources("errors_total"))))+" > 0", "{{reason}}")),
		bars(about{"Relists by resource", "Whole lists that watches should have spared; worry about a resource that comes back here."},
			"short", half, "30m", query(sumBy("resource", written(grown(ofResources("relists_total"))))+" > 0", "{{resource}}")),
	}
}

func historyObjects() panels {
	const label = "resource"
	objects := written(ofResources("sync_resource_objects"))
	changed := func(operation string) string {
		return sumBy(label, written(grown(ofResources("sync_objects_total", operation))))
	}
	return panels{
		graph(about{"Objects by resource", "How many objects the mirrors hold; worry about a fall that the cluster doesn't explain, and plan for a rise."},
			"short", full, query(sumBy(label, objects), "{{resource}}")).Height(10),
		bars(about{"Objects that came", "Objects that were created in the mirror; a tall bar is a first sync, or a burst in the cluster."},
			"short", half, "30m", query(changed(`operation="created"`), "{{resource}}")),
		bars(about{"Objects that went", "Objects that were deleted, or swept after a list; worry about many swept ones, their deletion was missed before."},
			"short", half, "30m", query(changed(`operation=~"deleted|swept"`), "{{resource}}")),
		cells(about{"Growth", "Objects now and over the time that is shown; worry about what grows without bound, it is often a job that leaves things behind."},
			[]string{label},
			tableColumn{name: "Objects", expr: sumBy(label, objects), unit: "short"},
			tableColumn{name: "Growth", expr: sumBy(label, written("delta("+ofResources("sync_resource_objects")+"[$__range])")), unit: "short"},
			tableColumn{name: "Created", expr: sumBy(label, written(inRange(ofResources("sync_objects_total", equal("operation", "created"))))), unit: "short"},
			tableColumn{name: "Updated", expr: sumBy(label, written(inRange(ofResources("sync_objects_total", equal("operation", "updated"))))), unit: "short"},
			tableColumn{name: "Deleted", expr: sumBy(label, written(inRange(ofResources("sync_objects_total", `operation=~"deleted|swept"`)))), unit: "short"},
		).SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("Objects").Desc(true)}),
	}
}
