package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen keeps a few lines at the bottom of a terminal up to date, and lets other
// text, such as the log, pass above them. It may be used concurrently.
type screen struct {
	out io.Writer

	mu    sync.Mutex
	lines []string // guarded by mu: what stands on the terminal, the cursor below it
	width int      // guarded by mu: of the terminal now; 0 unknown
}

// Write puts p, which should end with a newline, above the lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	s.rewind(&b)
	b.WriteString("\x1b[J")
	b.Write(p)
	s.print(&b)
	if _, err := s.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw replaces the lines, on a terminal that is width columns wide now; none
// takes them away. What a terminal refuses is lost.
func (s *screen) draw(lines []string, width int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.width = width
	if len(lines) == 0 && len(s.lines) == 0 {
		return
	}
	var b bytes.Buffer
	s.rewind(&b)
	s.lines = lines
	s.print(&b)
	b.WriteString("\x1b[J")
	_, _ = s.out.Write(b.Bytes())
}

// rewind moves the cursor to the start of the lines. Since they were drawn the
// terminal may have become narrower, and have wrapped them.
func (s *screen) rewind(b *bytes.Buffer) {
	rows := 0
	for _, line := range s.lines {
		rows++
		if columns := utf8.RuneCountInString(sgr.ReplaceAllString(line, "")); s.width > 0 && columns > s.width {
			rows += (columns - 1) / s.width
		}
	}
	if rows > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", rows)
	}
}

// sgr matches what colours text, and takes no column.
var sgr = regexp.MustCompile(`\x1b\[\d+m`)

// print writes the lines without letting the terminal wrap them, since a wrapped
// line would count as two. Each is erased first: behind a line of full width, the
// cursor stands on its last character.
func (s *screen) print(b *bytes.Buffer) {
	if len(s.lines) == 0 {
		return
	}
	b.WriteString("\x1b[?7l")
	for _, line := range s.lines {
		b.WriteString("\x1b[K")
		b.WriteString(line)
		b.WriteByte('\n')
	}
	b.WriteString("\x1b[?7h")
}

// terminal says how w shows things: nothing but plain lines unless it is a
// terminal that can move its cursor.
type terminal struct {
	live  bool
	color bool
	size  func() (width, height int)
}

// terminalOf asks the operating system and the environment: NO_COLOR takes the
// colours away, TERM=dumb the moving too.
func terminalOf(w io.Writer) terminal {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return terminal{size: standardSize}
	}
	return terminal{
		live:  true,
		color: os.Getenv("NO_COLOR") == "",
		size: func() (int, int) {
			width, height, err := term.GetSize(int(file.Fd()))
			if err != nil || width < 1 || height < 1 {
				return standardSize()
			}
			return width, height
		},
	}
}

func standardSize() (width, height int) { return 80, 24 }

// textWidth is how wide text on w may be; 0 is no limit, since what isn't a
// terminal doesn't wrap.
func textWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil || width < 1 {
		return 0
	}
	return width
}
