package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/sidemirror/sidemirror/api"
)

func TestUpstreamThatDoesNotAnswer(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadString('\n')
			_ = c.Close()
		}
	}()
	slow := application(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server notices that a client is gone once it has read all
		<-r.Context().Done()
	})
	for _, tt := range []struct {
		name, url, detail string
		code              int
	}{
		{"refused", gone.URL, "the application doesn't take connections", 502},
		{"closed", "http://" + mute.Addr().String(), "", 502},
		{"slow", slow, "the application didn't answer in time", 504},
	} {
		eachProtocol(t, func(t *testing.T, http2 bool) {
			f := newFront(t, tt.url, http2, func(o *api.UpstreamOptions) { o.HeaderTimeout = 100 * time.Millisecond })
			res, body := f.ask(t, "POST", "/", strings.NewReader("x"))
			var got struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%s: %v in %q", tt.name, err, body)
			}
			if res.StatusCode != tt.code || got.Status != tt.code || !strings.Contains(got.Detail, tt.detail) ||
				res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("Retry-After") == "" {
				t.Errorf("%s = %d %v %s", tt.name, res.StatusCode, res.Header, body)
			}
			if res.Header.Get(api.HeaderStatus) != "in_progress" {
				t.Errorf("%s: headers %v", tt.name, syncHeaders(res))
			}
			if strings.Contains(body, "127.0.0.1") {
				t.Errorf("%s tells the address: %s", tt.name, body)
			}
		})
	}
}

func TestUpstreamLogsThatTheApplicationIsAwayOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	var log bytes.Buffer
	f := newFront(t, "http://"+addr, false, func(o *api.UpstreamOptions) {
		o.Log = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Info})
	})
	for range 3 {
		f.ask(t, "GET", "/", nil)
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	app := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.NotFoundHandler()}}
	app.Start()
	t.Cleanup(app.Close)
	for range 3 {
		f.ask(t, "GET", "/", nil)
	}
	f.Close()
	away, back := strings.Count(log.String(), "application doesn't answer"), strings.Count(log.String(), "application answers again")
	if away != 1 || back != 1 {
		t.Errorf("told %d times that it is away and %d that it is back, want 1 and 1:\n%s", away, back, log.String())
	}
}

// Event streams never end by themselves: Run does.
func TestUpstreamRunEndsStreams(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	f := newFront(t, app, false, nil)
	res, err := f.Client().Get(f.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.upstream.Run(ctx) }()
	stop()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if res, _ := f.ask(t, "GET", "/", nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("request after the end = %d, want 503", res.StatusCode)
	}
}
