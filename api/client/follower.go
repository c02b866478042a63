package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// ErrNotSidemirror is a server whose answers aren't a Sidemirror's. It is asked
// again all the same: something else may have taken its place for a moment.
var ErrNotSidemirror = errors.New("this is no Sidemirror: what it answered isn't a status document")

// Options say whom to follow, and how.
type Options struct {
	// URL is the server's, "http://127.0.0.1:8080"; a path in it is kept.
	URL string
	// Header is sent with each request: Authorization, User-Agent.
	Header http.Header
	// HTTP carries the requests; its Timeout is of no use for streams and has to be
	// 0. http.DefaultClient if nil.
	HTTP *http.Client
	// OnStatus is told each document, from Run's goroutine; nil for nobody.
	OnStatus func(*syncer.Status)
	// Poll is the time between two questions while there is no stream; 1 s.
	Poll time.Duration
	// StreamRetry is how long it polls before it asks for a stream again; 30 s.
	StreamRetry time.Duration
	// Silence is how long a stream may say nothing, not even a heartbeat; 20 s,
	// since one comes every 15.
	Silence time.Duration
	Log     hclog.Logger // none
}

// Follower keeps the newest status of one server. Make it with [New], and run it
// once; everything but Run may be used concurrently, before and after.
type Follower struct {
	Options
	base    string       // owned by Run, as is what follows
	doc     api.Document // what id stands for
	id      string       // of the last event; "" begins anew
	etag    string       // of the last document that was polled
	backoff *backoff.ExponentialBackOff

	mu      sync.Mutex
	status  *syncer.Status // guarded by mu
	err     error          // guarded by mu
	changed chan struct{}  // guarded by mu: closed and replaced at each change
}

// New checks o. It dials nobody.
func New(o Options) (*Follower, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return nil, errors.New("the server's URL isn't http://HOST:PORT or https://HOST:PORT")
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.HTTP.Timeout != 0 {
		return nil, fmt.Errorf("an HTTP client that ends each request after %s can't follow a stream: leave its Timeout 0", o.HTTP.Timeout)
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&o.Poll, time.Second}, {&o.StreamRetry, 30 * time.Second}, {&o.Silence, 20 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	return &Follower{
		Options: o, base: strings.TrimSuffix(u.String(), "/") + "/api/v1/sync/",
		backoff: &backoff.ExponentialBackOff{
			InitialInterval: 250 * time.Millisecond, Multiplier: 2, RandomizationFactor: 0.2, MaxInterval: 15 * time.Second,
		},
		status:  &syncer.Status{SchemaVersion: 1, Status: syncer.NotStarted, State: syncer.Idle},
		changed: make(chan struct{}),
	}, nil
}

// Status returns the newest document that has come, at once. It is never nil:
// before the first, and only then, its Revision is 0. Callers must not change it.
func (f *Follower) Status() *syncer.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// Changed returns a channel that is closed when Status or Err changes next. Take
// it before reading them, and no change is missed.
func (f *Follower) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Err says why the status may be out of date: nil while the server can be read.
// It holds no credentials.
func (f *Follower) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Run follows until ctx ends, whatever the server does, and returns nil.
func (f *Follower) Run(ctx context.Context) error {
	f.backoff.Reset()
	for ctx.Err() == nil {
		err := f.stream(ctx)
		if none, ok := errors.AsType[*noStreamError](err); ok {
			f.Log.Debug("polling, since there is no stream", "reason", none)
			err = f.poll(ctx)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			f.lost(err)
		}
		if pause(ctx, f.backoff.NextBackOff()) != nil {
			break
		}
	}
	return nil
}

// have publishes a document.
func (f *Follower) have(s *syncer.Status) {
	f.backoff.Reset()
	f.back()
	f.mu.Lock()
	f.status = s
	f.turn()
	f.mu.Unlock()
	if f.OnStatus != nil {
		f.OnStatus(s)
	}
}

// back publishes that the server can be read, whether or not it tells anything new.
func (f *Follower) back() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		f.Log.Info("server can be read again")
		f.err = nil
		f.turn()
	}
}

// lost publishes that the server can't be read.
func (f *Follower) lost(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.Log.Warn("server can't be read", "error", err)
	}
	if f.err == nil || f.err.Error() != err.Error() {
		f.err = err
		f.turn()
	}
}

// turn wakes whoever waits for a change; the caller holds mu.
func (f *Follower) turn() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// get asks for a route of the server.
func (f *Follower) get(ctx context.Context, route string, header map[string]string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+route, nil)
	if err != nil {
		return nil, errors.New("the server's URL can't be asked")
	}
	for name, values := range f.Header {
		request.Header[name] = values
	}
	for name, value := range header {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	res, err := f.HTTP.Do(request)
	if err == nil {
		return res, nil
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err // without the URL, which may hold a password
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return nil, err
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
