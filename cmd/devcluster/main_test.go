package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// processEnv makes the test binary run as devcluster: kube-apiserver's globals
// allow one in a process, and a restart needs two.
const processEnv = "DEVCLUSTER_TEST_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(processEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// command returns this binary as devcluster, with its stderr in the buffer.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), processEnv+"=1")
	cmd.Stderr = &stderr
	return cmd, &stderr
}

// startCluster returns once the child says that it is ready, and a function that
// ends it as a user would.
func startCluster(t *testing.T, dir string, args ...string) (stop func()) {
	t.Helper()
	cmd, stderr := command(t, append([]string{"run", "--data-dir", dir}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready: https://127.0.0.1:") {
		cmd.Process.Kill()
		t.Fatalf("first line: got %q (%v), want that it is ready\n%s", line, err, stderr)
	}
	return func() {
		t.Helper()
		begun := time.Now()
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("stop: %v\n%s", err, stderr)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("stop took %s, want a few seconds", took)
		}
	}
}

// output runs a command of devcluster to its end.
func output(t *testing.T, args ...string) string {
	t.Helper()
	cmd, stderr := command(t, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return string(out)
}

func clientFor(t *testing.T, kubeconfig string) kubernetes.Interface {
	t.Helper()
	config, _, err := readKubeconfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestDataSurvivesRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane isn't started with -short")
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	stop := startCluster(t, dir)
	output(t, "fill", "--kubeconfig", kubeconfig, "--pods", "120", "--namespaces", "4", "--mixed", "40")
	if got := podCount(t, kubeconfig); got != 120 {
		t.Errorf("Pods after fill: got %d, want 120", got)
	}
	if got := output(t, "compact", "--data-dir", dir); !strings.HasPrefix(got, "compacted: ") {
		t.Errorf("compact printed %q", got)
	}
	second, stderr := command(t, "run", "--data-dir", dir)
	if err := second.Run(); err == nil || !strings.Contains(stderr.String(), "another devcluster") {
		t.Errorf("a second one on the same directory: got %v, %q, want a refusal", err, stderr)
	}
	stop()

	stop = startCluster(t, dir)
	defer stop()
	if got := podCount(t, kubeconfig); got != 120 {
		t.Errorf("Pods after a restart: got %d, want 120", got)
	}
}

func podCount(t *testing.T, kubeconfig string) int {
	t.Helper()
	pods, err := clientFor(t, kubeconfig).CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(pods.Items)
}

func TestShopIsWhatAnAPIServerAccepts(t *testing.T) {
	if testing.Short() {
		t.Skip("a control plane isn't started with -short")
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	defer startCluster(t, dir)()
	output(t, "fill", "--kubeconfig", kubeconfig, "--shop", "--shop-size", "0.1")

	pods := clientFor(t, kubeconfig).CoreV1().Pods("checkout")
	list, err := pods.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("list Pods of the shop: got %d, %v", len(list.Items), err)
	}
	for _, pod := range list.Items {
		if len(pod.ManagedFields) != 2 {
			continue
		}
		// An update validates all of a Pod, and drops managedFields that don't parse.
		patched, err := pods.Patch(t.Context(), pod.Name, types.MergePatchType, []byte(`{"metadata":{"labels":{"patched":"yes"}}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(patched.ManagedFields); got != 3 {
			t.Errorf("managers of %s after a patch: got %d, want 3", pod.Name, got)
		}
	}
	if got := output(t, "churn", "--kubeconfig", kubeconfig, "--rate", "0", "--count", "400"); !strings.Contains(got, " 0 failed") {
		t.Errorf("churn: got %q, want no failure", got)
	}
	countCarts(t, kubeconfig)
}

func countCarts(t *testing.T, kubeconfig string) {
	t.Helper()
	config, _, err := readKubeconfig(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	carts, err := client.Resource(cartResource).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(carts.Items) == 0 {
		t.Errorf("list carts: got %v, want some", err)
	}
}
