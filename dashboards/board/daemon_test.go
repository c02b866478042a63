package board_test

import (
	"bytes"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	_ "modernc.org/sqlite" // registers the driver

	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

const viewer, viewerToken = "viewer", "viewer-token-of-the-test"

// process is one that the test started.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs a process until the test ends, and shows its output if that failed.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), log.String())
		}
	})
	return p
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// daemon is `sidemirror run` as a user who may read some resources only.
type daemon struct {
	t                     *testing.T
	binary, listen, store string
	args, env             []string
	process               *process
	refuses               atomic.Bool // traces, while it is set
}

func newDaemon(t *testing.T, c *kubetest.Cluster) *daemon {
	t.Helper()
	d := &daemon{t: t, binary: filepath.Join(t.TempDir(), "sidemirror"), listen: freeAddress(t)}
	d.store = filepath.Join(t.TempDir(), "mirror.db")
	build := exec.Command("go", "build", "-o", d.binary, "./cmd/sidemirror")
	build.Dir, build.Env = root, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sidemirror: %v\n%s", err, out)
	}
	d.args = []string{
		"run", "--listen", d.listen, "--cluster", "test", "--store", "sqlite:" + d.store,
		"--kubeconfig", viewersKubeconfig(t, c), "--resources", "pods,configmaps,deployments.apps,services",
	}
	d.env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+traceSink(t, &d.refuses), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
	return d
}

// traceSink takes traces and forgets them: exemplars need spans that are sampled.
func traceSink(t *testing.T, refuses *atomic.Bool) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if refuses.Load() {
			http.Error(w, "no", http.StatusBadRequest) // isn't tried again
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (d *daemon) start() {
	d.t.Helper()
	cmd := exec.Command(d.binary, d.args...)
	cmd.Env = d.env
	d.process = start(d.t, cmd)
}

func (d *daemon) url(path string) string { return "http://" + d.listen + path }

// control posts a command of the API.
func (d *daemon) control(command string) {
	d.t.Helper()
	resp, err := http.Post(d.url("/api/v1/sync/"+command), "application/json", strings.NewReader(`{"reason":"test"}`))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		body, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("%s: %s: %s", command, resp.Status, body)
	}
}

// visit asks for a path, whatever the answer, and if there is one.
func (d *daemon) visit(path string) {
	resp, err := http.Get(d.url(path))
	if err != nil {
		return // not listening yet
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

// holdStore takes the right to write to the store, until it is released.
func (d *daemon) holdStore() (release func()) {
	d.t.Helper()
	db, err := sql.Open("sqlite", d.store)
	if err != nil {
		d.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"} {
		if _, err := db.ExecContext(d.t.Context(), statement); err != nil {
			d.t.Fatal(err)
		}
	}
	return func() {
		if err := db.Close(); err != nil {
			d.t.Fatal(err)
		}
	}
}

// follow opens a stream, and returns what closes it.
func (d *daemon) follow() (closed func()) {
	d.t.Helper()
	resp, err := http.Get(d.url("/api/v1/sync/events"))
	if err != nil {
		d.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, resp.Body) })
	return func() {
		resp.Body.Close()
		reading.Wait()
	}
}

// viewersKubeconfig is that of somebody who may not read Services.
func viewersKubeconfig(t *testing.T, c *kubetest.Cluster) string {
	t.Helper()
	meta := metav1.ObjectMeta{Name: viewer}
	rbac := c.Client().RbacV1()
	_, err := rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps"}, Resources: []string{"pods", "configmaps", "deployments"}, Verbs: []string{"get", "list", "watch"},
	}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: viewer},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: viewer}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := c.ConfigFor(viewerToken)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: viewerToken}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
