package main

import (
	"fmt"
	"strings"

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
	meter         *meter
}

// lines are a headline, a line for each cell, and, when not all cells fit, one
// that counts the rest.
func (f frame) lines(s *syncer.Status) []string {
	lines := []string{f.headline(s)}
	shown, hidden := f.choose(s)
	nameWidth := f.nameWidth(s)
	for _, r := range shown {
		lines = append(lines, f.cell(r, nameWidth))
	}
	if len(hidden) > 0 {
		lines = append(lines, shorten("  "+countHidden(hidden), f.width))
	}
	return lines
}

// headline leaves out from its end what doesn't fit.
func (f frame) headline(s *syncer.Status) string {
	step := string(s.Step)
	if step == "" {
		step = string(s.Status)
	}
	objects := s.Progress.Objects
	parts := []string{
		printable(s.Cluster), step, percent(s.Progress.Ratio),
		fmt.Sprintf("%d/%d resources", s.SyncedResources, s.TotalResources),
		ofTotal(objects.Synced, objects.Total, objects.Estimated) + " objects",
	}
	if rate := f.meter.rate(""); rate >= 1 {
		parts = append(parts, grouped(int64(rate))+"/s")
	}
	if left, ok := f.meter.remaining("", objects.Total); ok {
		parts = append(parts, "ETA "+clock(left))
	}
	line := shorten(parts[0], f.width)
	for _, part := range parts[1:] {
		if len([]rune(line))+2+len(part) > f.width {
			break
		}
		line += "  " + part
	}
	return line
}

// choose keeps, of more cells than there are lines, first those at work, then
// the broken, then the waiting; all in their order.
func (f frame) choose(s *syncer.Status) (shown, hidden []*syncer.ResourceStatus) {
	room := max(f.height-3, 1)
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
	if r.Error != nil {
		text += ": " + printable(r.Error.Message)
	}
	return name + f.paint(red, shorten(text, room))
}

// bar is a cell at work: the bar gives way to the numbers, and those from their
// end, when there is little room. An estimate that was overtaken says nothing
// about how far it is, and is left out.
func (f frame) bar(r *syncer.ResourceStatus, room int) string {
	total := r.Total
	if total != nil && (*total == 0 || r.TotalEstimated && r.Count >= *total) {
		total = nil
	}
	numbers := f.numbers(r, total)
	if total == nil {
		return shorten(strings.ReplaceAll(string(r.Phase), "_", " ")+" "+strings.TrimSpace(numbers), room)
	}
	width := min(room-len(numbers)-7, maxBarWidth)
	if width < minBarWidth {
		return shorten(strings.TrimSpace(numbers), room)
	}
	ratio := min(float64(r.Count)/float64(*total), 1)
	full := int(ratio * float64(width))
	filled := strings.Repeat("=", full)
	if full < width {
		filled += ">"
	}
	empty := strings.Repeat(" ", width-len(filled))
	return "[" + f.paint(cyan, filled) + empty + "]" + fmt.Sprintf("%5s", percent(ratio)) + strings.TrimRight(numbers, " ")
}

// numbers are count, rate and time left, in columns.
func (f frame) numbers(r *syncer.ResourceStatus, total *int64) string {
	rate, eta := "", ""
	if v := f.meter.rate(cellName(r)); v >= 1 {
		rate = grouped(int64(v)) + "/s"
	}
	if left, ok := f.meter.remaining(cellName(r), total); ok {
		eta = clock(left)
	}
	return fmt.Sprintf("%*s%*s%*s", countWidth, ofTotal(r.Count, total, r.TotalEstimated), rateWidth, rate, etaWidth, eta)
}

// The SGR parameters that frames use.
const (
	red, green, cyan, faint = "31", "32", "36", "2"
)

func (f frame) paint(color, text string) string {
	if !f.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}
