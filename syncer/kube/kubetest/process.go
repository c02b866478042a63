package kubetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// readyTimeout is generous: other packages may be building meanwhile.
	readyTimeout = 4 * time.Minute
	// stopTimeout is what a clean stop may take before it counts as a hang.
	stopTimeout = 30 * time.Second
	// keptOutputBytes is how much of the end of stderr a failure shows.
	keptOutputBytes = 16 << 10
)

// process is a devcluster that runs. Its standard input is a pipe that only the
// test holds open, so a test binary that dies takes the child with it.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *tail
	exited chan struct{} // closed once err is set
	err    error
}

// startProcess starts the binary and returns once it printed that it is ready.
func startProcess(path string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), stderr: &tail{}, exited: make(chan struct{})}
	p.cmd.Stderr = p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start devcluster: %w", err)
	}
	p.stdin = stdin
	ready := &lineWatcher{prefix: "ready: ", seen: make(chan struct{})}
	p.cmd.Stdout = ready
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start devcluster: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	select {
	case <-ready.seen:
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("start devcluster: it ended (%v):\n%s", p.err, p.stderr)
	case <-time.After(readyTimeout):
		p.kill()
		return nil, fmt.Errorf("start devcluster: not ready after %s:\n%s", readyTimeout, p.stderr)
	}
}

// stop asks the process to end, and insists after stopTimeout.
func (p *process) stop() error {
	select {
	case <-p.exited:
		return fmt.Errorf("devcluster ended before it was told to (%v):\n%s", p.err, p.stderr)
	default:
	}
	defer p.stdin.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop devcluster: %w", err)
	}
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.kill()
		return fmt.Errorf("stop devcluster: still running after %s:\n%s", stopTimeout, p.stderr)
	}
	if p.err != nil {
		return fmt.Errorf("stop devcluster: %w:\n%s", p.err, p.stderr)
	}
	return nil
}

// kill ends the process without a chance to clean up.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
	p.stdin.Close()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte // guarded by mu
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, b...)
	if extra := len(t.data) - keptOutputBytes; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

// lineWatcher closes seen at the first line that starts with prefix. Only the
// goroutine that copies the child's output writes to it.
type lineWatcher struct {
	prefix string
	seen   chan struct{}
	done   bool
	line   []byte
}

func (w *lineWatcher) Write(b []byte) (int, error) {
	if w.done {
		return len(b), nil
	}
	w.line = append(w.line, b...)
	lines := bufio.NewScanner(bytes.NewReader(w.line))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), w.prefix) {
			w.done = true
			close(w.seen)
			break
		}
	}
	return len(b), nil
}
