package board

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

type panels = []cog.Builder[dashboard.Panel]

// overview is for whoever runs many mirrors: which of them needs a look.
func overview() sheet {
	return sheet{
		name: "overview", uid: overviewUID, title: "Sidemirror / Overview",
		description: "All mirrors: which can be trusted, which is behind, which needs a look.",
		from:        "6h", refresh: "30s",
		variables: fleetVariables(),
		links:     []cog.Builder[dashboard.DashboardLink]{toMirror(), toHistory(), toRunbooks()},
		rows: []row{
			{"", fleetNumbers()},
			{"Mirrors", panels{fleetTable()}},
			{"Status over time", fleetTimelines()},
			{"Freshness", fleetFreshness()},
			{"Failures", fleetFailures()},
		},
	}
}

func fleetNumbers() panels {
	status := func(value string) string { return sumBy("", written(metric("sync_status", equal("status", value)))) }
	count := func(a about, legend, expr string, limits ...dashboard.Threshold) cog.Builder[dashboard.Panel] {
		return one(a, "short", eighth, latest(expr, legend)).Thresholds(steps("green", limits...)).NoValue("0")
	}
	return panels{
		count(about{"Processes", "Processes that are scraped; fewer than expected means that one is down or isn't found."},
			"processes", by("count", "", metric("build_info"))),
		count(about{"Completed", "Mirrors whose run completed; worry when it stays below the number of mirrors."},
			"completed", status("completed")),
		count(about{"In progress", "Mirrors in a run; worry when one stays here without its progress rising."},
			"in progress", status("in_progress")),
		count(about{"Failed", "Mirrors whose run failed; any is a reason to look, although it is tried again by itself."},
			"failed", status("failed"), bad()...),
		count(about{"Paused", "Mirrors that someone paused; they fall behind until they are resumed."},
			"paused", sumBy("", written(metric("sync_paused"))), limit(1, "yellow")),
		count(about{"Partial", "Mirrors that completed without some of their resources; look which, it is often a missing permission."},
			"partial", sumBy("", written(metric("sync_partial"))), limit(1, "orange")),
		count(about{"Leaders", "Processes that write; worry at none, and where one mirror has two for longer than a moment."},
			"leaders", sumBy("", metric("leader"))),
		count(about{"Broken watches", "Resources with a watch that isn't connected; worry when it stays above 0 while the mirror is live."},
			"broken watches", by("count", "", written(metric("watch_connected")+" == 0")), bad()...),
	}
}

func fleetTable() cog.Builder[dashboard.Panel] {
	columns := []tableColumn{
		{name: "Status", expr: statusOf(targets), unit: "none", values: statusNames.mappings()},
		{name: "State", expr: stateOf(targets), unit: "none", values: stateNames.mappings()},
		{name: "Step", expr: stepOf(targets), unit: "none", values: stepNames.mappings()},
		{name: "Progress", expr: maxBy(targets, metric("sync_progress_ratio")), unit: "percentunit"},
		{name: "Objects", expr: sumBy(targets, metric("sync_resource_objects")), unit: "short"},
		{name: "Completed ago", expr: maxBy(targets, age(metric("sync_last_success_timestamp_seconds"))), unit: "s"},
		{name: "Event lag p99", expr: known(rated("event_lag_seconds").quantile(0.99, targets)), unit: "s",
			limits: []dashboard.Threshold{limit(1, "yellow"), limit(10, "red")}},
		{name: "Longest silence", expr: maxBy(targets, age(metric("resource_last_event_timestamp_seconds"))), unit: "s",
			limits: []dashboard.Threshold{limit(180, "yellow"), limit(600, "red")}},
		{name: "Failed resources", expr: sumBy(targets, metric("sync_resources", `state=~"failed|forbidden|not_found"`)), unit: "short", limits: bad()},
		{name: "Failed runs", expr: maxBy(targets, metric("sync_consecutive_failures")), unit: "short", limits: bad()},
		{name: "Paused", expr: maxBy(targets, metric("sync_paused")), unit: "none", values: pausedAnswer.mappings()},
		{name: "Leader", expr: maxBy(targets, metric("leader")), unit: "none", values: leaderAnswer.mappings()},
	}
	return cells(about{"All mirrors",
		"Each mirror now; worry about red, about a progress that stands still, and about silence beyond the minute in which a server sends bookmarks."},
		targetVariables, columns...).
		OverrideByName("Instance", []dashboard.DynamicConfigValue{mirrorOf(), {Id: "custom.minWidth", Value: 160}}).
		SortBy([]cog.Builder[common.TableSortByFieldState]{common.NewTableSortByFieldStateBuilder().DisplayName("Failed runs").Desc(true)})
}

