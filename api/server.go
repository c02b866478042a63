package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
)

// The server's bounds. A route that streams lifts its own write deadline
// through http.ResponseController.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	shutdownTimeout   = 5 * time.Second
)

// Server listens on one address. Make it with [NewServer], and run it once.
type Server struct {
	addr     string
	log      hclog.Logger
	tls      bool
	http     http.Server
	listener net.Listener // set by Listen
	drain    *drain
}

// NewServer returns a server of h on addr, "host:port" or ":port", that doesn't
// listen yet.
func NewServer(addr string, h http.Handler, log hclog.Logger) *Server {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	d := newDrain()
	return &Server{addr: addr, log: log, drain: d, http: http.Server{
		BaseContext:       func(net.Listener) context.Context { return d.in(context.Background()) },
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}}
}

// UseTLS makes the server speak nothing but TLS, from version 1.2 on, and HTTP/2
// with those who can. It is called before Run.
func (s *Server) UseTLS(c *Certificate) { s.tls, s.http.TLSConfig = true, c.config() }

// Listen takes the address, so that a caller can tell of a wrong one before
// anything else has begun. Run does it otherwise.
func (s *Server) Listen(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen on %q: %w: %s", s.addr, cause(err), remedy(err))
	}
	s.listener = l
	return nil
}

// Addr is the address that Listen has taken; before, the one that it will take.
func (s *Server) Addr() string {
	if s.listener == nil {
		return s.addr
	}
	return s.listener.Addr().String()
}

// Close gives up the address that Listen has taken, where Run isn't called.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends, then waits at most five seconds for the requests
// that are being answered, and returns nil. Any other end is an error.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	s.log.Info("listening", "address", s.Addr(), "tls", s.tls)
	select {
	case err := <-served:
		s.drain.begin()
		return fmt.Errorf("serve on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	s.drain.begin()
	if err := s.http.Shutdown(bound); err != nil {
		s.log.Warn("requests were cut off", "error", err)
		_ = s.http.Close() // the listener is closed already
	}
	s.drain.wait(bound)
	<-served //nolint:errcheck // http.ErrServerClosed, since Shutdown has returned
	return nil
}

func (s *Server) serve() error {
	if s.tls {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// cause is what went wrong without the address, which the caller names.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if addr, ok := errors.AsType[*net.AddrError](err); ok {
		return errors.New(addr.Err)
	}
	return err
}

// remedy says what to do about a listener's error.
func remedy(err error) string {
	_, notFound := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop the process that holds it, or choose another address"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "ports below 1024 need privileges; choose a higher one"
	case errors.Is(err, syscall.EADDRNOTAVAIL), notFound:
		return "this machine has no such address; use one that it has, or :port for all"
	default:
		return "an address is host:port or :port, such as 127.0.0.1:8080"
	}
}
