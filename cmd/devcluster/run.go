package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// runOptions are the flags of `run`, as given.
type runOptions struct {
	dataDir            string
	kubeconfig         string
	port               int
	tokens             []string
	tokenAuthFile      string
	compactionInterval time.Duration
	watchCacheSizes    []string
	minRequestTimeout  int
	apiserverArgs      []string
	verbosity          int
	logFile            string
	exitWithStdin      bool
}

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [flags] [-- kube-apiserver flags]",
		Short: "Run the control plane until SIGTERM or SIGINT",
		Args:  onlyAfterDash,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *runOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.dataDir, "data-dir", "", "directory of etcd, certificates and logs, kept across restarts (default a temporary one, removed at exit)")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "where to write the administrator's kubeconfig once the server is ready (default kubeconfig in the data directory)")
	f.IntVar(&o.port, "port", 0, "port of the API server on 127.0.0.1 (0 takes a free one)")
	f.StringArrayVar(&o.tokens, "token", nil, "another user, NAME:TOKEN[:GROUP,...]; repeatable; a name with colons needs --token-auth-file")
	f.StringVar(&o.tokenAuthFile, "token-auth-file", "", "more users, as kube-apiserver reads them: token,name,uid,\"group,...\"")
	f.DurationVar(&o.compactionInterval, "etcd-compaction-interval", 5*time.Minute, "how often the API server compacts etcd (0 never)")
	f.StringArrayVar(&o.watchCacheSizes, "watch-cache-sizes", nil, "RESOURCE#SIZE, as kube-apiserver takes it; pods#0 turns the cache of Pods off; repeatable")
	f.IntVar(&o.minRequestTimeout, "min-request-timeout", 1800, "lower bound in seconds of a watch's random lifetime when the client names none")
	f.StringArrayVar(&o.apiserverArgs, "apiserver-arg", nil, "a kube-apiserver flag, KEY=VALUE; repeatable; the same as after --")
	f.IntVarP(&o.verbosity, "log-level", "v", 0, "verbosity of kube-apiserver's log, 0 to 10")
	f.StringVar(&o.logFile, "log-file", "", "where logs go, - for stderr (default log in the data directory)")
	f.BoolVar(&o.exitWithStdin, "exit-with-stdin", false, "stop when stdin is closed: a parent that dies takes the cluster with it")
}

// onlyAfterDash refuses arguments before `--`: there they are a mistyped
// command, behind it they are the API server's.
func onlyAfterDash(cmd *cobra.Command, args []string) error {
	if before := cmd.ArgsLenAtDash(); len(args) > 0 && before != 0 {
		return fmt.Errorf("unknown command or argument %q (kube-apiserver flags go after --)", args[0])
	}
	return nil
}

// run validates, runs the control plane and cleans up after it.
func (o *runOptions) run(cmd *cobra.Command, passThrough []string) error {
	settings, err := o.settings(passThrough)
	if err != nil {
		return err
	}
	if o.dataDir == "" {
		dir, err := os.MkdirTemp("", "devcluster-")
		if err != nil {
			return fmt.Errorf("make a data directory: %w", err)
		}
		defer os.RemoveAll(dir)
		settings.DataDir = dir
	}
	if settings.Kubeconfig == "" {
		settings.Kubeconfig = filepath.Join(settings.DataDir, "kubeconfig")
	}
	ctx := cmd.Context()
	if o.exitWithStdin {
		ctx = untilEOF(ctx, cmd.InOrStdin())
	}
	return NewControlPlane(settings).Run(ctx, func(e Endpoint) {
		fmt.Fprintf(cmd.OutOrStdout(), "ready: %s  kubeconfig: %s\n", e.URL, e.Kubeconfig)
	})
}

// untilEOF returns a context that ends with ctx or with the input. The read
// can't be interrupted, so its goroutine lives as long as the process.
func untilEOF(ctx context.Context, input io.Reader) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, input) // an error ends the input, too
	}()
	return ctx
}

// settings checks the flags and turns them into what ControlPlane takes.
func (o *runOptions) settings(passThrough []string) (Settings, error) {
	users, userErr := parseUsers(o.tokens, o.tokenAuthFile)
	extra, argErr := apiserverFlags(o.apiserverArgs)
	if err := errors.Join(o.validate(), userErr, argErr); err != nil {
		return Settings{}, err
	}
	for _, size := range o.watchCacheSizes {
		extra = append(extra, "--watch-cache-sizes="+size)
	}
	extra = append(extra,
		fmt.Sprintf("--etcd-compaction-interval=%s", o.compactionInterval),
		fmt.Sprintf("--min-request-timeout=%d", o.minRequestTimeout))
	return Settings{
		DataDir:       o.dataDir,
		Kubeconfig:    o.kubeconfig,
		Port:          o.port,
		Users:         users,
		APIServerArgs: append(extra, passThrough...),
		Verbosity:     o.verbosity,
		LogFile:       o.logFile,
	}, nil
}

func (o *runOptions) validate() error {
	var errs []error
	if o.port < 0 || o.port > 65535 {
		errs = append(errs, fmt.Errorf("--port %d: must be 0 to 65535", o.port))
	}
	if o.compactionInterval < 0 {
		errs = append(errs, fmt.Errorf("--etcd-compaction-interval %s: must not be negative", o.compactionInterval))
	}
	if o.minRequestTimeout < 0 {
		errs = append(errs, fmt.Errorf("--min-request-timeout %d: must not be negative", o.minRequestTimeout))
	}
	if o.verbosity < 0 || o.verbosity > 10 {
		errs = append(errs, fmt.Errorf("--log-level %d: must be 0 to 10", o.verbosity))
	}
	for _, size := range o.watchCacheSizes {
		if !strings.Contains(size, "#") {
			errs = append(errs, fmt.Errorf("--watch-cache-sizes %q: must be RESOURCE#SIZE", size))
		}
	}
	return errors.Join(errs...)
}

// apiserverFlags turns KEY=VALUE pairs into command line flags.
func apiserverFlags(pairs []string) ([]string, error) {
	flags := make([]string, 0, len(pairs))
	for _, pair := range pairs {
		key, _, ok := strings.Cut(strings.TrimLeft(pair, "-"), "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--apiserver-arg %q: must be KEY=VALUE", pair)
		}
		flags = append(flags, "--"+strings.TrimLeft(pair, "-"))
	}
	return flags, nil
}
