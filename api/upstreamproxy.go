package api

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	upstreamDialTimeout = 5 * time.Second
	// upstreamIdleTimeout is below the five seconds after which many servers close
	// an idle connection: a request that meets the close can't always be repeated.
	upstreamIdleTimeout = 4 * time.Second
	// maxIdleUpstream is how many connections are kept for the next request.
	maxIdleUpstream = 256
	// retryUnanswered is the Retry-After of an application that isn't there: about
	// what a restart takes.
	retryUnanswered = "2"
)

// useProxy makes the proxy to target.
func (u *Upstream) useProxy(target *url.URL) {
	dialer := &net.Dialer{Timeout: upstreamDialTimeout}
	dial := dialer.DialContext
	if target.Scheme == "unix" {
		path := target.Path
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
		target = &url.URL{Scheme: "http", Host: "localhost"}
	}
	transport := &http.Transport{
		DialContext:           dial,
		DisableCompression:    true, // what the client didn't ask for isn't asked for here
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   maxIdleUpstream,
		IdleConnTimeout:       upstreamIdleTimeout,
		TLSHandshakeTimeout:   upstreamDialTimeout,
		ResponseHeaderTimeout: u.HeaderTimeout,
		ExpectContinueTimeout: time.Second,
	}
	u.idleOnly = transport.CloseIdleConnections
	u.proxy = &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { u.rewrite(p, target) },
		ModifyResponse: u.addHeaders,
		ErrorHandler:   u.unanswered,
		Transport:      transport,
		FlushInterval:  -1,
		BufferPool:     &buffers{},
		ErrorLog:       u.Log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
}

// rewrite leaves the request as the client sent it, Host and query included, but
// for what says where it came from.
func (u *Upstream) rewrite(p *httputil.ProxyRequest, target *url.URL) {
	p.SetURL(target)
	p.Out.Host = p.In.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery // also one that Go can't parse
	if !u.TrustForwarded {
		maps.DeleteFunc(p.Out.Header, func(name string, _ []string) bool {
			return strings.HasPrefix(name, "X-Forwarded-") || name == "X-Real-Ip"
		})
		p.SetXForwarded()
		return
	}
	// ReverseProxy has taken these away already.
	for _, name := range []string{"Forwarded", "X-Forwarded-For"} {
		if values := p.In.Header[name]; len(values) > 0 {
			p.Out.Header[name] = values
		}
	}
	p.SetXForwarded() // appends to X-Forwarded-For, and replaces the others
	for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := p.In.Header[name]; len(values) > 0 {
			p.Out.Header[name] = values
		}
	}
}

// addHeaders puts the newest snapshot's headers into the application's answer,
// in place of any that it has: nobody else can vouch for the mirror.
func (u *Upstream) addHeaders(res *http.Response) error {
	u.tell(nil)
	for _, name := range HeaderNames {
		delete(res.Header, name)
	}
	for _, h := range u.headers.view().headers {
		values := h.values
		if exposed := res.Header[h.name]; len(exposed) > 0 { // to browsers, by the application
			values = append(slices.Clip(exposed), values...)
		}
		res.Header[h.name] = values
	}
	return nil
}

// unanswered answers for an application that didn't.
func (u *Upstream) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the client is gone, or the server is going
	}
	failed, dialled := errors.AsType[net.Error](err)
	op, _ := errors.AsType[*net.OpError](err)
	var p problem
	switch {
	case dialled && failed.Timeout():
		p = newProblem(http.StatusGatewayTimeout, "the application didn't answer in time")
		u.tell(err)
	case op != nil && op.Op == "dial":
		p = newProblem(http.StatusBadGateway, "the application doesn't take connections")
		u.tell(err)
	case errors.Is(err, io.EOF):
		p = newProblem(http.StatusBadGateway, "the application closed the connection without an answer")
		u.tell(err)
	default: // a client whose upload broke off ends here too
		p = newProblem(http.StatusBadGateway, "the application's answer can't be passed on")
		u.Log.Debug("request wasn't passed on", "error", Redact(err.Error()))
	}
	w.Header().Set("Retry-After", retryUnanswered)
	u.problem(w, p)
}

// problem answers instead of the application.
func (u *Upstream) problem(w http.ResponseWriter, p problem) {
	u.headers.view().setHeaders(w.Header())
	p.write(w)
}

// tell logs when the application goes away or comes back.
func (u *Upstream) tell(err error) {
	if u.away.Load() == (err != nil) || u.away.Swap(err != nil) == (err != nil) {
		return
	}
	if err != nil {
		u.Log.Warn("application doesn't answer", "error", Redact(err.Error()))
		return
	}
	u.Log.Info("application answers again")
}

// buffers lends what bodies are copied through.
type buffers struct{ pool sync.Pool }

// copyBytes is what ReverseProxy allocates for each response otherwise.
const copyBytes = 32 << 10

// Get and Put make it an [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[copyBytes]byte); ok {
		return buf[:]
	}
	return make([]byte, copyBytes)
}

// Put takes back what Get gave.
func (b *buffers) Put(buf []byte) { b.pool.Put((*[copyBytes]byte)(buf)) }
