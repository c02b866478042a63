package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	pollEvery   = time.Second
	pollTimeout = 3 * time.Second
	// maxStatusBytes is far beyond the status of ten thousand cells.
	maxStatusBytes = 64 << 20
)

// Poller is a [Follower] that asks once a second whether the status changed. Make
// it with [NewPoller], and run it once.
type Poller struct {
	url    string
	client *http.Client
	etag   string // of status; owned by Run

	known atomic.Pointer[polled]
}

// polled is what the last question came to.
type polled struct {
	status *syncer.Status
	err    error
}

var errUnheard = errors.New("the status hasn't been asked for yet")

// NewPoller returns a poller of the Sidemirror at server, "http://127.0.0.1:8080".
// client carries the requests, with credentials where they are needed;
// http.DefaultClient if nil.
func NewPoller(server string, client *http.Client) (*Poller, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("the sidecar's URL isn't http://HOST:PORT or https://HOST:PORT")
	}
	if client == nil {
		client = http.DefaultClient
	}
	p := &Poller{url: strings.TrimSuffix(u.String(), "/") + "/api/v1/sync/status", client: client}
	p.known.Store(&polled{status: &syncer.Status{Status: syncer.NotStarted}, err: errUnheard})
	return p, nil
}

// Status is the newest document that has come: the same pointer until another one does.
func (p *Poller) Status() *syncer.Status { return p.known.Load().status }

// Err says why the last question had no answer.
func (p *Poller) Err() error { return p.known.Load().err }

// Run asks until ctx ends, and returns nil. A sidecar that isn't there may come.
func (p *Poller) Run(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		last := p.known.Load().status
		s, err := p.ask(ctx, last)
		if err != nil {
			s = last
		}
		p.known.Store(&polled{status: s, err: err})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return nil
}

// ask returns the newest status, which is last where nothing changed.
func (p *Poller) ask(ctx context.Context, last *syncer.Status) (*syncer.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	if p.etag != "" {
		r.Header.Set("If-None-Match", p.etag)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified && p.etag != "" {
		return last, nil
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the status: %s", res.Status)
	}
	var s syncer.Status
	if err := json.NewDecoder(io.LimitReader(res.Body, maxStatusBytes)).Decode(&s); err != nil {
		return nil, fmt.Errorf("read the status: %w", err)
	}
	if s.Revision == 0 || !slices.Contains(syncer.RunStatuses, s.Status) {
		return nil, errors.New("read the status: this is no Sidemirror's")
	}
	p.etag = res.Header.Get("Etag")
	return &s, nil
}
