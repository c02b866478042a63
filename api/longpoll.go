package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	defaultWait = 30 * time.Second
	maxWait     = 5 * time.Minute
)

// waitRequest is what ?wait= asks for.
type waitRequest struct {
	over    func(*syncer.Status) bool // nil: don't wait
	timeout time.Duration
}

// readWait reads ?wait=completed|terminal|change&timeout=30s&since=REV. change
// is any revision but since: those of a process that has started anew may be lower.
func readWait(query url.Values) (q waitRequest, err error) {
	q.timeout = defaultWait
	if query.Has("timeout") {
		q.timeout, err = time.ParseDuration(query.Get("timeout"))
		if err != nil || q.timeout <= 0 || q.timeout > maxWait {
			return q, fmt.Errorf("timeout is a duration such as 30s, at most %s", maxWait)
		}
	}
	if query.Get("wait") == "change" {
		since, err := strconv.ParseUint(query.Get("since"), 10, 64)
		if err != nil {
			return q, errors.New("wait=change needs since, the revision that you have")
		}
		q.over = func(s *syncer.Status) bool { return s.Revision != since }
		return q, nil
	}
	if query.Has("since") {
		return q, errors.New("since belongs to wait=change")
	}
	u, err := readUntil(query, "wait")
	switch {
	case err != nil:
		return q, errors.New("wait is completed, terminal or change")
	case u != "":
		q.over = u.reached
	case query.Has("timeout"):
		return q, errors.New("timeout belongs to wait")
	}
	return q, nil
}

// wait returns the snapshot to answer with: the first that is what ?wait= asks
// for, or the newest once the time is up or the server stops, which the client
// tells by what it says. It has answered itself if ok is false.
func (a *handler) wait(w http.ResponseWriter, r *http.Request, query url.Values, v *view) (newest *view, ok bool) {
	if a.push == nil {
		return v, true
	}
	q, err := readWait(query)
	if err != nil {
		newProblem(http.StatusBadRequest, err.Error()).write(w)
		return nil, false
	}
	if q.over == nil || q.over(v.status) {
		return v, true
	}
	stopping, leave, ok := enter(r.Context())
	if !ok {
		a.turnAway(w, errStopping)
		return nil, false
	}
	defer leave()
	done, ok := a.push.await()
	if !ok {
		a.turnAway(w, errTooMany)
		return nil, false
	}
	defer done()
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the server's are meant for answers that are there
	_ = rc.SetWriteDeadline(time.Now().Add(q.timeout + writeTimeout))
	newest, gone := a.sleep(r.Context(), q, stopping)
	if gone {
		return nil, false
	}
	show(w, newest)
	return newest, true
}

// sleep waits as q says; gone reports that the client is.
func (a *handler) sleep(ctx context.Context, q waitRequest, stopping <-chan struct{}) (newest *view, gone bool) {
	timer := time.NewTimer(q.timeout)
	defer timer.Stop()
	for {
		changed := a.Changed()
		v := a.headers.view()
		if q.over(v.status) {
			return v, false
		}
		select {
		case <-changed:
		case <-timer.C:
			return a.headers.view(), false
		case <-stopping:
			return a.headers.view(), false
		case <-ctx.Done():
			return nil, true
		}
	}
}
