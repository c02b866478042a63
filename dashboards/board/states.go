package board

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/sidemirror/sidemirror/syncer"
)

// names gives numbers names and colours: the first value is 1, the second 2, as
// [encoded] numbers them. 0 is none of them.
type names []struct{ value, color string }

const grey = "#808080"

// What the values of the labels look like, everywhere.
var (
	statusNames = names{
		{string(syncer.NotStarted), grey}, {string(syncer.InProgress), "blue"},
		{string(syncer.Completed), "green"}, {string(syncer.Failed), "red"},
	}
	stateNames = names{
		{string(syncer.Idle), grey}, {string(syncer.Running), "blue"},
		{string(syncer.Pausing), "light-yellow"}, {string(syncer.Paused), "yellow"},
		{string(syncer.Retrying), "orange"}, {string(syncer.Cancelling), "light-orange"},
		{string(syncer.Live), "green"}, {string(syncer.Stopped), "purple"},
	}
	stepNames = names{
		{string(syncer.StepCleanup), "light-blue"}, {string(syncer.StepSync), "blue"},
		{string(syncer.StepInformer), "purple"}, {string(syncer.StepDone), "green"},
	}
	// resourceNames goes from the good to the bad, so that the largest is the worst.
	resourceNames = names{
		{string(syncer.ResourceCompleted), "green"}, {string(syncer.ResourceNotStarted), grey},
		{string(syncer.ResourceInProgress), "blue"}, {string(syncer.ResourceNotFound), "yellow"},
		{string(syncer.ResourceForbidden), "orange"}, {string(syncer.ResourceFailed), "red"},
	}
)

// mappings show the names in place of the numbers.
func (n names) mappings() []dashboard.ValueMapping {
	options := map[string]dashboard.ValueMappingResult{"0": result("none", grey, len(n))}
	for i, one := range n {
		options[strconv.Itoa(i+1)] = result(strings.ReplaceAll(one.value, "_", " "), one.color, i)
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: options}}}
}

func result(text, color string, index int) dashboard.ValueMappingResult {
	return dashboard.ValueMappingResult{Text: &text, Color: &color, Index: cog.ToPtr(int32(index))}
}

// encoded turns a metric of 0 and 1 for each value of a label into the number of
// the value that is 1.
func (n names) encoded(labels, label string, selected func(matchers ...string) string) string {
	parts := make([]string, len(n))
	for i, one := range n {
		parts[i] = fmt.Sprintf("%s * %d", selected(equal(label, one.value)), i+1)
	}
	return maxBy(labels, strings.Join(parts, " or "))
}

// answer names what is 0 or 1; either may be the good one.
type answer struct{ no, noColor, yes, yesColor string }

func (a answer) mappings() []dashboard.ValueMapping {
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{
		Type: dashboard.MappingTypeValueToText,
		Options: map[string]dashboard.ValueMappingResult{
			"0": result(a.no, a.noColor, 0), "1": result(a.yes, a.yesColor, 1),
		},
	}}}
}

var (
	pausedAnswer    = answer{"no", "green", "paused", "yellow"}
	partialAnswer   = answer{"no", "green", "partial", "orange"}
	leaderAnswer    = answer{"no", grey, "leader", "green"}
	connectedAnswer = answer{"broken", "red", "connected", "green"}
)

// The series that the states of a mirror are shown by.
func statusOf(labels string) string { return statusNames.encoded(labels, "status", of("sync_status")) }
func stateOf(labels string) string  { return stateNames.encoded(labels, "state", of("sync_state")) }
func stepOf(labels string) string   { return stepNames.encoded(labels, "step", of("sync_step")) }

func resourceStatusOf(labels string) string {
	return resourceNames.encoded(labels, "status", func(matchers ...string) string {
		return ofResources("sync_resource_status", matchers...)
	})
}

func of(name string) func(matchers ...string) string {
	return func(matchers ...string) string { return metric(name, matchers...) }
}
