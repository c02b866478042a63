package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// warmMeter has seen the run of inProgress for five seconds.
func warmMeter() *meter {
	var m meter
	for i := range 6 {
		s := inProgress()
		back := int64(5 - i)
		s.Progress.Objects.Synced -= back * 3200
		s.ResourceStatus[0].Count -= back * 3000
		m.observe(noon.Add(-time.Duration(back)*time.Second), s)
	}
	return &m
}

func TestFrame(t *testing.T) {
	tests := []struct {
		name  string
		frame frame
	}{
		{"120", frame{width: 120, height: 24}},
		{"80", frame{width: 80, height: 24}},
		{"80_color", frame{width: 80, height: 24, color: true}},
		{"80_short", frame{width: 80, height: 8}},
		{"60", frame{width: 60, height: 24}},
		{"40", frame{width: 40, height: 24}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.frame.now, tt.frame.meter = noon, warmMeter()
			golden(t, "frame_"+tt.name+".txt", strings.Join(tt.frame.lines(inProgress()), "\n")+"\n")
		})
	}
}

// What stands still looks so, and says why; what is well takes no line.
func TestFrameOfAMirrorThatStandsStill(t *testing.T) {
	retrying := status(failed(), 9, func(s *syncer.Status) { s.Retry.NextRetryAt = ptr(noon.Add(72 * time.Second)) })
	told := inProgress()
	told.ETA = &syncer.ETA{Seconds: 125, Confidence: syncer.ConfidenceHigh}
	told.ResourceStatus[3].NextRetryAt = ptr(noon.Add(12 * time.Second))
	tests := map[string]*syncer.Status{
		"paused": pausedRun(), "live_paused": paused(live()), "cancelled": cancelledRun(), "retrying": retrying, "eta": told,
		"pausing":    status(pausedRun(), 9, func(s *syncer.Status) { s.State = syncer.Pausing }),
		"cancelling": status(inProgress(), 9, func(s *syncer.Status) { s.State = syncer.Cancelling }),
	}
	for name, s := range tests {
		for _, width := range []int{80, 40} {
			t.Run(fmt.Sprint(name, width), func(t *testing.T) {
				m := warmMeter()
				m.observe(noon, s)
				f := frame{width: width, height: 24, color: true, now: noon, meter: m}
				golden(t, fmt.Sprintf("frame_%s_%d.txt", name, width), strings.Join(f.lines(s), "\n")+"\n")
			})
		}
	}
	if got := (frame{width: 80, height: 24, meter: warmMeter()}).lines(live()); got != nil {
		t.Errorf("got %q of a mirror that is well, want nothing", got)
	}
}

// No line is wider than the terminal, nor is the frame higher, however small.
func TestFrameFits(t *testing.T) {
	for width := 1; width <= 200; width++ {
		for _, height := range []int{1, 3, 5, 8, 24} {
			f := frame{width: width, height: height, color: true, now: noon, meter: warmMeter()}
			for _, s := range []*syncer.Status{inProgress(), pausedRun(), failed(), cancelledRun()} {
				lines := f.lines(s)
				if len(lines) > max(height, 4) {
					t.Fatalf("%d x %d: got %d lines", width, height, len(lines))
				}
				for _, line := range lines {
					if got := len([]rune(sgr.ReplaceAllString(line, ""))); got > width {
						t.Fatalf("%d x %d: got %d columns: %q", width, height, got, line)
					}
				}
			}
		}
	}
}

func TestMeter(t *testing.T) {
	m := warmMeter()
	if got := fmt.Sprintf("%.0f %.0f", m.rate(""), m.rate("pods")); got != "3200 3000" {
		t.Errorf("got rates %s, want 3200 3000", got)
	}
	if left, ok := m.remaining("pods", ptr[int64](80_000)); !ok || left != 10*time.Second {
		t.Errorf("got %v and %v left, want 10s", left, ok)
	}
	for name, total := range map[string]*int64{"pods": nil, "events": ptr[int64](10), "nodes": ptr[int64](10)} {
		if left, ok := m.remaining(name, total); ok {
			t.Errorf("%s: got %v left, want none foretold", name, left)
		}
	}
	next := inProgress()
	next.RunID = "another"
	m.observe(noon.Add(time.Second), next)
	if got := m.rate("pods"); got != 0 {
		t.Errorf("got a rate of %v at the start of a run, want 0", got)
	}
}

// emulate is a terminal of the few sequences that a screen uses.
func emulate(out string) string {
	var lines []string
	row := 0
	at := func() {
		for len(lines) <= row {
			lines = append(lines, "")
		}
	}
	for _, part := range regexp.MustCompile(`\x1b\[\??\d*[A-Za-z]|\r|\n|[^\x1b\r\n]+`).FindAllString(out, -1) {
		at()
		var n int
		switch {
		case part == "\n":
			row++
		case part == "\x1b[J":
			lines = lines[:row]
		case part == "\r", strings.HasPrefix(part, "\x1b[?7"):
		case part == "\x1b[K":
		case strings.HasPrefix(part, "\x1b["):
			fmt.Sscanf(part, "\x1b[%dA", &n)
			row -= n
		default:
			lines[row] = part
		}
	}
	return strings.Join(lines, "\n")
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	step := func(want string, do func()) {
		t.Helper()
		do()
		if got := strings.TrimRight(emulate(out.String()), "\n"); got != want {
			t.Errorf("the terminal shows\n%s\nwant\n%s", got, want)
		}
	}
	step("", func() { s.draw(nil, 80) })
	step("a\nb\nc", func() { s.draw([]string{"a", "b", "c"}, 80) })
	step("log 1\na\nb\nc", func() { fmt.Fprintln(s, "log 1") })
	step("log 1\nA", func() { s.draw([]string{"A"}, 80) })
	step("log 1\nlog 2\nlog 3\nA", func() { fmt.Fprint(s, "log 2\nlog 3\n") })
	step("log 1\nlog 2\nlog 3", func() { s.draw(nil, 80) })
	step("log 1\nlog 2\nlog 3\nlog 4", func() { fmt.Fprintln(s, "log 4") })
}

