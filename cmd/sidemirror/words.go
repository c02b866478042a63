package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/util/duration"

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

// summary is a status in one sentence, without the cluster's name.
func summary(s *syncer.Status) string {
	if s.Status == syncer.NotStarted || s.Status == syncer.InProgress {
		return ongoing(s)
	}
	if s.Control.Paused {
		return pausedWords(s) + "; " + runOutcome(s)
	}
	return runOutcome(s)
}

// runOutcome is a run that is over in one sentence.
func runOutcome(s *syncer.Status) string {
	took := ""
	if s.DurationMs != nil {
		took = " in " + briefly(time.Duration(*s.DurationMs)*time.Millisecond)
	}
	switch {
	case cancelled(s):
		return printable(*s.Error)
	case s.Status == syncer.Failed && s.Error != nil:
		return "failed: " + printable(*s.Error)
	case s.Status == syncer.Failed:
		return "failed"
	case s.Partial:
		return fmt.Sprintf("completed%s in part: %d of %d resources, %s objects", took, s.SyncedResources, s.TotalResources, grouped(s.Progress.Objects.Synced))
	default:
		return fmt.Sprintf("completed%s: %d resources, %s objects", took, s.TotalResources, grouped(s.Progress.Objects.Synced))
	}
}

// runError is the error of who waits for a run that came to nothing.
func runError(s *syncer.Status) error {
	if cancelled(s) {
		return errors.New("the run was " + runOutcome(s))
	}
	return errors.New("the run " + runOutcome(s))
}

// cancelled reports whether someone ended the run. The document calls it failed,
// since what it was to bring isn't there.
func cancelled(s *syncer.Status) bool {
	return s.Status == syncer.Failed && s.Error != nil && strings.HasPrefix(*s.Error, "cancelled")
}

// pausedWords says of a mirror that is paused by whom and why.
func pausedWords(s *syncer.Status) string {
	if s.State == syncer.Pausing {
		return "pausing" + pauseCause(&s.Control)
	}
	return "paused" + pauseCause(&s.Control)
}

// pauseCause is by whom and why, as far as it is known, ready to be appended.
func pauseCause(c *syncer.Control) string {
	text := ""
	if c.By != nil && *c.By != "" {
		text += " by " + printable(*c.By)
	}
	if c.Reason != nil && *c.Reason != "" {
		text += ": " + printable(*c.Reason)
	}
	return text
}

// ongoing is a run that isn't over in one sentence.
func ongoing(s *syncer.Status) string {
	before := ""
	if s.Control.Paused {
		before = pausedWords(s) + "; "
	} else if s.State == syncer.Cancelling {
		before = "cancelling; "
	}
	if s.Status == syncer.NotStarted {
		return before + "not started"
	}
	step := string(s.Step)
	if step == "" {
		step = "starting"
	}
	return fmt.Sprintf("%s%s: %s, %d/%d resources, %s objects", before, step, percent(s.Progress.Ratio), s.SyncedResources, s.TotalResources,
		ofTotal(s.Progress.Objects.Synced, s.Progress.Objects.Total, s.Progress.Objects.Estimated))
}

// etaWords is how long a run has still to go, with ~ where the server isn't sure.
func etaWords(eta *syncer.ETA) string {
	about := "~"
	if eta.Confidence == syncer.ConfidenceHigh {
		about = ""
	}
	return about + clock(time.Duration(eta.Seconds)*time.Second)
}

// elapsed is d as kubectl rounds it; clocks of two machines may make it negative.
func elapsed(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// cellName is how a cell is called, as [syncer.Cell.String] has it.
func cellName(r *syncer.ResourceStatus) string {
	if r.Namespace == "" {
		return printable(r.Name)
	}
	return printable(r.Name + "/" + r.Namespace)
}
