package board

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

const runbooks = "https://github.com/sidemirror/sidemirror/tree/main/docs/runbooks"

// vars is what dashboards hand on to a dashboard of one mirror: all but the
// mirrors, of which that one takes no more than one.
const vars = "${datasource:queryparam}&${tracing:queryparam}&${cluster:queryparam}&${job:queryparam}&${namespace:queryparam}"

func toOverview() cog.Builder[dashboard.DashboardLink] {
	return link("Overview", "/d/"+overviewUID, "All mirrors").IncludeVars(true).KeepTime(true)
}

func toHistory() cog.Builder[dashboard.DashboardLink] {
	return link("History", "/d/"+historyUID, "Past runs, and how the mirror grew").IncludeVars(true).KeepTime(true)
}

func toMirror() cog.Builder[dashboard.DashboardLink] {
	return link("One mirror", "/d/"+mirrorUID+"?"+vars, "One mirror in detail").KeepTime(true)
}

func toRunbooks() cog.Builder[dashboard.DashboardLink] {
	return link("Runbooks", runbooks, "What to do when something is wrong").Icon("doc").TargetBlank(true)
}

func link(title, url, tooltip string) *dashboard.DashboardLinkBuilder {
	return dashboard.NewDashboardLinkBuilder(title).Type(dashboard.DashboardLinkTypeLink).
		Url(url).Tooltip(tooltip).Icon("dashboard")
}

// mirrorOf leads from a row of a table to the mirror that it is about.
func mirrorOf() dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "links", Value: []map[string]any{{
		"title": "This mirror in detail",
		"url":   "/d/" + mirrorUID + "?" + vars + "&var-instance=${__value.raw}&${__url_time_range}",
	}}}
}

// tracesLink leads to the traces of the time that is shown. A single exemplar
// leads to its own trace when the metrics' data source says where traces are;
// see provisioning/datasources.
func tracesLink() cog.Builder[dashboard.DashboardLink] {
	return link("Traces of this time", `/explore?left={"datasource":"${tracing}",`+
		`"queries":[{"refId":"A","datasource":{"type":"jaeger","uid":"${tracing}"},"queryType":"search","service":"sidemirror"}],`+
		`"range":{"from":"${__from}","to":"${__to}"}}`, "").TargetBlank(true)
}
