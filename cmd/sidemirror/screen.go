package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// screen keeps a few lines at the bottom of a terminal up to date, and lets other
// text, such as the log, pass above them. It may be used concurrently.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	lines []string // guarded by mu: what stands on the terminal, the cursor below it
}

// Write puts p, which should end with a newline, above the lines.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	s.rewind(&b)
	b.WriteString("\x1b[J")
	b.Write(p)
	s.draw(&b)
	if _, err := s.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Draw replaces the lines; none takes them away. What a terminal refuses is lost.
func (s *screen) Draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(lines) == 0 && len(s.lines) == 0 {
		return
	}
	var b bytes.Buffer
	s.rewind(&b)
	s.lines = lines
	s.draw(&b)
	b.WriteString("\x1b[J")
	_, _ = s.out.Write(b.Bytes())
}

// rewind moves the cursor to the start of the lines.
func (s *screen) rewind(b *bytes.Buffer) {
	if len(s.lines) > 0 {
		fmt.Fprintf(b, "\x1b[%dA\r", len(s.lines))
	}
}

// draw writes the lines without letting the terminal wrap them, since a wrapped
// line would count as two.
func (s *screen) draw(b *bytes.Buffer) {
	if len(s.lines) == 0 {
		return
	}
	b.WriteString("\x1b[?7l")
	for _, line := range s.lines {
		b.WriteString(line)
		b.WriteString("\x1b[K\n")
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
