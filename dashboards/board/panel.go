package board

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// The widths of panels, of 24 columns.
const (
	eighth  = 3
	third   = 8
	half    = 12
	full    = 24
	lines   = 8 // the height of most panels
	oneStat = 4
)

// about is what a panel is called, and a sentence on what it tells and when to worry.
type about struct{ title, description string }

// named gives queries their reference ids, A, B, C, which transformations use.
func named(queries []*prometheus.DataqueryBuilder) []cog.Builder[variants.Dataquery] {
	out := make([]cog.Builder[variants.Dataquery], len(queries))
	for i, q := range queries {
		out[i] = q.RefId(refID(i))
	}
	return out
}

func refID(i int) string { return string(rune('A' + i)) }

// graph is lines over time. Wide ones have room for a legend with numbers.
func graph(a about, unit string, width uint32, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	p := timeseries.NewPanelBuilder().Title(a.title).Description(a.description).Datasource(source()).
		Unit(unit).Span(width).Height(lines).Targets(named(queries)).
		Min(0).LineWidth(1).FillOpacity(10).ShowPoints(common.VisibilityModeAuto).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	return p.Legend(legend(width))
}

func legend(width uint32) *common.VizLegendOptionsBuilder {
	l := common.NewVizLegendOptionsBuilder().ShowLegend(true)
	if width < half {
		return l.DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)
	}
	return l.DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementRight).
		Calcs([]string{"lastNotNull", "max"}).SortBy("Max").SortDesc(true)
}

// stacked is parts of a whole over time.
func stacked(a about, unit string, width uint32, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	return graph(a, unit, width, queries...).FillOpacity(40).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// bars is what happens seldom: each bar is what was within its interval.
func bars(a about, unit string, width uint32, interval string, queries ...*prometheus.DataqueryBuilder) *timeseries.PanelBuilder {
	return stacked(a, unit, width, queries...).Interval(interval).
		DrawStyle(common.GraphDrawStyleBars).FillOpacity(80).LineWidth(0).ShowPoints(common.VisibilityModeNever)
}

// one is a single value, large.
func one(a about, unit string, width uint32, q *prometheus.DataqueryBuilder) *stat.PanelBuilder {
	return stat.NewPanelBuilder().Title(a.title).Description(a.description).Datasource(source()).
		Unit(unit).Span(width).Height(oneStat).Targets(named([]*prometheus.DataqueryBuilder{q})).
		ColorMode(common.BigValueColorModeValue).GraphMode(common.BigValueGraphModeNone).
		TextMode(common.BigValueTextModeValue).Orientation(common.VizOrientationAuto).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(steps("text"))
}

// timeline is values with names over time, one line a series.
func timeline(a about, width uint32, values []dashboard.ValueMapping, queries ...*prometheus.DataqueryBuilder) *statetimeline.PanelBuilder {
	return statetimeline.NewPanelBuilder().Title(a.title).Description(a.description).Datasource(source()).
		Unit("none").Span(width).Height(lines).Targets(named(queries)).
		Mappings(values).Thresholds(steps("text")).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		MergeValues(true).ShowValue(common.VisibilityModeAuto).RowHeight(0.8).FillOpacity(80).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle))
}

// heatmapOf shows the buckets of a histogram over time, and the traces of single
// observations as points.
func heatmapOf(a about, unit string, width uint32, h histogram) *heatmap.PanelBuilder {
	p := heatmap.NewPanelBuilder().Title(a.title).Description(a.description).Datasource(source()).
		Unit("short").Span(width).Height(lines).
		Targets(named([]*prometheus.DataqueryBuilder{heat(h).Exemplar(true)})).
		Calculate(false).ShowLegend().CellGap(1).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(unit).AxisPlacement(common.AxisPlacementLeft)).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Oranges").
			Fill("dark-orange").Scale(heatmap.HeatmapColorScaleExponential).Exponent(0.5).Steps(64)).
		Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle).YHistogram(true))
	return p.Links([]cog.Builder[dashboard.DashboardLink]{tracesLink()})
}

// cells is a table that joins the queries' newest values by the labels that they
// share. Its columns are named as the queries' legends, in their order.
func cells(a about, labels []string, columns ...tableColumn) *table.PanelBuilder {
	p := table.NewPanelBuilder().Title(a.title).Description(a.description).Datasource(source()).
		Unit("none").Span(full).Height(10).Filterable(true).
		CellHeight(common.TableCellHeightSm).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{}))
	queries := make([]*prometheus.DataqueryBuilder, len(columns))
	order := map[string]any{}
	rename := map[string]any{}
	for i, label := range labels {
		order[label] = i
		rename[label] = title(label)
	}
	for i, c := range columns {
		queries[i] = column(c.expr, c.name)
		field := "Value #" + refID(i)
		if len(columns) == 1 {
			field = "Value"
		}
		order[field] = len(labels) + i
		rename[field] = c.name
		p.OverrideByName(c.name, c.properties())
	}
	return p.Targets(named(queries)).
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]any{"Time": true}, "indexByName": order, "renameByName": rename,
		}})
}

// tableColumn is one query of a table, and how its values look.
type tableColumn struct {
	name, expr, unit string
	values           []dashboard.ValueMapping // names of values, if they have some
	limits           []dashboard.Threshold    // the cell's colour, if it has one
	decimals         int
}

func (c tableColumn) properties() []dashboard.DynamicConfigValue {
	all := []dashboard.DynamicConfigValue{{Id: "unit", Value: c.unit}}
	if c.decimals > 0 {
		all = append(all, dashboard.DynamicConfigValue{Id: "decimals", Value: c.decimals})
	}
	if c.values != nil {
		all = append(all, dashboard.DynamicConfigValue{Id: "mappings", Value: c.values})
	}
	if c.values != nil || c.limits != nil {
		all = append(all,
			dashboard.DynamicConfigValue{Id: "thresholds", Value: dashboard.ThresholdsConfig{
				Mode: dashboard.ThresholdsModeAbsolute, Steps: append(from("text"), c.limits...),
			}},
			dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}})
	}
	return all
}

// steps colours values from base on, and from each limit on by its colour.
func steps(base string, limits ...dashboard.Threshold) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(append(from(base), limits...))
}

func from(base string) []dashboard.Threshold { return []dashboard.Threshold{{Color: base}} }

func limit(value float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Value: &value, Color: color}
}

// bad is the limits of what should be 0.
func bad() []dashboard.Threshold { return []dashboard.Threshold{limit(1, "red")} }

// title is a label or a value as a headline: "not_found" is "Not found".
func title(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}
