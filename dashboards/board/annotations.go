package board

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// annotations mark on every graph what explains the rest: when runs began, while
// mirrors were paused, and when the writer changed.
func annotations() []cog.Builder[dashboard.AnnotationQuery] {
	// The value is the moment itself, so that a mark stands where the run began
	// and not where the scrape was. A series has a mark for each of its values.
	begun := fmt.Sprintf("%s * 1000 > 0", maxBy(targets, metric("sync_start_timestamp_seconds")))
	// Annotations are asked for each minute; a pause may be shorter.
	paused := fmt.Sprintf("max_over_time(%s[%s]) == 1", metric("sync_paused"), window)
	leader := fmt.Sprintf("changes(%s[%s]) > 0", metric("leader"), window)
	return []cog.Builder[dashboard.AnnotationQuery]{
		annotation("Runs", "blue", begun, "Run began").UseValueForTime(true),
		annotation("Pauses", "yellow", paused, "Paused"),
		annotation("Leader changes", "purple", leader, "Leader changed"),
	}
}

func annotation(name, color, expr, title string) *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().Name(name).Datasource(source()).
		Enable(true).Hide(false).IconColor(color).
		Expr(expr).TitleFormat(title).TextFormat("{{instance}}").TagKeys("cluster,namespace,instance")
}
