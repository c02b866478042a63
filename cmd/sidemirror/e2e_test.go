package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// binary builds sidemirror once for all tests of this package.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sidemirror-e2e-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sidemirror")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build sidemirror: %w\n%s", err, out)
	}
	return path, err
})

// daemon is `sidemirror run` as a process of its own.
type daemon struct {
	t      testing.TB
	path   string
	args   []string
	server string
	cmd    *exec.Cmd
	log    *bytes.Buffer
	exited chan error
}

// newDaemon prepares a daemon that mirrors c into a file of the test's own.
func newDaemon(t testing.TB, c *kubetest.Cluster, args ...string) *daemon {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	listen := freeAddress(t)
	d := &daemon{t: t, path: path, server: "http://" + listen}
	d.args = append([]string{
		"--kubeconfig", c.Kubeconfig, "--cluster", "e2e",
		"--store", "sqlite:" + filepath.Join(t.TempDir(), "mirror.db"),
	}, args...)
	t.Cleanup(func() {
		if d.cmd != nil && d.exited != nil {
			d.kill()
		}
		if t.Failed() {
			t.Logf("log of the daemon:\n%s", d.log)
		}
	})
	d.log = &bytes.Buffer{}
	return d
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (d *daemon) start() {
	d.t.Helper()
	args := append([]string{"run", "--listen", strings.TrimPrefix(d.server, "http://")}, d.args...)
	d.cmd = exec.Command(d.path, args...)
	d.cmd.Stderr, d.cmd.Stdout = d.log, io.Discard
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	exited := make(chan error, 1)
	d.exited = exited
	go func(cmd *exec.Cmd) { exited <- cmd.Wait() }(d.cmd)
}

// kill ends the daemon without a chance to write anything.
func (d *daemon) kill() {
	_ = d.cmd.Process.Kill()
	<-d.exited
	d.exited = nil
}

// stop ends the daemon as a kubelet does, and holds it to its five seconds.
func (d *daemon) stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.exited:
		if err != nil {
			d.t.Errorf("exit after SIGTERM: %v, want 0", err)
		}
	case <-time.After(5 * time.Second):
		d.t.Error("still running 5 s after SIGTERM")
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
	d.exited = nil
}

// waitCompleted uses the command that scripts use.
func (d *daemon) waitCompleted() {
	d.t.Helper()
	d.command(time.Minute, "wait", "--server", d.server, "--for", "completed", "--timeout", "60s")
}

// verify holds the whole mirror against the cluster.
func (d *daemon) verify() {
	d.t.Helper()
	d.command(2*time.Minute, append([]string{"verify"}, d.args...)...)
}

func (d *daemon) command(limit time.Duration, args ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	if out, err := exec.CommandContext(ctx, d.path, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("sidemirror %s: %v\n%s", args[0], err, out)
	}
}

func (d *daemon) status() *syncer.Status {
	d.t.Helper()
	s, err := d.fetchStatus()
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *daemon) fetchStatus() (*syncer.Status, error) {
	resp, err := http.Get(d.server + "/api/v1/sync/status")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var s syncer.Status
	return &s, json.NewDecoder(resp.Body).Decode(&s)
}

// waitFor polls the status until it is as it should be; a daemon that doesn't
// listen yet isn't.
func (d *daemon) waitFor(what string, ok func(*syncer.Status) bool) {
	d.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for time.Now().Before(deadline) {
		if s, err := d.fetchStatus(); err == nil && ok(s) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := json.MarshalIndent(d.status(), "", " ")
	d.t.Fatalf("not seen in 90 s: %s; the status is\n%s", what, text)
}

// resource returns the entry of one resource.
func resource(s *syncer.Status, name string) syncer.ResourceStatus {
	for _, r := range s.ResourceStatus {
		if r.Name == name {
			return r
		}
	}
	return syncer.ResourceStatus{}
}

func TestMirrorIsWholeAfterSyncChurnAndRestart(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "2000", "--mixed", "500")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	d.verify()

	c.Churn("--rate", "0", "--count", "3000")
	d.verify()

	d.stop()
	c.Churn("--rate", "0", "--count", "500", "--seed", "7")
	lists := c.RequestCount(t.Context(), "LIST", "pods")
	d.start()
	d.waitCompleted()
	if got := c.RequestCount(t.Context(), "LIST", "pods") - lists; got != 0 {
		t.Errorf("the restart listed pods %v times, want none: its checkpoint is recent", got)
	}
	d.verify()
	d.stop()
}

func TestMirrorIsWholeAfterKillsAtRandomMoments(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "2000", "--mixed", "200")
	d := newDaemon(t, c)
	for i := range 20 {
		d.start()
		if i%2 == 0 {
			c.Churn("--rate", "0", "--count", "60", "--seed", fmt.Sprint(i+1))
		}
		time.Sleep(time.Duration(i*53%700) * time.Millisecond)
		d.kill()
	}
	d.start()
	d.waitCompleted()
	d.verify()
	d.stop()
}

func TestMirrorIsWholeAfterItsVersionExpiredWhileDown(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "500", "--mixed", "100")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	d.stop()
	c.Churn("--rate", "0", "--count", "300")
	c.Compact()
	c.Restart()
	d.start()
	d.waitCompleted()
	d.verify()
	d.stop()
}

func TestMirrorIsWholeAfterTheAPIServerWasAway(t *testing.T) {
	c := kubetest.Start(t)
	c.Fill("--pods", "500")
	d := newDaemon(t, c)
	d.start()
	d.waitCompleted()
	c.Kill()
	d.waitFor("a broken watch", func(s *syncer.Status) bool {
		return resource(s, "pods").Watch.State == syncer.WatchBroken
	})
	if s := d.status(); s.Status != syncer.Completed {
		t.Errorf("status %s while the API server is away, want completed: the mirror is still there", s.Status)
	}
	c.Restart()
	c.Churn("--rate", "0", "--count", "300")
	d.waitFor("every watch connected", func(s *syncer.Status) bool {
		for _, r := range s.ResourceStatus {
			if r.Watch.State != syncer.WatchConnected {
				return false
			}
		}
		return true
	})
	d.verify()
	d.stop()
}
