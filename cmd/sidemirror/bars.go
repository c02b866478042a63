package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// Widths of the parts of a line, in columns.
const (
	minNameWidth, maxNameWidth = 12, 32
	minBarWidth, maxBarWidth   = 8, 40
	countWidth                 = 17 // of six digits each; more push the bar
	rateWidth                  = 9
	etaWidth                   = 6
)

// frame makes the lines that a terminal shows of one snapshot. It draws with
// ASCII alone, and never a line wider than width.
type frame struct {
	width, height int
	color         bool
	now           time.Time
	meter         *meter
}

// lines are, of a run in progress, a headline, perhaps one that says why it
// stands still, a line for each cell, and, when not all cells fit, one that
// counts the rest. Of a mirror that is well there are none.
func (f frame) lines(s *syncer.Status) []string {
	if s.Status != syncer.InProgress {
		return f.standing(s)
	}
	lines := []string{f.headline(s)}
	if s.Control.Paused {
		lines = append(lines, f.paint(yellow, shorten("  "+f.paused(s), f.width)))
	}
	shown, hidden := choose(s, f.height-2-len(lines))
	nameWidth := f.nameWidth(s)
	for _, r := range shown {
		lines = append(lines, f.cell(r, nameWidth))
	}
	if len(hidden) > 0 {
		lines = append(lines, shorten("  "+countHidden(hidden), f.width))
	}
	return lines
}

// standing is the line of a mirror that doesn't follow the cluster, and has no
// run in progress either.
func (f frame) standing(s *syncer.Status) []string {
	color := yellow
	var text string
	switch {
	case s.Control.Paused:
		text = f.paused(s)
	case cancelled(s):
		text = runOutcome(s)
	case s.Status == syncer.Failed:
		color, text = red, runOutcome(s)
		if at := s.Retry.NextRetryAt; at != nil {
			text = "next try " + inTime(at.Sub(f.now)) + "; " + text
		}
	default:
		return nil
	}
	return []string{f.paint(color, shorten(printable(s.Cluster)+"  "+text, f.width))}
}

// paused is by whom, why and for how long.
func (f frame) paused(s *syncer.Status) string {
	text := pausedWords(s)
	if since := s.Control.Since; since != nil && s.State == syncer.Paused {
		word := "paused"
		text = word + " for " + clock(max(f.now.Sub(*since), 0)) + strings.TrimPrefix(text, word)
	}
	return text
}

// headline leaves out what doesn't fit, the least telling first.
func (f frame) headline(s *syncer.Status) string {
	step := string(s.Step)
	if step == "" {
		step = string(s.Status)
	}
	if s.State == syncer.Cancelling {
		step = "cancelling"
	}
	objects := s.Progress.Objects
	rate, eta := "", f.eta(s)
	if v := f.meter.rate(""); v >= 1 {
		rate = grouped(int64(v)) + "/s"
	}
	if eta != "" {
		eta = "ETA " + eta
	}
	parts := []string{
		printable(s.Cluster), strings.ReplaceAll(step, "_", " "), percent(s.Progress.Ratio),
		fmt.Sprintf("%d/%d resources", s.SyncedResources, s.TotalResources),
		ofTotal(objects.Synced, objects.Total, objects.Estimated) + " objects", rate, eta,
	}
	return chosen(f.width, parts, 0, 1, 2, 6, 3, 4, 5)
}

// eta is the server's, or one of our own where it has none: the whole takes at
// least as long as the slowest cell.
func (f frame) eta(s *syncer.Status) string {
	if s.ETA != nil {
		return etaWords(s.ETA)
	}
	left, ok := f.meter.remaining("", s.Progress.Objects.Total)
	if !ok {
		return ""
	}
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		if of, ok := f.meter.remaining(cellName(r), r.Total); ok && r.Status == syncer.ResourceInProgress {
			left = max(left, of)
		}
	}
	return "~" + clock(left)
}

// choose keeps, of more cells than there are lines, first those at work, then
// the broken, then the waiting; all in their order.
func choose(s *syncer.Status, room int) (shown, hidden []*syncer.ResourceStatus) {
	room = max(room, 1)
	keep := make([]bool, len(s.ResourceStatus))
	if len(keep) <= room {
		room = len(keep)
	} else {
		room--
	}
	for urgency := range 4 {
		for i := range s.ResourceStatus {
			if room > 0 && urgencyOf(s.ResourceStatus[i].Status) == urgency {
				keep[i] = true
				room--
			}
		}
	}
	for i := range s.ResourceStatus {
		if keep[i] {
			shown = append(shown, &s.ResourceStatus[i])
		} else {
			hidden = append(hidden, &s.ResourceStatus[i])
		}
	}
	return shown, hidden
}

// urgencyOf orders outcomes by how much they are worth a line; 0 is first.
func urgencyOf(outcome syncer.ResourceOutcome) int {
	switch outcome {
	case syncer.ResourceInProgress:
		return 0
	case syncer.ResourceNotStarted:
		return 2
	case syncer.ResourceCompleted:
		return 3
	default:
		return 1
	}
}

