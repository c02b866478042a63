package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const runHelp = `Mirrors the cluster until SIGTERM or SIGINT, then writes what it has accepted and
exits with 0 within five seconds.

On a terminal, stderr shows a bar for each resource while a run is in progress,
unless --log-level is above info or --log-format is json. NO_COLOR takes the
colours away.

Exit codes: 0 stopped by a signal; 1 an error; 2 usage.`

const runExample = `  sidemirror run
  sidemirror run --resources pods,deployments.apps --namespaces shop
  SIDEMIRROR_STORE=mongodb://user:password@db/sidemirror sidemirror run --context prod
  sidemirror run --config sidemirror.yaml --print-config`

// stopTimeout is how long everything may take to end, within the five seconds
// that the help promises.
const stopTimeout = 4500 * time.Millisecond

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Mirror the cluster until SIGTERM or SIGINT",
		Long:    runHelp,
		Example: runExample,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.printConfig {
				return printConfig(cmd)
			}
			return o.run(cmd)
		},
	}
	o.addFlags(cmd)
	return cmd
}

// run checks everything that can be checked without the cluster and the store,
// and then serves.
func (o *runOptions) run(cmd *cobra.Command) error {
	if err := o.validate(); err != nil {
		return err
	}
	c, err := o.connect()
	if err != nil {
		return err
	}
	out := o.output(cmd.ErrOrStderr())
	server, err := o.auth.listen(cmd.Context(), o.listen, c.kube.config, out.log.Named("api"))
	if err != nil {
		return err
	}
	if err := o.metrics.listenBeside(cmd.Context(), server, out.log.Named("metrics")); err != nil {
		return err
	}
	for _, name := range unknownVariables(cmd.Root(), os.Environ()) {
		out.log.Warn("unknown environment variable", "name", name)
	}
	return withinStopTimeout(cmd.Context(), out.log, func(ctx context.Context) error {
		return o.serve(ctx, c, server, out)
	})
}

// connection is what connectOptions come to: checked, read and resolved.
type connection struct {
	connectOptions
	kube      kubeTarget
	Store     storeLocation
	Selectors map[string]string
	Key       []byte
}

// connect reads the files that the flags name. It dials nobody.
func (o *connectOptions) connect() (*connection, error) {
	c := &connection{connectOptions: *o}
	var err error
	if c.Store, err = parseStore(o.store); err != nil {
		return nil, err
	}
	if c.Selectors, err = parseSelectors(o.selectors); err != nil {
		return nil, err
	}
	if c.Key, err = o.secretsKey(); err != nil {
		return nil, err
	}
	if c.kube, err = resolveKube(o.kubeconfig, o.context); err != nil {
		return nil, err
	}
	if o.cluster != "" {
		c.kube.cluster = o.cluster
	}
	return c, nil
}

// output is where a run's log and progress go.
type output struct {
	log     hclog.Logger
	display display
}

// output joins log and bars on a terminal, so that neither tears the other.
// Progress is information: it shows at the levels that info shows at.
func (o *runOptions) output(stderr io.Writer) output {
	t := terminalOf(stderr)
	informs := o.logLevel.value == "info" || o.logLevel.value == "debug" || o.logLevel.value == "trace"
	if !t.live || !informs || o.logFormat.value == "json" {
		log := newLogger(o.logLevel.value, o.logFormat.value, stderr)
		return output{log: log, display: &plain{tell: logProgress(log)}}
	}
	shared := &screen{out: stderr}
	return output{
		log:     newLogger(o.logLevel.value, o.logFormat.value, shared),
		display: &bars{screen: shared, terminal: t},
	}
}

// withinStopTimeout runs work, and once ctx has ended no longer than
// stopTimeout more. What work leaves undone then is no error: checkpoints are
// written behind the data, and the next run takes up from them.
func withinStopTimeout(ctx context.Context, log hclog.Logger, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Warn("stopped with an error", "error", withoutCredentials(err))
		}
	case <-timer.C:
		log.Warn("stopped before everything was written", "timeout", stopTimeout)
	}
	return nil
}

// closeStore gives the store a moment to say goodbye.
func closeStore(store syncer.Store) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return store.Close(ctx)
}
