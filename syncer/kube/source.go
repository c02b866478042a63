package kube

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/sidemirror/sidemirror/syncer"
)

// DefaultResources is what is mirrored when nothing is named.
var DefaultResources = []string{
	"namespaces", "nodes", "pods", "services", "configmaps",
	"deployments.apps", "statefulsets.apps", "daemonsets.apps",
	"jobs.batch", "cronjobs.batch", "ingresses.networking.k8s.io",
}

// ErrSecretsKey is the answer to a configuration that mirrors Secrets without
// saying what becomes of their values.
var ErrSecretsKey = errors.New("mirroring secrets needs a key for the digests of their values, or the choice to keep them plain")

// minSecretsKey is the length in bytes below which a key doesn't protect.
const minSecretsKey = 16

// Options say which cluster is read, and what of it. Zero values of everything
// below Resources mean the default in brackets.
type Options struct {
	Config *rest.Config
	// Resources are names as kubectl api-resources prints them: plural with or
	// without group ("deployments.apps"), with a version between the two
	// ("deployments.v1.apps"), short name or kind. "*" is all that can be listed
	// and watched, "-name" leaves one out of the others. [DefaultResources]
	//
	// Events are served by the core group and by events.k8s.io from the same
	// storage: "*" takes those of the core group.
	Resources []string
	// Namespaces limit namespaced resources. [all, in one list each]
	Namespaces []string
	// LabelSelectors limit resources by name; "" or "*" stands for all that have
	// none of their own.
	LabelSelectors map[string]string
	// SecretsKey is the key, of 16 bytes or more, for the digests that replace
	// the values of Secrets; PlainSecrets keeps the values. Without either, "*"
	// leaves Secrets out, and naming them is an error.
	SecretsKey   []byte
	PlainSecrets bool

	PageSize       int64 // objects a page of a list [500]
	BatchObjects   int   // objects a batch [500]
	BatchBytes     int   // bytes after which a batch is full [1 MiB]
	MaxObjectBytes int   // bytes of one object that are refused as hostile [64 MiB]

	// Compression asks the server for gzip. Within a cluster the network is
	// cheaper than the decompression. [off]
	Compression bool
	// Transport wraps client-go's transport, for tracing. [not wrapped]
	Transport func(http.RoundTripper) http.RoundTripper
	Log       hclog.Logger // [none]
}

// Source reads one cluster. It may be used concurrently.
type Source struct {
	o         Options
	names     []resourceName
	excluded  []resourceName
	all       bool                    // "*" is among the names
	selectors map[string]string       // by name as configured, in canonical form
	redact    *redactor               // nil: values stay
	base      *url.URL                // of the API server
	client    *http.Client            // without a time limit of its own
	limit     flowcontrol.RateLimiter // nil: none
	discovery *discovery.DiscoveryClient
	stall     time.Duration // of silence, after which a list is given up

	mu    sync.Mutex
	known map[schema.GroupVersion][]served // guarded by mu: what each group last served
}

// New checks the options. It neither dials nor starts anything.
func New(o Options) (*Source, error) {
	if o.Config == nil {
		return nil, errors.New("kube: no cluster configured")
	}
	s := &Source{o: o, stall: stallTimeout, known: map[schema.GroupVersion][]served{}}
	s.o.PageSize = cmp.Or(o.PageSize, 500)
	s.o.BatchObjects = cmp.Or(o.BatchObjects, 500)
	s.o.BatchBytes = cmp.Or(o.BatchBytes, 1<<20)
	s.o.MaxObjectBytes = cmp.Or(o.MaxObjectBytes, defaultMaxObjectBytes)
	if s.o.Log == nil {
		s.o.Log = hclog.NewNullLogger()
	}
	if s.o.PageSize < 0 || s.o.BatchObjects < 0 || s.o.BatchBytes < 0 || s.o.MaxObjectBytes < 0 {
		return nil, errors.New("kube: sizes can't be negative")
	}
	for _, check := range []func() error{s.checkNames, s.checkNamespaces, s.checkSelectors, s.checkSecrets, s.connect} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Source) checkNames() error {
	for _, name := range s.o.Resources {
		if name == "*" {
			s.all = true
			continue
		}
		name, exclude := strings.CutPrefix(name, "-")
		n, err := parseName(name)
		if err != nil {
			return err
		}
		if exclude {
			s.excluded = append(s.excluded, n)
		} else {
			s.names = append(s.names, n)
		}
	}
	if s.all || len(s.names) > 0 {
		return nil
	}
	for _, name := range DefaultResources {
		n, err := parseName(name)
		if err != nil {
			return err
		}
		s.names = append(s.names, n)
	}
	return nil
}