func fleetTimelines() panels {
	const legend = "{{instance}}"
	return panels{
		timeline(about{"Status", "What the run of each mirror came to; worry when failed lasts, or comes back."},
			half, statusNames.mappings(), query(statusOf(targets), legend)),
		timeline(about{"State", "What each mirror does; a healthy one is live, worry when it is retrying or paused for long."},
			half, stateNames.mappings(), query(stateOf(targets), legend)),
		timeline(about{"Step", "Where in its run each mirror is; worry when sync or informer lasts much longer than in earlier runs."},
			half, stepNames.mappings(), query(stepOf(targets), legend)),
		graph(about{"Progress", "How much of its run each mirror has done; worry when it stands still below 100 %."},
			"percentunit", half, query(maxBy(targets, metric("sync_progress_ratio")), legend)).Max(1),
		timeline(about{"Paused over time", "When mirrors were paused; worry about a pause that nobody remembers, the mirror is falling behind."},
			third, pausedAnswer.mappings(), query(maxBy(targets, metric("sync_paused")), legend)),
		timeline(about{"Partial over time", "When mirrors were complete but for some resources; worry unless those are known to be forbidden."},
			third, partialAnswer.mappings(), query(maxBy(targets, metric("sync_partial")), legend)),
		timeline(about{"Leader", "Which process writes; worry when it changes often."},
			third, leaderAnswer.mappings(), query(maxBy(targets, metric("leader")), legend)),
	}
}

func fleetFreshness() panels {
	const legend = "{{instance}}"
	return panels{
		graph(about{"Event lag, p99", "How long the slowest watch events waited for the store; worry when it grows, the store is then slower than the cluster."},
			"s", third, query(rated("event_lag_seconds").quantile(0.99, targets), legend)),
		graph(about{"Longest silence of a watch", "How long ago the quietest resource was last heard of; worry beyond minutes, since bookmarks come once a minute."},
			"s", third, query(maxBy(targets, age(metric("resource_last_event_timestamp_seconds"))), legend)),
		graph(about{"Since a run last completed", "A live mirror follows its watches, so this may grow for weeks; worry when it grows while runs fail."},
			"s", third, query(maxBy(targets, age(metric("sync_last_success_timestamp_seconds"))), legend)),
	}
}

func fleetFailures() panels {
	failing := maxBy(targets, metric("sync_consecutive_failures"))
	return panels{
		graph(about{"Failed runs in a row", "Runs that failed since one completed; worry when it rises, the cause doesn't go away by itself."},
			"short", third, query(failing, "{{instance}}")),
		graph(about{"Errors by reason", "Failures of lists, watches and writes; a few are handled, worry about a rate that stays."},
			"cps", third, query(sumBy("reason", written(rate(metric("errors_total"))))+" > 0", "{{reason}}")),
		stacked(about{"Resources by status", "What the resources of all mirrors came to; worry when failed, forbidden or not_found appear."},
			"short", third, query(sumBy("state", written(metric("sync_resources")))+" > 0", "{{state}}")),
		bars(about{"Runs by outcome", fmt.Sprintf("Runs that ended; worry about failed ones. %s", firstRunUnseen)},
			"short", half, "5m", query(sumBy("outcome", grown(metric("sync_runs_total")))+" > 0", "{{outcome}}")),
		bars(about{"Relists by reason", "Whole lists that the watches should have spared; worry about expired ones that come back, the watches then can't keep up."},
			"short", half, "5m", query(sumBy("reason", written(grown(metric("relists_total"))))+" > 0", "{{reason}}")),
	}
}

// firstRunUnseen is what a counter that begins with its process can't tell.
const firstRunUnseen = "A run that ended before its process was first scraped isn't among them."
