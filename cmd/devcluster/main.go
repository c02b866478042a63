// Command devcluster is a Kubernetes control plane in one process, for tests
// and for trying Sidemirror out: etcd and kube-apiserver, no kubelet, no
// controllers, no scheduler. What is in it changes only when somebody writes
// to it, which is what a test of a mirror wants.
//
// It is a Go module of its own because kube-apiserver brings some 150 modules
// that the product doesn't need. Build it in this folder; the linker flags give
// the API server the version that kubectl expects to parse, and nothing else
// depends on them:
//
//	go build -o ../../bin/devcluster -ldflags "\
//	  -X k8s.io/component-base/version.gitVersion=v1.37.2 \
//	  -X k8s.io/component-base/version.gitMajor=1 \
//	  -X k8s.io/component-base/version.gitMinor=37" .
//
// To read: controlplane.go for how it starts and stops, then etcd.go,
// apiserver.go, identity.go and kubeconfig.go; fill.go for how objects get in
// (workload.go, pods.go, kinds.go and shop.go say what they look like); churn.go
// for how they change afterwards.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

// run is main without the process: everything it needs comes in as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// newRootCommand returns the command tree. The bare command does what `run`
// does, so both carry the same flags.
func newRootCommand() *cobra.Command {
	root := newRunCommand()
	root.Use = "devcluster [flags] [-- kube-apiserver flags]"
	root.Short = "A Kubernetes control plane in one process, for tests"
	root.SilenceUsage = true
	root.SilenceErrors = true
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		newRunCommand(),
		newFillCommand(),
		newChurnCommand(),
		newCompactCommand(),
		newVersionCommand(),
	)
	return root
}
