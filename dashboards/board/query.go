package board

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// targets is the labels that tell one mirror from another.
const targets = "cluster, namespace, job, instance"

const window = "$__rate_interval"

// metric selects a metric of the picked mirrors, by further matchers if there
// are any.
func metric(name string, matchers ...string) string { return selector("sidemirror_"+name, matchers...) }

// ofResources is metric, of the picked resources alone.
func ofResources(name string, matchers ...string) string {
	return metric(name, append(matchers, `resource=~"$resource"`)...)
}

func selector(name string, matchers ...string) string {
	all := make([]string, 0, len(targetVariables)+len(matchers))
	for _, v := range targetVariables {
		all = append(all, fmt.Sprintf(`%s=~"$%s"`, v, v))
	}
	return name + "{" + strings.Join(append(all, matchers...), ", ") + "}"
}

func equal(label, value string) string { return fmt.Sprintf("%s=%q", label, value) }

func rate(selected string) string { return fmt.Sprintf("rate(%s[%s])", selected, window) }

// grown is how much a counter grew since the point before.
func grown(selected string) string { return fmt.Sprintf("increase(%s[%s])", selected, window) }

// inRange is how much a counter grew in all of the time that is shown.
func inRange(selected string) string { return fmt.Sprintf("increase(%s[$__range])", selected) }

func by(function, labels, expr string) string {
	if labels == "" {
		return fmt.Sprintf("%s(%s)", function, expr)
	}
	return fmt.Sprintf("%s by (%s) (%s)", function, labels, expr)
}

func sumBy(labels, expr string) string { return by("sum", labels, expr) }
func maxBy(labels, expr string) string { return by("max", labels, expr) }

// written limits what is read from the status to those that write the mirror: a
// process that only follows repeats it, and would count twice in a sum.
func written(expr string) string {
	return fmt.Sprintf("%s and on (%s) %s == 1", expr, targets, metric("leader"))
}

// age is how long ago a moment was; there is none before the first.
func age(timestamp string) string { return fmt.Sprintf("time() - (%s > 0)", timestamp) }

// histogram is a histogram's name without prefix and suffix, the matchers that
// select of it, and how it is looked at over time.
type histogram struct {
	name     string
	matchers []string
	over     func(selected string) string
}

func rated(name string, matchers ...string) histogram { return histogram{name, matchers, rate} }

func ranged(name string, matchers ...string) histogram { return histogram{name, matchers, inRange} }

// A server keeps a histogram's classic buckets, its native form, or both. All
// that follows takes the classic ones, and the native form where there are none.

func (h histogram) part(suffix string) string { return h.over(metric(h.name+suffix, h.matchers...)) }

func withLe(labels string) string {
	if labels == "" {
		return "le"
	}
	return "le, " + labels
}

func (h histogram) quantile(q float64, labels string) string {
	return fmt.Sprintf("histogram_quantile(%g, %s) or histogram_quantile(%g, %s)",
		q, sumBy(withLe(labels), h.part("_bucket")), q, sumBy(labels, h.part("")))
}

func (h histogram) average(labels string) string {
	native := sumBy(labels, h.part(""))
	return fmt.Sprintf("%s / %s or histogram_sum(%s) / histogram_count(%s)",
		sumBy(labels, h.part("_sum")), sumBy(labels, h.part("_count")), native, native)
}

func (h histogram) count(labels string) string {
	return fmt.Sprintf("%s or histogram_count(%s)", sumBy(labels, h.part("_count")), sumBy(labels, h.part("")))
}

func (h histogram) heat() string {
	classic := sumBy("le", h.part("_bucket"))
	return fmt.Sprintf("%s or (%s unless on () %s)", classic, sumBy("", h.part("")), classic)
}

// known leaves out what isn't a number, such as a quantile of nothing.
func known(expr string) string { return "(" + expr + ") >= 0" }

// query asks for a series over time.
func query(expr, legend string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().Datasource(source()).
		EditorMode(prometheus.QueryEditorModeCode).Expr(expr).LegendFormat(legend).
		Range().Format(prometheus.PromQueryFormatTimeSeries)
}

// latest asks for the newest value alone.
func latest(expr, legend string) *prometheus.DataqueryBuilder {
	return query(expr, legend).Instant()
}

// column asks for one column of a table. Its legend is the column's name.
func column(expr, name string) *prometheus.DataqueryBuilder {
	return latest(expr, name).Format(prometheus.PromQueryFormatTable)
}

// heat asks for the cells of a heat map.
func heat(h histogram) *prometheus.DataqueryBuilder {
	return query(h.heat(), "{{le}}").Format(prometheus.PromQueryFormatHeatmap)
}
