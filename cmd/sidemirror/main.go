// Command sidemirror mirrors a Kubernetes cluster into a database and shows how
// far that mirror can be trusted.
//
// To read: root.go for the commands and exit codes, settings.go and options.go
// for where a setting's value comes from, run.go and wiring.go for how the parts
// are put together; client.go and poll.go for how a running Sidemirror is asked,
// controlcmd.go for how it is controlled; bars.go, screen.go, progress.go and
// table.go for what a terminal shows.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	tuneMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sidemirror:", err)
		os.Exit(exitCode(err))
	}
}

// run is main without the process: the environment aside, everything that it
// needs comes in as arguments. No error text holds a credential.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return withoutCredentials(root.ExecuteContext(ctx))
}
