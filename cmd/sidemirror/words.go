package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/sidemirror/sidemirror/syncer"
)

// grouped prints n with a comma between thousands.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// byteSize prints n with a binary unit and at most one decimal.
func byteSize(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// clock prints d as minutes and seconds, or hours and minutes with an h.
func clock(d time.Duration) string {
	seconds := int64(d.Round(time.Second) / time.Second)
	if seconds < 3600 {
		return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	}
	return fmt.Sprintf("%dh%02d", seconds/3600, seconds%3600/60)
}

// briefly prints d with the precision that somebody reads.
func briefly(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// ofTotal prints count against its total, with ~ for an estimate. A total that
// the count has overtaken isn't shown below it.
func ofTotal(count int64, total *int64, estimated bool) string {
	if total == nil {
		return grouped(count)
	}
	about := ""
	if estimated {
		about = "~"
	}
	return grouped(count) + "/" + about + grouped(max(count, *total))
}

// percent rounds down, so that 100 % is kept for what is complete.
func percent(ratio float64) string { return strconv.Itoa(int(ratio*100)) + "%" }

// printable makes text from elsewhere safe for a terminal, on one line.
func printable(text string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	return withoutUserInfo(strings.Join(strings.Fields(clean), " "))
}

// shorten cuts text to width columns and shows that it did.
func shorten(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return string(runes[:width-1]) + "…"
}

// summary is a finished run in one sentence, without its name.
func summary(s *syncer.Status) string {
	took := ""
	if s.DurationMs != nil {
		took = " in " + briefly(time.Duration(*s.DurationMs)*time.Millisecond)
	}
	switch {
	case s.Status == syncer.Failed && s.Error != nil:
		return "failed: " + printable(*s.Error)
	case s.Status == syncer.Failed:
		return "failed"
	case s.Partial:
		return fmt.Sprintf("completed%s in part: %d of %d resources, %s objects", took, s.SyncedResources, s.TotalResources, grouped(s.Progress.Objects.Synced))
	case s.Status == syncer.Completed:
		return fmt.Sprintf("completed%s: %d resources, %s objects", took, s.TotalResources, grouped(s.Progress.Objects.Synced))
	default:
		return ongoing(s)
	}
}

// ongoing is a run that isn't over in one sentence.
func ongoing(s *syncer.Status) string {
	if s.Status == syncer.NotStarted {
		return "not started"
	}
	step := string(s.Step)
	if step == "" {
		step = "starting"
	}
	return fmt.Sprintf("%s: %s, %d/%d resources, %s objects", step, percent(s.Progress.Ratio), s.SyncedResources, s.TotalResources,
		ofTotal(s.Progress.Objects.Synced, s.Progress.Objects.Total, s.Progress.Objects.Estimated))
}

// cellName is how a cell is called, as [syncer.Cell.String] has it.
func cellName(r *syncer.ResourceStatus) string {
	if r.Namespace == "" {
		return printable(r.Name)
	}
	return printable(r.Name + "/" + r.Namespace)
}
