package main

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// column is a column of a table.
type column struct {
	title string
	right bool // numbers
	// rank says how soon it is left out where there is little room: 0 never, and
	// otherwise the highest first.
	rank int
}

// table is text in columns. Its last column, and then its first, are shortened
// before the width is exceeded.
type table struct {
	columns []column
	rows    [][]string // a text for each column
}

// gap is what stands between two columns; minCellWidth is what shortening leaves.
const (
	gap          = "  "
	minCellWidth = 10
)

// lines are the title and the rows, none wider than width unless that is 0.
func (t *table) lines(width int) []string {
	shown, widths := t.fit(width)
	if width > 0 {
		t.squeeze(shown, widths, width)
	}
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	var lines []string
	for _, row := range append([][]string{titles}, t.rows...) {
		var line strings.Builder
		for _, i := range shown {
			if line.Len() > 0 {
				line.WriteString(gap)
			}
			line.WriteString(aligned(row[i], widths[i], t.columns[i].right))
		}
		text := strings.TrimRight(line.String(), " ")
		if width > 0 {
			text = shorten(text, width)
		}
		lines = append(lines, text)
	}
	return lines
}

// fit chooses the columns that width has room for. Columns without any text go first.
func (t *table) fit(width int) (shown []int, widths []int) {
	widths = make([]int, len(t.columns))
	for i, c := range t.columns {
		filled := false
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			filled = filled || row[i] != ""
		}
		if filled || c.rank == 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.title))
			shown = append(shown, i)
		}
	}
	byRank := slices.Clone(shown)
	slices.SortStableFunc(byRank, func(a, b int) int { return cmp.Compare(t.columns[b].rank, t.columns[a].rank) })
	for _, i := range byRank {
		if width == 0 || t.columns[i].rank == 0 || t.least(shown, widths) <= width {
			break
		}
		shown = slices.DeleteFunc(shown, func(one int) bool { return one == i })
	}
	return shown, widths
}

// least is how wide the columns are with the first and the last one shortened.
func (t *table) least(shown, widths []int) int {
	total := len(gap) * (len(shown) - 1)
	for n, i := range shown {
		if n == 0 || n == len(shown)-1 && !t.columns[i].right {
			total += min(widths[i], 2*minCellWidth)
			continue
		}
		total += widths[i]
	}
	return total
}

// squeeze takes what is too much from the last column, then from the first.
func (t *table) squeeze(shown, widths []int, width int) {
	over := len(gap)*(len(shown)-1) - width
	for _, i := range shown {
		over += widths[i]
	}
	last := shown[len(shown)-1]
	for _, i := range []int{last, shown[0]} {
		if over <= 0 || t.columns[i].right {
			continue
		}
		taken := min(over, max(widths[i]-minCellWidth, 0))
		widths[i] -= taken
		over -= taken
	}
	for _, row := range t.rows {
		for _, i := range shown {
			row[i] = shorten(row[i], widths[i])
		}
	}
}

// aligned fills text up to width columns.
func aligned(text string, width int, right bool) string {
	space := strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
	if right {
		return space + text
	}
	return text + space
}
