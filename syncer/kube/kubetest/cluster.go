package kubetest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Cluster is a control plane that belongs to one test, which it fails when
// something about it goes wrong. Methods that start or stop it are for the
// test's own goroutine; the others are for any.
type Cluster struct {
	// Kubeconfig is the path of the administrator's kubeconfig. It stays valid
	// across Restart.
	Kubeconfig string

	t       testing.TB
	binary  string
	config  config
	port    string   // "0" until the first start
	process *process // nil while stopped
}

// Start builds devcluster if need be, starts one and waits until it is ready.
// It is stopped when the test ends.
func Start(t testing.TB, options ...Option) *Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("a control plane isn't started with -short")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{t: t, binary: path, port: "0"}
	for _, option := range options {
		option(&c.config)
	}
	if c.config.dir == "" {
		c.config.dir = filepath.Join(t.TempDir(), "cluster")
	}
	c.Kubeconfig = filepath.Join(c.config.dir, "kubeconfig")
	t.Cleanup(func() {
		if c.process != nil {
			c.Stop()
		}
	})
	c.start()
	return c
}

// Restart stops the cluster, unless Stop or Kill did, and starts it again on
// the same port with the same data, so that clients reconnect. Options add to
// those that it was started with.
func (c *Cluster) Restart(options ...Option) {
	c.t.Helper()
	if c.process != nil {
		c.Stop()
	}
	dir := c.config.dir
	for _, option := range options {
		option(&c.config)
	}
	c.config.dir = dir
	c.start()
}

// Stop ends the cluster as SIGTERM does; its data stays for Restart. A cluster
// that died before fails the test.
func (c *Cluster) Stop() {
	c.t.Helper()
	if c.process == nil {
		return
	}
	err := c.process.stop()
	c.process = nil
	if err != nil {
		c.t.Fatal(err)
	}
}

// Kill ends the cluster as a crash does: connections break, nothing is flushed.
// What the API server acknowledged is there again after Restart.
func (c *Cluster) Kill() {
	c.t.Helper()
	if c.process == nil {
		return
	}
	c.process.kill()
	c.process = nil
}

// Config returns an administrator's client configuration without rate limits.
// Each call returns its own copy.
func (c *Cluster) Config() *rest.Config {
	c.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		c.t.Fatal(fmt.Errorf("read kubeconfig: %w", err))
	}
	config.QPS = -1
	return config
}

// ConfigFor returns the configuration of the user with this token, or of an
// anonymous one if it is empty.
func (c *Cluster) ConfigFor(token string) *rest.Config {
	c.t.Helper()
	config := rest.AnonymousClientConfig(c.Config())
	config.BearerToken = token
	return config
}

// Client returns an administrator's client without rate limits.
func (c *Cluster) Client() kubernetes.Interface {
	c.t.Helper()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		c.t.Fatal(fmt.Errorf("make a client: %w", err))
	}
	return client
}

// Compact compacts etcd to its current revision. The API server goes on
// answering older versions from its watch cache: a 410 takes, besides,
// WithAPIServerArgs("watch-cache-sizes=pods#0") or a Restart.
func (c *Cluster) Compact() {
	c.t.Helper()
	c.command("compact")
}

// Fill runs `devcluster fill` with these arguments, and returns what it printed.
func (c *Cluster) Fill(args ...string) string {
	c.t.Helper()
	return c.command("fill", args...)
}

// Churn runs `devcluster churn` with these arguments until it is done, so they
// include --count or --duration. It returns what it printed.
func (c *Cluster) Churn(args ...string) string {
	c.t.Helper()
	return c.command("churn", args...)
}

func (c *Cluster) command(name string, args ...string) string {
	c.t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(c.t.Context(), c.binary, append([]string{name, "--kubeconfig", c.Kubeconfig}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		c.t.Errorf("devcluster %s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// start starts the process with the collected options, and keeps its port.
func (c *Cluster) start() {
	c.t.Helper()
	args, err := c.runArgs()
	if err != nil {
		c.t.Fatal(err)
	}
	c.process, err = startProcess(c.binary, args)
	if err != nil {
		c.t.Fatal(err)
	}
	server, err := url.Parse(c.Config().Host)
	if err != nil {
		c.t.Fatal(fmt.Errorf("read the address of the API server: %w", err))
	}
	c.port = server.Port()
}

func (c *Cluster) runArgs() ([]string, error) {
	users := filepath.Join(c.config.dir, "users.csv")
	err := os.MkdirAll(c.config.dir, 0o700)
	if err = errors.Join(err, writeUsers(users, c.config.users)); err != nil {
		return nil, fmt.Errorf("prepare the data directory: %w", err)
	}
	args := []string{
		"run", "--exit-with-stdin",
		"--data-dir", c.config.dir,
		"--kubeconfig", c.Kubeconfig,
		"--port", c.port,
		"--token-auth-file", users,
		"--",
	}
	return append(args, c.config.apiserverArgs...), nil
}

// writeUsers writes a token file as kube-apiserver reads it.
func writeUsers(path string, users []user) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	for _, u := range users {
		w.Write([]string{u.token, u.name, u.name, strings.Join(u.groups, ",")})
	}
	w.Flush()
	return os.WriteFile(path, []byte(b.String()), 0o600)
}
