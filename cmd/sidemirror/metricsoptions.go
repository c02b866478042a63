package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/tracing"
)

// pushTimeout is how long the last export may take when everything has ended.
const pushTimeout = time.Second

// metricsOptions are the flags that say where metrics are scraped. Whether they are
// pushed as well is for the standard OTEL_* variables to say.
type metricsOptions struct{ listen string }

func (o *metricsOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.listen, "metrics-listen", "",
		"`ADDRESS` of a listener for /metrics alone, without TLS and authentication; --listen doesn't answer it then")
	complete(cmd, "metrics-listen", cobra.NoFileCompletions)
}

func (o *metricsOptions) validate(listen string) error {
	if o.listen == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(o.listen); err != nil || port == "" {
		return fmt.Errorf("--metrics-listen: %q isn't HOST:PORT", o.listen)
	} else if o.listen == listen && port != "0" {
		return errors.New("--metrics-listen: that is the address of --listen, which answers /metrics without this flag; want another")
	}
	return nil
}

// listenBeside takes the address for metrics, if they have one of their own. Metrics
// are public, so that any address will do.
func (o *metricsOptions) listenBeside(ctx context.Context, main *lateServer, log hclog.Logger) error {
	if o.listen == "" {
		return nil
	}
	s := newLateServer(o.listen, log)
	if err := s.Listen(ctx); err != nil {
		return errors.Join(fmt.Errorf("--metrics-listen: %w", err), main.Close())
	}
	main.metrics = s
	return nil
}

// scraped returns what the main listener answers scrapes with: nil if the one of
// the metrics does.
func (s *lateServer) scraped(h http.Handler) http.Handler {
	if s.metrics == nil {
		return h
	}
	s.metrics.use(api.NewMetricsHandler(h))
	return nil
}

// runMetrics serves the metrics' own listener, if there is one, until ctx ends.
func (s *lateServer) runMetrics(ctx context.Context) error {
	if s.metrics == nil {
		<-ctx.Done()
		return nil
	}
	return s.metrics.Run(ctx)
}

// startPush begins to push metrics where the OTEL_* variables say, if they do, and
// returns what pushes what is left and ends it.
func startPush(ctx context.Context, registry *prometheus.Registry, cluster string, log hclog.Logger) (func(), error) {
	push, err := exporter.NewPush(ctx, exporter.PushOptions{
		Gatherer: registry, Log: log, Redact: func(err error) string { return withoutCredentials(err).Error() },
	})
	if err != nil || push == nil {
		return func() {}, err
	}
	push.Resource, err = tracing.Resource(ctx, tracing.Options{
		ServiceName: "sidemirror", Version: version().Version, Instance: instance(), Cluster: cluster,
	})
	if err != nil {
		return nil, err
	}
	stop := push.Start()
	return func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTimeout)
		defer cancel()
		stop(within)
	}, nil
}