func (s *Source) checkNamespaces() error {
	for i, ns := range s.o.Namespaces {
		if msgs := validation.IsDNS1123Label(ns); len(msgs) > 0 {
			return fmt.Errorf("namespace %q: %s", ns, msgs[0])
		}
		if slices.Contains(s.o.Namespaces[:i], ns) {
			return fmt.Errorf("namespace %q is named twice", ns)
		}
	}
	return nil
}

func (s *Source) checkSelectors() error {
	s.selectors = make(map[string]string, len(s.o.LabelSelectors))
	for name, text := range s.o.LabelSelectors {
		selector, err := labels.Parse(text)
		if err != nil {
			return fmt.Errorf("label selector %q of %q: %w", text, name, err)
		}
		if name == "*" {
			name = ""
		}
		if name != "" {
			if _, err := parseName(name); err != nil {
				return err
			}
		}
		if _, ok := s.selectors[name]; ok {
			return errors.New(`label selectors of both "" and "*", which mean the same`)
		}
		s.selectors[name] = selector.String()
	}
	return nil
}

func (s *Source) checkSecrets() error {
	if n := len(s.o.SecretsKey); n > 0 && n < minSecretsKey {
		return fmt.Errorf("the key for secrets has %d bytes, and needs %d", n, minSecretsKey)
	}
	if len(s.o.SecretsKey) > 0 && !s.o.PlainSecrets {
		s.redact = &redactor{key: slices.Clone(s.o.SecretsKey)}
	}
	for _, n := range s.names {
		if !s.secretsAllowed() && n.group == "" && (n.name == "secrets" || n.name == "secret") {
			return ErrSecretsKey
		}
	}
	return nil
}

func (s *Source) secretsAllowed() bool { return s.redact != nil || s.o.PlainSecrets }

// connect prepares the clients from a copy of the configuration.
func (s *Source) connect() error {
	cfg := rest.CopyConfig(s.o.Config)
	cfg.Timeout = 0 // it would end watches
	cfg.DisableCompression = !s.o.Compression
	cfg.UserAgent = cmp.Or(cfg.UserAgent, userAgent())
	cfg.Wrap(boundStreams)
	if s.o.Transport != nil {
		cfg.Wrap(s.o.Transport)
	}
	// The server has its own priority and fairness: the client's limits only
	// keep a loop that went wild from becoming an attack.
	if cfg.QPS == 0 {
		cfg.QPS = 200
	}
	if cfg.Burst == 0 {
		cfg.Burst = 400
	}
	s.limit = cfg.RateLimiter
	if s.limit == nil && cfg.QPS > 0 {
		s.limit = flowcontrol.NewTokenBucketRateLimiter(cfg.QPS, cfg.Burst)
	}
	cfg.RateLimiter = s.limit

	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return fmt.Errorf("address of the API server: %w", err)
	}
	s.base = base
	if s.client, err = rest.HTTPClientFor(cfg); err != nil {
		return fmt.Errorf("client for the API server: %w", err)
	}
	if s.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(cfg, s.client); err != nil {
		return fmt.Errorf("discovery client: %w", err)
	}
	return nil
}

func userAgent() string {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && strings.HasPrefix(info.Main.Version, "v") {
		version = info.Main.Version
	}
	return "sidemirror/" + version
}

var _ syncer.Source = (*Source)(nil)
