package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// fillOptions are the flags of `fill`, as given.
type fillOptions struct {
	kubeconfig string
	pods       int
	podBytes   int
	namespaces int
	mixed      int
	seed       uint64
	shop       bool
	shopSize   float64
}

func newFillCommand() *cobra.Command {
	var o fillOptions
	cmd := &cobra.Command{
		Use:   "fill --kubeconfig FILE (--pods N | --mixed N | --shop)",
		Short: "Fill the running devcluster with realistic objects",
		Long: `Fill the running devcluster with realistic objects.

Most are written straight into etcd, as the API server would have stored them,
and list and watch like any other. The same seed makes the same objects, so
filling twice writes them a second time.`,
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
	f.IntVar(&o.pods, "pods", 0, "number of Pods")
	f.IntVar(&o.podBytes, "pod-bytes", 8192, "about how large a Pod is as JSON, at least 3000")
	f.IntVar(&o.namespaces, "namespaces", 20, "number of namespaces for Pods and mixed objects")
	f.IntVar(&o.mixed, "mixed", 0, "number of objects of nine other kinds")
	f.Uint64Var(&o.seed, "seed", 1, "what all that looks random follows from")
	f.BoolVar(&o.shop, "shop", false, "make a web shop: a dozen namespaces, their workloads, and carts as custom resources")
	f.Float64Var(&o.shopSize, "shop-size", 1, "factor for the shop's size")
	return cmd
}

func (o *fillOptions) validate() error {
	var errs []error
	if o.pods < 0 || o.mixed < 0 {
		errs = append(errs, errors.New("--pods and --mixed: must not be negative"))
	}
	if o.pods == 0 && o.mixed == 0 && !o.shop {
		errs = append(errs, errors.New("nothing to fill: give --pods, --mixed or --shop"))
	}
	if o.podBytes < 3000 || o.podBytes > 1<<20 {
		errs = append(errs, fmt.Errorf("--pod-bytes %d: must be 3000 to %d", o.podBytes, 1<<20))
	}
	if o.namespaces < 1 {
		errs = append(errs, fmt.Errorf("--namespaces %d: must be at least 1", o.namespaces))
	}
	if o.shopSize <= 0 || o.shopSize > 1000 {
		errs = append(errs, fmt.Errorf("--shop-size %v: must be above 0, at most 1000", o.shopSize))
	}
	return errors.Join(errs...)
}

func (o *fillOptions) run(ctx context.Context, out io.Writer) error {
	config, ext, err := readKubeconfig(o.kubeconfig)
	if err != nil {
		return err
	}
	client, err := dialEtcd(ext.Etcd)
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := newFiller(config, storage{client})
	if err != nil {
		return err
	}
	if o.pods > 0 || o.mixed > 0 {
		if err := f.load(ctx, *o); err != nil {
			return err
		}
	}
	if o.shop {
		if err := f.shop(ctx, o.seed, o.shopSize); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(out, f.report())
	return err
}

// filler writes generated objects, and counts them by kind.
type filler struct {
	config  *rest.Config
	client  kubernetes.Interface
	storage storage
	started time.Time
	counts  map[string]int // of one goroutine
}

func newFiller(config *rest.Config, s storage) (*filler, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &filler{config: config, client: client, storage: s, started: time.Now(), counts: map[string]int{}}, nil
}

// report says what was written and how long that took.
func (f *filler) report() string {
	var parts []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(f.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, f.counts[kind]))
		total += f.counts[kind]
	}
	return fmt.Sprintf("filled: %d objects in %.1fs: %s", total, time.Since(f.started).Seconds(), strings.Join(parts, ", "))
}

// ensureNamespaces creates those that are missing.
func (f *filler) ensureNamespaces(ctx context.Context, names []string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, name := range names {
		group.Go(func() error {
			_, err := f.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"filled-by": "devcluster"}},
			}, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("create namespace %s: %w", name, err)
			}
			return nil
		})
	}
	f.counts["Namespace"] += len(names)
	return group.Wait()
}
