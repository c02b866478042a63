package pagetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// daemonDir holds the binary until the tests have ended.
var daemonDir string

// buildDaemon builds sidemirror once for all tests of this package.
var buildDaemon = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sidemirror-page-")
	if err != nil {
		return "", err
	}
	daemonDir = dir
	path := filepath.Join(dir, "sidemirror")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/sidemirror")
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build sidemirror: %w\n%s", err, out)
	}
	return path, err
})

// startDaemon runs sidemirror on a cluster whose kubeconfig is given, until the
// test ends, and returns the address of its page.
func startDaemon(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	path, err := buildDaemon()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var log bytes.Buffer
	cmd := exec.Command(path, append([]string{"run", "--listen", address, "--kubeconfig", kubeconfig, "--cluster", "shop",
		"--store", "sqlite:" + filepath.Join(t.TempDir(), "mirror.db")}, args...)...)
	cmd.Stdout, cmd.Stderr = io.Discard, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("sidemirror ended with %v; its log:\n%s", err, &log)
		}
	})
	awaitListener(t, address)
	return "http://" + address + "/"
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// throttle is a proxy of connections to the API server that lets a number of
// bytes a second through, so that a run can be looked at.
type throttle struct {
	listener net.Listener
	target   string
	perTick  int64
	wg       sync.WaitGroup
	ticks    chan struct{} // one for each tenth of a second that may be used
	closed   chan struct{}
}

// throttled returns the path of c's kubeconfig by way of a throttle, which stands
// still until open is called.
func throttled(t *testing.T, c *kubetest.Cluster, bytesPerSecond int64) (kubeconfig string, open func()) {
	t.Helper()
	text, err := os.ReadFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(c.Config().Host)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &throttle{listener: l, target: server.Host, perTick: bytesPerSecond / 10, ticks: make(chan struct{}), closed: make(chan struct{})}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		close(p.closed)
		l.Close()
		p.wg.Wait()
	})
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, bytes.ReplaceAll(text, []byte(server.Host), []byte(l.Addr().String())), 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig, func() { p.wg.Go(p.tick) }
}

func (p *throttle) tick() {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-p.closed:
			return
		}
		select {
		case p.ticks <- struct{}{}:
		case <-p.closed:
			return
		}
	}
}

func (p *throttle) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Go(func() { p.pipe(client) })
	}
}

// pipe ends when one side does, or the throttle.
func (p *throttle) pipe(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(server, client); done <- struct{}{} }()
	go func() { p.trickle(client, server); done <- struct{}{} }()
	select {
	case <-done:
	case <-p.closed:
	}
}

func (p *throttle) trickle(to io.Writer, from io.Reader) {
	for {
		select {
		case <-p.ticks:
		case <-p.closed:
			return
		}
		if _, err := io.CopyN(to, from, p.perTick); err != nil {
			return
		}
	}
}

// record makes the page keep what it showed, from now on.
const record = `window.seen = { headlines: [], percents: [] };
	const note = () => {
		const keep = (list, id) => { const t = document.getElementById(id).textContent; if (list.at(-1) !== t) list.push(t); };
		keep(window.seen.headlines, 'headline');
		keep(window.seen.percents, 'percent');
	};
	note();
	new MutationObserver(note).observe(document.getElementById('overview'), { subtree: true, childList: true, characterData: true }); null`

type seen struct {
	Headlines []string `json:"headlines"`
	Percents  []string `json:"percents"`
}
