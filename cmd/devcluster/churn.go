package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
	"k8s.io/client-go/dynamic"
)

// churnOptions are the flags of `churn`, as given.
type churnOptions struct {
	kubeconfig string
	rate       float64
	duration   time.Duration
	count      int64
	seed       uint64
	workers    int
}

func newChurnCommand() *cobra.Command {
	var o churnOptions
	cmd := &cobra.Command{
		Use:   "churn --kubeconfig FILE",
		Short: "Change Pods, ConfigMaps, Deployments and carts of the running devcluster",
		Long: `Change Pods, ConfigMaps, Deployments and carts of the running devcluster.

Objects get other labels, data and status, are scaled, created, deleted, and
deleted and created again under the same name. It goes on until --count or
--duration is reached or a signal comes, and then prints what it did. Errors are
counted and don't end it, so that it survives a restart of the API server.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig that devcluster run wrote")
	f.Float64Var(&o.rate, "rate", 5, "operations a second (0 as many as possible)")
	f.DurationVar(&o.duration, "duration", 0, "when to stop (0 never)")
	f.Int64Var(&o.count, "count", 0, "after how many operations to stop (0 never)")
	f.Uint64Var(&o.seed, "seed", 1, "what the choice of objects and operations follows from")
	f.IntVar(&o.workers, "workers", 8, "operations at a time; each worker has objects of its own")
	return cmd
}

func (o *churnOptions) validate() error {
	var errs []error
	if o.rate < 0 {
		errs = append(errs, fmt.Errorf("--rate %v: must not be negative", o.rate))
	}
	if o.duration < 0 {
		errs = append(errs, fmt.Errorf("--duration %s: must not be negative", o.duration))
	}
	if o.count < 0 {
		errs = append(errs, fmt.Errorf("--count %d: must not be negative", o.count))
	}
	if o.workers < 1 || o.workers > 256 {
		errs = append(errs, fmt.Errorf("--workers %d: must be 1 to 256", o.workers))
	}
	return errors.Join(errs...)
}

func (o *churnOptions) run(ctx context.Context, out io.Writer) error {
	config, _, err := readKubeconfig(o.kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	workers, err := newChurnWorkers(ctx, config, client, o.seed, o.workers)
	if err != nil {
		return err
	}
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	started := time.Now()
	done := o.runWorkers(ctx, workers)
	fmt.Fprintf(out, "churn: %d operations in %.1fs: %s\n", done.operations(), time.Since(started).Seconds(), done)
	if done.operations() == 0 && done.failed > 0 {
		return fmt.Errorf("churn: nothing worked: %w", done.lastError)
	}
	return nil
}

// runWorkers returns what all workers did together, once the last has ended.
func (o *churnOptions) runWorkers(ctx context.Context, workers []*churnWorker) tally {
	limit := rate.NewLimiter(rate.Inf, 1)
	if o.rate > 0 {
		limit = rate.NewLimiter(rate.Limit(o.rate), 1)
	}
	var taken atomic.Int64
	more := func() bool {
		return limit.Wait(ctx) == nil && (o.count == 0 || taken.Add(1) <= o.count)
	}
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() {
			for more() {
				w.step(ctx)
			}
		})
	}
	group.Wait()
	var sum tally
	for _, w := range workers {
		sum.add(w.tally)
	}
	return sum
}

// tally counts operations. A recreation is one operation, not two.
type tally struct {
	created, updated, deleted, recreated, failed int
	lastError                                    error
}

func (t *tally) add(o tally) {
	t.created += o.created
	t.updated += o.updated
	t.deleted += o.deleted
	t.recreated += o.recreated
	t.failed += o.failed
	if o.lastError != nil {
		t.lastError = o.lastError
	}
}

func (t tally) operations() int { return t.created + t.updated + t.deleted + t.recreated }

func (t tally) String() string {
	text := fmt.Sprintf("%d created, %d updated, %d deleted, %d recreated, %d failed",
		t.created, t.updated, t.deleted, t.recreated, t.failed)
	if t.lastError != nil {
		text += fmt.Sprintf(" (last: %v)", t.lastError)
	}
	return text
}
