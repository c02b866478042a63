package api

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
)

// probe answers one of the kubelet's questions, in the words of the API
// server's own probes. Its checks' errors go to the log, not to the client.
type probe struct {
	name   string
	checks []check
	log    hclog.Logger
	failed atomic.Bool // what the last answer was, so that the log tells changes
}

type check struct {
	name string
	run  func(v *view) error
}

var errNotSynced = errors.New("the first sync hasn't completed")

func (a *handler) probes() {
	ping := check{"ping", func(*view) error { return nil }}
	var latch atomic.Bool
	synced := check{"initial-sync", func(v *view) error {
		if v.status.InitialSyncComplete {
			latch.Store(true)
		}
		if !latch.Load() {
			return errNotSynced
		}
		return nil
	}}
	engine := check{"engine", func(*view) error { return a.Alive() }}
	a.live.name, a.live.checks, a.live.log = "livez", []check{ping, engine}, a.Log
	a.ready.name, a.ready.checks, a.ready.log = "readyz", []check{ping, synced}, a.Log
	a.started.name, a.started.checks, a.started.log = "startupz", []check{ping, synced}, a.Log
}

// answer is "ok", or with ?verbose a line a check; a failed probe is always verbose.
func (p *probe) answer(w http.ResponseWriter, r *http.Request, v *view) {
	var text strings.Builder
	var cause error
	for _, c := range p.checks {
		if err := c.run(v); err != nil {
			cause = err
			text.WriteString("[-]" + c.name + " failed: reason withheld\n")
			continue
		}
		text.WriteString("[+]" + c.name + " ok\n")
	}
	p.tell(cause)

	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	code, body := http.StatusOK, "ok"
	switch {
	case cause != nil:
		code, body = http.StatusServiceUnavailable, text.String()+p.name+" check failed\n"
	case r.URL.RawQuery != "" && r.URL.Query().Has("verbose"):
		body = text.String() + p.name + " check passed\n"
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(body)) // the client is gone
}

// tell logs when the answer changes.
func (p *probe) tell(cause error) {
	if p.failed.Swap(cause != nil) == (cause != nil) {
		return
	}
	if cause != nil {
		p.log.Warn("probe fails", "probe", p.name, "error", cause)
		return
	}
	p.log.Info("probe passes again", "probe", p.name)
}
