package api_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
)

var hostile = map[string]string{
	"CR LF":     "a\r\nX-Evil: 1\r\n\r\nbody",
	"NUL":       "a\x00b",
	"ESC":       "\x1b[31mred\x1b[0m",
	"UTF-8":     "größe 日本 \xff\xfe",
	"only bad":  "\r\n\x00",
	"10 kB URI": "dial mongodb://root:" + strings.Repeat("hunter2", 1500) + "@db:27017/x: refused",
	"long":      strings.Repeat("é", 10_000),
}

func TestHostileErrorsOnTheWire(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		for name, text := range hostile {
			server := httptest.NewUnstartedServer(newHandler(failed(text)))
			server.EnableHTTP2 = http2
			server.StartTLS()
			res, err := server.Client().Get(server.URL + statusPath)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			body := read(t, res)
			res.Body.Close()
			server.Close()
			if (res.ProtoMajor == 2) != http2 {
				t.Fatalf("protocol = %s", res.Proto)
			}
			got := res.Header.Get(api.HeaderError)
			if !printable(got) || len(got) > 256 || res.Header.Get("X-Evil") != "" {
				t.Errorf("%s over %s: header = %q", name, res.Proto, got)
			}
			if got == "" && name != "only bad" {
				t.Errorf("%s over %s: no header", name, res.Proto)
			}
			if strings.Contains(got+body, "hunter2") {
				t.Errorf("%s over %s: credential in %q %q", name, res.Proto, got, body)
			}
		}
	}
}

func TestServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	entered, release := make(chan struct{}), make(chan struct{})
	s := api.NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		_, _ = w.Write([]byte("whole"))
	}), nil)
	if err := s.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + s.Addr())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		answer <- read(t, res)
	}()
	<-entered
	cancel()
	close(release)
	if got := <-answer; got != "whole" {
		t.Errorf("request during shutdown = %q, want it answered", got)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run doesn't return")
	}
}

func TestListenErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for addr, want := range map[string]string{
		l.Addr().String(): "stop the process that holds it",
		"192.0.2.1:80":    "this machine has no such address",
		"8080":            "host:port",
	} {
		err := api.NewServer(addr, http.NotFoundHandler(), nil).Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "listen on "+strconv.Quote(addr)+": ") {
			t.Errorf("listen on %s: %v, want the address and %q", addr, err, want)
		}
	}
}