// A terminal that became narrower has wrapped what stands on it.
func TestScreenOnANarrowerTerminal(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	s.draw([]string{strings.Repeat("a", 80), "\x1b[32m" + strings.Repeat("b", 41) + "\x1b[0m", "c"}, 80)
	out.Reset()
	s.draw([]string{"d"}, 40)
	if want := "\x1b[5A\r"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got %q, want %q first: two rows, two rows and one", out.String(), want)
	}
}

// A line of full width leaves the cursor on its last character.
func TestScreenErasesBeforeItWrites(t *testing.T) {
	var out bytes.Buffer
	(&screen{out: &out}).draw([]string{"a"}, 1)
	if want := "\x1b[?7l\x1b[Ka\n\x1b[?7h\x1b[J"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestBarsLeaveWithTheRun(t *testing.T) {
	var out bytes.Buffer
	b := &bars{screen: &screen{out: &out}, terminal: terminal{live: true, size: standardSize}}
	b.show(noon, notStarted())
	b.show(noon, inProgress())
	if got := emulate(out.String()); !strings.Contains(got, "prod  sync  54%") {
		t.Errorf("got %q, want a headline", got)
	}
	b.show(noon, completed())
	if got := emulate(out.String()); got != "" {
		t.Errorf("got %q left, want nothing", got)
	}
}

// A buffer is no terminal: lines, and no escape sequences.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	d := newDisplay(&out)
	s := inProgress()
	show := func(after time.Duration) { d.show(noon.Add(after), s) }
	show(0)
	show(time.Second) // nothing new
	s.Progress.Objects.Synced += 1000
	show(2 * time.Second)  // too soon
	show(11 * time.Second) // it moved
	show(30 * time.Second) // it hasn't
	s.SyncedResources++
	show(31 * time.Second)
	s = paused(s)
	show(32 * time.Second)
	s = completed()
	show(33 * time.Second)
	s = paused(s)
	show(34 * time.Second)
	show(35 * time.Second) // told already
	s = completed()
	show(36 * time.Second)
	d.clear()
	const want = `sync: 54%, 1/7 resources, 54,000/~98,700 objects
sync: 54%, 1/7 resources, 55,000/~98,700 objects
sync: 54%, 2/7 resources, 55,000/~98,700 objects
paused by ann: maintenance; sync: 54%, 2/7 resources, 55,000/~98,700 objects
completed in 1m0s in part: 5 of 7 resources, 54,000 objects
paused by ann: maintenance; completed in 1m0s in part: 5 of 7 resources, 54,000 objects
completed in 1m0s in part: 5 of 7 resources, 54,000 objects
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestWords(t *testing.T) {
	tests := []struct{ got, want string }{
		{grouped(0), "0"},
		{grouped(999), "999"},
		{grouped(1000), "1,000"},
		{grouped(-1234567), "-1,234,567"},
		{byteSize(1023), "1023 B"},
		{byteSize(1536), "1.5 KiB"},
		{byteSize(1 << 62), "4.0 EiB"},
		{clock(65 * time.Second), "1:05"},
		{clock(2*time.Hour + 5*time.Minute), "2h05"},
		{briefly(1234 * time.Microsecond), "1ms"},
		{briefly(5234 * time.Millisecond), "5.2s"},
		{briefly(61200 * time.Millisecond), "1m1s"},
		{ofTotal(12, ptr[int64](10), true), "12/~12"},
		{percent(0.999), "99%"},
		{printable("a\x1b[2J\nb mongodb://u:p@h"), "a [2J b mongodb://***@h"},
		{shorten("abc", 3), "abc"},
		{shorten("äbcd", 3), "äb…"},
		{shorten("a", 0), ""},
		{summary(paused(notStarted())), "paused by ann: maintenance; not started"},
		{summary(cancelledRun()), "cancelled by ann: enough"},
		{runError(cancelledRun()).Error(), "the run was cancelled by ann: enough"},
		{elapsed(-time.Second), "0s"},
		{elapsed(119 * time.Second), "119s"},
		{elapsed(50 * time.Hour), "2d2h"},
		{etaWords(&syncer.ETA{Seconds: 42, Confidence: syncer.ConfidenceLow}), "~0:42"},
		{summary(failed()), "failed: connect to mongodb://***@db/: timed out"},
		{summary(completed()), "completed in 1m0s in part: 5 of 7 resources, 54,000 objects"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
