package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	statusPath = "/api/v1/sync/status"
	// longestWait is how long a server is asked to wait for a change, well within requestTimeout.
	longestWait = 5 * time.Second
)

// statusClient asks one server for its status again and again. It belongs to one
// goroutine.
type statusClient struct {
	*serverClient
	interval time.Duration
	lively   bool // asks as often as bars are drawn, while the server tells changes

	etag  string
	last  *statusAnswer // what etag stands for
	waits waitSupport
	gone  bool // there was no answer the last time
}

// waitSupport is what is known of whether a server keeps a question until
// something changes.
type waitSupport int

const (
	mayWait waitSupport = iota
	doesWait
	doesNotWait
)

// statusAnswer is one status document, as it came and as it is understood.
type statusAnswer struct {
	Body   []byte
	Status *syncer.Status
}

// get returns the newest status: the same pointer as before when the server says
// that nothing changed. An unreachable or unready server is a [*noAnswerError].
func (c *statusClient) get(ctx context.Context) (*statusAnswer, error) {
	answer, err := c.ask(ctx, statusPath)
	c.gone = err != nil
	return answer, err
}

// next is get after a pause. A server that can keeps the question for a while,
// until something changes; an older one is asked at each interval.
func (c *statusClient) next(ctx context.Context) (*statusAnswer, error) {
	rest, patience := c.interval, min(c.interval, longestWait)
	if c.lively && c.waits == doesWait && !c.gone {
		rest = max(redrawInterval, c.interval-longestWait)
	}
	if err := sleep(ctx, rest); err != nil {
		return nil, err
	}
	if c.last == nil || c.gone || c.waits == doesNotWait {
		return c.get(ctx)
	}
	before, began := c.last, time.Now()
	query := url.Values{"wait": {"change"}, "since": {strconv.FormatUint(before.Status.Revision, 10)}, "timeout": {patience.String()}}
	answer, err := c.ask(ctx, statusPath+"?"+query.Encode())
	switch _, away := errors.AsType[*noAnswerError](err); {
	case away:
		c.waits = mayWait
		return c.get(ctx)
	case err != nil || answer == before && time.Since(began) < patience/2:
		c.waits = doesNotWait
		return c.get(ctx)
	}
	c.waits = doesWait
	return answer, nil
}

// ask sends one question.
func (c *statusClient) ask(ctx context.Context, path string) (*statusAnswer, error) {
	request, err := c.newRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if c.etag != "" {
		request.Header.Set("If-None-Match", c.etag)
	}
	r, err := c.do(request)
	if err != nil {
		return nil, err
	}
	if r.code == http.StatusNotModified && c.last != nil {
		return c.last, nil
	}
	return c.read(r)
}

// read takes an answer in.
func (c *statusClient) read(r *reply) (*statusAnswer, error) {
	if r.code != http.StatusOK {
		return nil, c.refused(r)
	}
	var s syncer.Status
	if err := json.Unmarshal(r.body, &s); err != nil || s.SchemaVersion == 0 || s.Status == "" {
		return nil, fmt.Errorf("%s is no Sidemirror: what it answered isn't a status document", c.server)
	}
	if etag := r.header.Get("ETag"); c.last != nil && etag != "" && etag == c.etag {
		return c.last, nil
	}
	c.etag, c.last = r.header.Get("ETag"), &statusAnswer{Body: r.body, Status: &s}
	return c.last, nil
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
