package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/exporter"
	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
	"github.com/sidemirror/sidemirror/syncer/mongo"
	"github.com/sidemirror/sidemirror/syncer/sqlite"
	"github.com/sidemirror/sidemirror/tracing"
)

func defaultResources() []string { return kube.DefaultResources }

// newSource returns the cluster to read; transport may be nil.
func newSource(c *connection, transport func(http.RoundTripper) http.RoundTripper, log hclog.Logger) (syncer.Source, error) {
	source, err := kube.New(kube.Options{
		Config: c.kube.config, Resources: c.resources, Namespaces: c.namespaces, LabelSelectors: c.Selectors,
		SecretsKey: c.Key, PlainSecrets: c.secrets.value == "plain", PageSize: c.pageSize,
		Transport: transport, Log: log.Named("kube"),
	})
	if errors.Is(err, kube.ErrSecretsKey) {
		return nil, fmt.Errorf("%w: --secrets-key-file, or --secrets plain", err)
	}
	if err != nil {
		return nil, err
	}
	return source, nil
}

// newStore returns the store that --store names, with its spans.
func newStore(c *connection, traces trace.TracerProvider, log hclog.Logger) (syncer.Store, error) {
	if c.Store.MongoURI != "" {
		store, err := newMongo(c, tracing.MongoMonitor(traces), log.Named("mongo"))
		if err != nil {
			return nil, err
		}
		return tracing.MongoDB(store, traces), nil
	}
	store, err := sqlite.New(sqlite.Options{Path: c.Store.SQLitePath, Cluster: c.kube.cluster, Log: log.Named("sqlite")})
	if err != nil {
		return nil, err
	}
	return tracing.SQLite(store, traces), nil
}

// form names how objects are turned into rows. Another key makes other digests,
// so that it is another form.
func (c *connection) form() string {
	form := "secrets=" + c.secrets.value
	if len(c.Key) > 0 {
		digest := sha256.Sum256(append([]byte("sidemirror form\x00"), c.Key...))
		form += fmt.Sprintf(";key=%x", digest[:4])
	}
	if c.Store.MongoURI != "" {
		form += ";keys=" + c.mongoKeys.value
	}
	return form
}

// instance is how this process is called among its replicas.
func instance() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// serve mirrors and answers until ctx ends or one of the two fails, and returns
// once everything that it started has ended.
func (o *runOptions) serve(ctx context.Context, c *connection, server *lateServer, out output) (err error) {
	provider, err := tracing.NewProvider(ctx, tracing.Options{
		ServiceName: "sidemirror", Version: version().Version, Instance: instance(), Cluster: c.kube.cluster, Log: out.log.Named("tracing"),
	})
	if err != nil {
		return err
	}
	defer func() {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		provider.Shutdown(within)
	}()
	otel.SetErrorHandler(provider) // which tells of what a collector refuses
	traceURL, err := o.traces.link()
	if err != nil {
		return err
	}
	source, err := newSource(c, func(rt http.RoundTripper) http.RoundTripper { return tracing.Transport(rt, provider) }, out.log)
	if err != nil {
		return err
	}
	store, err := newStore(c, provider, out.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore(store)) }()
	tracker := syncer.NewTracker(syncer.TrackerOptions{Cluster: c.kube.cluster, Instance: instance()})
	timed, requests := exporter.NewTimedStore(store), exporter.NewRequests()
	engine, metrics := o.newEngine(c, source, timed, tracker, provider, out.log)
	clients, countClient := exporter.NewStreamClients(api.Transports)
	metrics.MustRegister(clients, timed, requests, exporter.NewExportErrors(provider.ExportErrors))
	endPush, err := startPush(ctx, metrics, c.kube.cluster, out.log.Named("exporter"))
	if err != nil {
		return err
	}
	defer endPush()
	own := tracing.Handler(requests.Route(api.NewHandler(api.Options{
		Status: tracker.Status, Changed: tracker.Changed, Push: api.PushOptions{Clients: countClient},
		Alive: engine.Alive, Metrics: server.scraped(exporter.Handler(metrics, out.log.Named("exporter"))), Log: out.log.Named("api"),
		Control: engine, History: timed, Objects: timed, Namespaces: tracker.Namespaces, Guard: server.guard,
		TraceURL: traceURL,
	})), provider)
	around := func(next http.Handler) http.Handler { return tracing.Passing(next, provider) }
	handler, passOn, err := o.upstream.inFront(own, tracker.Status, around, out.log)
	if err != nil {
		return err
	}
	server.use(requests.Handler(handler))
	return together(ctx, engine.Run, server.Run, server.runMetrics, passOn, func(ctx context.Context) error {
		follow(ctx, out.display, tracker.Status)
		return nil
	})
}

// newEngine returns the engine, and its metrics.
func (o *runOptions) newEngine(
	c *connection, source syncer.Source, store syncer.Store, tracker *syncer.Tracker, traces trace.TracerProvider, log hclog.Logger,
) (*syncer.Engine, *prometheus.Registry) {
	durations := exporter.NewDurations(tracker.Status)
	engine := syncer.NewEngine(syncer.Options{
		Source: source, Store: store, Tracker: tracker, Log: log.Named("syncer"),
		// Spans come first: their context carries the trace to the histograms' exemplars.
		Observer: syncer.Observers(tracing.NewObserver(traces), durations), TraceID: tracing.TraceID, SpanID: tracing.SpanID,
		Parallel: o.parallel, Form: c.form(),
	})
	build := version()
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		exporter.NewCollector(tracker.Status), durations, exporter.NewHeartbeat(engine.Heartbeat),
		exporter.NewBuildInfo(build.Version, build.Revision, build.GoVersion),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return engine, registry
}

// together runs all until ctx ends or one of them returns, ends the others, and
// returns the first error.
func together(parent context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, one := range all {
		wg.Go(func() { cancel(one(ctx)) })
	}
	wg.Wait()
	if err := context.Cause(ctx); parent.Err() == nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil // stopped from outside, whatever its cause
}

// lateServer listens before there is anything to show, so that an address that is
// taken is known before anything is dialled.
type lateServer struct {
	*api.Server
	guard   *api.Guard   // set with the address
	metrics *lateServer  // answers scrapes in its place; nil is none
	handler http.Handler // set before Run
}

func newLateServer(addr string, log hclog.Logger) *lateServer {
	s := &lateServer{}
	s.Server = api.NewServer(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }), log)
	return s
}

func (s *lateServer) use(h http.Handler) { s.handler = h }

// newMongo returns the store in MongoDB. Its errors don't repeat the URI.
func newMongo(c *connection, monitor *event.CommandMonitor, log hclog.Logger) (syncer.Store, error) {
	keys, err := mongo.ParseKeyMode(c.mongoKeys.value)
	if err != nil {
		return nil, fmt.Errorf("--mongo-keys: %w", err)
	}
	store, err := mongo.New(mongo.Options{
		URI: c.Store.MongoURI, Cluster: c.kube.cluster, Keys: keys, Monitor: monitor, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("--store: %s", scrub(err.Error(), c.Store.MongoURI))
	}
	return store, nil
}
