package board

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// source is the Prometheus that is picked above the dashboard.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}

// targetVariables narrow down where metrics come from, each by those before it.
// Their labels are the scraper's: one that it doesn't set has no values, and All
// is then all that there is.
var targetVariables = []string{"cluster", "job", "namespace", "instance"}

func sourceVariables() []cog.Builder[dashboard.VariableModel] {
	return []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").
			Label("Metrics").Description("The Prometheus that scrapes Sidemirror.").Type("prometheus"),
		dashboard.NewDatasourceVariableBuilder("tracing").
			Label("Traces").Description("The Jaeger that gets Sidemirror's traces; links to traces lead there.").Type("jaeger"),
	}
}

// fleetVariables pick any number of mirrors.
func fleetVariables() []cog.Builder[dashboard.VariableModel] {
	all := sourceVariables()
	for i, name := range targetVariables {
		all = append(all, many(name, targetQuery(i)))
	}
	return all
}

// mirrorVariables pick one mirror, and any number of its resources.
func mirrorVariables() []cog.Builder[dashboard.VariableModel] {
	all := sourceVariables()
	for i, name := range targetVariables {
		if name == "instance" {
			all = append(all, labelValues(name, targetQuery(i)).Description("The one mirror that is shown."))
			continue
		}
		all = append(all, many(name, targetQuery(i)))
	}
	return append(all, resourceVariable())
}

// historyVariables pick mirrors and resources.
func historyVariables() []cog.Builder[dashboard.VariableModel] {
	return append(fleetVariables(), resourceVariable())
}

func resourceVariable() cog.Builder[dashboard.VariableModel] {
	return many("resource", fmt.Sprintf("label_values(%s, resource)", metric("sync_resource_objects")))
}

// targetQuery is narrowed down by the variables before the i-th only.
func targetQuery(i int) string {
	matchers := ""
	for j, name := range targetVariables[:i] {
		if j > 0 {
			matchers += ", "
		}
		matchers += fmt.Sprintf(`%s=~"$%s"`, name, name)
	}
	return fmt.Sprintf("label_values(sidemirror_build_info{%s}, %s)", matchers, targetVariables[i])
}

func many(name, query string) *dashboard.QueryVariableBuilder {
	everything := dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}
	text := dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}
	return labelValues(name, query).Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{Selected: cog.ToPtr(true), Text: text, Value: everything})
}

func labelValues(name, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(title(name)).Datasource(source()).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": "variable-" + name}}).
		Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc)
}
