package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/client-go/rest"
)

const (
	// startTimeout bounds the wait for readiness; a machine that is busy with
	// a build needs more than the usual few seconds.
	startTimeout = 3 * time.Minute
	// stopTimeout bounds the wait for requests in flight at the end.
	stopTimeout = 4 * time.Second
)

// Settings say how a ControlPlane runs. They are checked by whoever made them.
type Settings struct {
	DataDir       string // created when missing
	Kubeconfig    string
	Port          int // 0 takes a free one
	Users         []user
	APIServerArgs []string // later ones win
	Verbosity     int
	LogFile       string // "" is log in DataDir, "-" is stderr
}

// Endpoint is where a ready control plane is reached.
type Endpoint struct{ URL, Kubeconfig string }

// ControlPlane is etcd and kube-apiserver on one data directory.
type ControlPlane struct{ settings Settings }

// NewControlPlane returns a control plane that isn't running.
func NewControlPlane(s Settings) *ControlPlane { return &ControlPlane{settings: s} }

// Run runs until ctx ends, which is not an error, or until a part fails. It
// calls ready once, after the API server answered /readyz, the default
// namespace exists and the kubeconfig is written.
func (c *ControlPlane) Run(ctx context.Context, ready func(Endpoint)) error {
	if err := os.MkdirAll(c.settings.DataDir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := fileutil.TryLockFile(filepath.Join(c.settings.DataDir, "lock"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the data directory %s, is another devcluster using it? %w", c.settings.DataDir, err)
	}
	defer lock.Close()
	logPath, log, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	if err := sendLogsTo(log, c.settings.Verbosity); err != nil {
		return err
	}
	etcd, err := startEtcd(ctx, c.settings.DataDir, logPath)
	if err != nil {
		return ignoreCanceled(ctx, err)
	}
	defer stopEtcd(etcd)
	return ignoreCanceled(ctx, c.runAPIServer(ctx, etcd, ready))
}

func (c *ControlPlane) openLog() (string, io.WriteCloser, error) {
	path := c.settings.LogFile
	if path == "" {
		path = filepath.Join(c.settings.DataDir, "log")
	}
	return openLog(path)
}

// runAPIServer runs the API server over etcd, and watches over both.
func (c *ControlPlane) runAPIServer(ctx context.Context, etcd *embed.Etcd, ready func(Endpoint)) error {
	id, err := loadIdentity(c.settings.DataDir, c.settings.Users)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.settings.Port)))
	if err != nil {
		return fmt.Errorf("listen for the API server: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	args := append(apiserverArgs(etcdURL(etcd), id), c.settings.APIServerArgs...)
	server, err := newAPIServer(ctx, listener.(*net.TCPListener), args)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	if err := c.announce(ctx, "https://"+listener.Addr().String(), etcdURL(etcd), id, done, ready); err != nil {
		return err
	}
	select {
	case err := <-done:
		return errors.Join(errors.New("kube-apiserver ended by itself"), err)
	case err := <-etcd.Err():
		return fmt.Errorf("run etcd: %w", err)
	case <-ctx.Done():
		return waitAtMost(done, stopTimeout)
	}
}

// announce waits until the server is ready, writes how to reach it, and says so.
func (c *ControlPlane) announce(ctx context.Context, url, etcd string, id identity, done <-chan error, ready func(Endpoint)) error {
	client, err := rest.HTTPClientFor(&rest.Config{
		BearerToken:     id.adminToken,
		TLSClientConfig: rest.TLSClientConfig{CAData: id.caBundle},
		Timeout:         10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/readyz", "/api/v1/namespaces/default"} {
		if err := waitOK(ctx, client, url+path, done); err != nil {
			return err
		}
	}
	if err := writeAtomic(filepath.Join(c.settings.DataDir, etcdURLFile), []byte(etcd+"\n")); err != nil {
		return err
	}
	if err := writeKubeconfig(c.settings.Kubeconfig, url, etcd, id); err != nil {
		return err
	}
	ready(Endpoint{URL: url, Kubeconfig: c.settings.Kubeconfig})
	return nil
}

// waitOK asks until the answer is 200, or until the server has ended.
func waitOK(ctx context.Context, client *http.Client, url string, done <-chan error) error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if answersOK(ctx, client, url) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-done:
			return errors.Join(errors.New("kube-apiserver ended while starting"), err)
		case <-deadline:
			return fmt.Errorf("wait for %s: not ready after %s", url, startTimeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func answersOK(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err == nil && resp.StatusCode == http.StatusOK
}

// waitAtMost returns what done yields, or nil once d is over: the process ends
// then, and takes what still hangs with it.
func waitAtMost(done <-chan error, d time.Duration) error {
	select {
	case err := <-done:
		return err
	case <-time.After(d):
		return nil
	}
}

// ignoreCanceled drops the errors that a requested stop brings with it.
func ignoreCanceled(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}