// countHidden counts the cells that got no line.
func countHidden(hidden []*syncer.ResourceStatus) string {
	counts := map[syncer.ResourceOutcome]int{}
	for _, r := range hidden {
		counts[r.Status]++
	}
	var parts []string
	for _, outcome := range syncer.ResourceOutcomes {
		if n := counts[outcome]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(string(outcome), "_", " ")))
		}
	}
	return fmt.Sprintf("and %d more: %s", len(hidden), strings.Join(parts, ", "))
}

func (f frame) nameWidth(s *syncer.Status) int {
	width := minNameWidth
	for i := range s.ResourceStatus {
		width = max(width, len([]rune(cellName(&s.ResourceStatus[i]))))
	}
	return min(width, maxNameWidth, max(f.width/3, minNameWidth))
}

// cell is one cell's line: its name, and what its status has to tell.
func (f frame) cell(r *syncer.ResourceStatus, nameWidth int) string {
	name := fmt.Sprintf("  %-*s ", nameWidth, shorten(cellName(r), nameWidth))
	room := f.width - len([]rune(name))
	if room < 1 {
		return shorten(name, f.width)
	}
	switch r.Status {
	case syncer.ResourceInProgress:
		return name + f.bar(r, room)
	case syncer.ResourceNotStarted:
		return name + f.paint(faint, shorten("waiting", room))
	case syncer.ResourceCompleted:
		return name + f.paint(green, shorten("done "+grouped(r.Count), room))
	}
	text := strings.ReplaceAll(string(r.Status), "_", " ")
	if r.NextRetryAt != nil {
		text += ", next try " + inTime(r.NextRetryAt.Sub(f.now))
	}
	if r.Error != nil {
		text += ": " + printable(r.Error.Message)
	}
	return name + f.paint(red, shorten(text, room))
}

// bar is a cell at work: numbers give way to the bar, the least telling first,
// when there is little room. An estimate that was overtaken says nothing about
// how far it is, and is left out.
func (f frame) bar(r *syncer.ResourceStatus, room int) string {
	total := r.Total
	if total != nil && (*total == 0 || r.TotalEstimated && r.Count >= *total) {
		total = nil
	}
	count, rate, eta := f.numbers(r, total)
	if total == nil {
		return chosen(room, []string{strings.ReplaceAll(string(r.Phase), "_", " "), count, rate}, 0, 1, 2)
	}
	const percentWidth, edges = 5, 2
	columns := []string{
		fmt.Sprintf("%*s%*s%*s", countWidth, count, rateWidth, rate, etaWidth, eta),
		fmt.Sprintf("%*s%*s", countWidth, count, etaWidth, eta), fmt.Sprintf("%*s", countWidth, count), fmt.Sprintf("%*s", etaWidth, eta), "",
	}
	ratio := min(float64(r.Count)/float64(*total), 1)
	for _, numbers := range columns {
		if width := min(room-len(numbers)-percentWidth-edges, maxBarWidth); width >= minBarWidth {
			return "[" + f.drawn(ratio, width) + "]" + fmt.Sprintf("%*s", percentWidth, percent(ratio)) + strings.TrimRight(numbers, " ")
		}
	}
	return shorten(percent(ratio), room)
}

// drawn is the inside of a bar.
func (f frame) drawn(ratio float64, width int) string {
	full := int(ratio * float64(width))
	filled := strings.Repeat("=", full)
	if full < width {
		filled += ">"
	}
	return f.paint(cyan, filled) + strings.Repeat(" ", width-len(filled))
}

// numbers are count, rate and time left, as far as there are any.
func (f frame) numbers(r *syncer.ResourceStatus, total *int64) (count, rate, eta string) {
	if r.Count > 0 || total != nil {
		count = ofTotal(r.Count, total, r.TotalEstimated)
	}
	if r.Phase == syncer.PhasePaused && total != nil {
		return count, string(r.Phase), ""
	}
	if v := f.meter.rate(cellName(r)); v >= 1 {
		rate = grouped(int64(v)) + "/s"
	}
	if left, ok := f.meter.remaining(cellName(r), total); ok {
		eta = clock(left)
	}
	return count, rate, eta
}

// chosen joins the parts in their order. The first of order is shown in any case,
// each of the others if there is room for it after those before it.
func chosen(room int, parts []string, order ...int) string {
	shown := make([]string, len(parts))
	shown[order[0]] = shorten(parts[order[0]], room)
	taken := len([]rune(shown[order[0]]))
	for _, i := range order[1:] {
		if width := len(gap) + len([]rune(parts[i])); parts[i] != "" && taken+width <= room {
			shown[i] = parts[i]
			taken += width
		}
	}
	return strings.Join(slices.DeleteFunc(shown, func(part string) bool { return part == "" }), gap)
}

// The SGR parameters that frames use.
const (
	red, green, yellow, cyan, faint = "31", "32", "33", "36", "2"
)

func (f frame) paint(color, text string) string {
	if !f.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
