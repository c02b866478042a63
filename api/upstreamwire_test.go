package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
)

// lineBy reads a line from r, and fails when it hasn't come after ten seconds.
func lineBy(t *testing.T, r io.Reader, n int) string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, n)
		read, err := io.ReadFull(r, buf)
		if err != nil {
			got <- string(buf[:read]) + " and then " + err.Error()
			return
		}
		got <- string(buf)
	}()
	select {
	case line := <-got:
		return line
	case <-time.After(10 * time.Second):
		t.Fatal("nothing comes through")
		return ""
	}
}

// Each chunk arrives while the application still holds the rest, also after the
// server's own deadlines, and whether or not the application tells the length.
func TestUpstreamStreamsAnswers(t *testing.T) {
	for _, tt := range []struct{ name, header, value string }{
		{"chunks", "Content-Type", "application/octet-stream"},
		{"events", "Content-Type", "text/event-stream"},
		{"known length", "Content-Length", "6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, http2 bool) {
				more := make(chan struct{}, 3)
				app := application(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set(tt.header, tt.value)
					for _, chunk := range []string{"a\n", "b\n", "c\n"} {
						_, _ = io.WriteString(w, chunk)
						_ = http.NewResponseController(w).Flush()
						select {
						case <-more:
						case <-r.Context().Done():
						}
					}
				})
				f := newFront(t, app, http2, nil)
				res, err := f.Client().Get(f.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				for _, want := range []string{"a\n", "b\n", "c\n"} {
					if got := lineBy(t, res.Body, len(want)); got != want {
						t.Fatalf("got %q, want %q", got, want)
					}
					time.Sleep(150 * time.Millisecond) // together longer than the server's deadlines
					more <- struct{}{}
				}
				if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
					t.Errorf("at the end %q, %v", rest, err)
				}
			})
		})
	}
}

// An upload is passed on as it comes, and may be larger and slower than what
// Sidemirror's own routes take.
func TestUpstreamStreamsUploads(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		arrived := make(chan string, 1)
		app := application(t, func(w http.ResponseWriter, r *http.Request) {
			first := make([]byte, 5)
			_, _ = io.ReadFull(r.Body, first)
			arrived <- string(first)
			rest, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(bytes.ToUpper(rest[len(rest)-3:]))
		})
		f := newFront(t, app, http2, nil)
		body, send := io.Pipe()
		go func() {
			_, _ = io.WriteString(send, "first")
			if got := <-arrived; got != "first" {
				t.Errorf("application got %q first", got)
			}
			time.Sleep(300 * time.Millisecond) // longer than the server's read deadline
			_, _ = send.Write(bytes.Repeat([]byte{'x'}, 3<<20))
			_, _ = io.WriteString(send, "end")
			send.Close()
		}()
		if res, got := f.ask(t, "PUT", "/upload", body); res.StatusCode != http.StatusOK || got != "END" {
			t.Errorf("upload = %d %q, want it whole", res.StatusCode, got)
		}
	})
}

func TestUpstreamPassesWebSocketsThrough(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.CloseNow()
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil {
				return
			}
			_ = c.Write(r.Context(), kind, message)
		}
	})
	f := newFront(t, app, false, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, res, err := websocket.Dial(ctx, f.URL, &websocket.DialOptions{Subprotocols: []string{"echo"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get(api.HeaderStatus) != "in_progress" || res.Header.Get(api.HeaderRevision) != "42" {
		t.Errorf("headers of the 101 = %v", res.Header)
	}
	for i := range 3 {
		message := strings.Repeat("x", i*10_000)
		if err := c.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != message {
			t.Fatalf("echo of %d bytes = %d bytes, %v", len(message), len(got), err)
		}
		time.Sleep(150 * time.Millisecond) // together longer than the server's deadlines
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestUpstreamPassesTrailersOn(t *testing.T) {
	app := application(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.WriteString(w, "body")
		w.Header().Set("X-Sum", "42")
	})
	eachProtocol(t, func(t *testing.T, http2 bool) {
		res, body := newFront(t, app, http2, nil).ask(t, "GET", "/", nil)
		if body != "body" || res.Trailer.Get("X-Sum") != "42" {
			t.Errorf("body %q with trailers %v", body, res.Trailer)
		}
	})
}

// request is what the application saw of a request.
type request struct {
	Method, URI, Host, Body string
	Header                  http.Header
}

func TestUpstreamLeavesTheRequestAsItIs(t *testing.T) {
	saw := make(chan request, 1)
	app := application(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		saw <- request{r.Method, r.RequestURI, r.Host, string(body), r.Header}
	})
	hostile := []string{
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil", "X-Forwarded-Proto", "gopher", "X-Forwarded-Port", "1",
		"Forwarded", "for=6.6.6.6", "X-Real-Ip", "6.6.6.6",
	}
	rest := []string{
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "a=b",
		"Authorization", "Bearer x", "Cookie", "a=b", "User-Agent", "", "X-Own", "1",
	}
	hops := []string{
		"Keep-Alive", "timeout=5", "Proxy-Authorization", "Basic x", "Proxy-Connection", "x", "Te", "trailers",
	}
	kept := map[string]string{
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate": "a=b",
		"Authorization": "Bearer x", "Cookie": "a=b", "X-Own": "1", "Content-Length": "4", "Te": "trailers",
	}
	for _, trusted := range []bool{false, true} {
		eachProtocol(t, func(t *testing.T, http2 bool) {
			f := newFront(t, app+"/base", http2, func(o *api.UpstreamOptions) { o.TrustForwarded = trusted })
			f.Client().Transport.(*http.Transport).DisableCompression = true // the application must not be asked for gzip either
			host := strings.TrimPrefix(strings.TrimPrefix(f.URL, "https://"), "http://")
			proto := map[bool]string{false: "http", true: "https"}[http2]
			header := append(append([]string{}, hostile...), rest...)
			if !http2 { // where they are legal
				header = append(append(header, hops...), "Connection", "X-Drop", "X-Drop", "1")
			} else {
				header = append(header, "Te", "trailers")
			}
			f.ask(t, "PATCH", "/a%2Fb//c/?q=1;r=%zz&s", strings.NewReader("body"), header...)
			got := <-saw
			want := request{Method: "PATCH", URI: "/base/a%2Fb//c/?q=1;r=%zz&s", Host: host, Body: "body", Header: http.Header{}}
			for name, value := range kept {
				want.Header.Set(name, value)
			}
			want.Header.Set("X-Forwarded-For", "127.0.0.1")
			want.Header.Set("X-Forwarded-Host", host)
			want.Header.Set("X-Forwarded-Proto", proto)
			if trusted {
				for i := 0; i < len(hostile); i += 2 {
					want.Header.Set(hostile[i], hostile[i+1])
				}
				want.Header.Set("X-Forwarded-For", "6.6.6.6, 127.0.0.1")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("trusted %v (-want +got):\n%s", trusted, diff)
			}
		})
	}
}

// A client must be able to tell half an answer from a whole one.
func TestUpstreamThatDiesIsNoWholeAnswer(t *testing.T) {
	half := make([]byte, 100_000)
	_, _ = rand.Read(half)
	for _, header := range []string{"Content-Length", "X-Chunked"} {
		app := application(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, "200000")
			_, _ = w.Write(half)
			panic(http.ErrAbortHandler)
		})
		eachProtocol(t, func(t *testing.T, http2 bool) {
			f := newFront(t, app, http2, nil)
			res, err := f.Client().Get(f.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got, err := io.ReadAll(res.Body)
			if err == nil || !bytes.HasPrefix(half, got) {
				t.Errorf("with %s: %d bytes without an error, want an end that is noticed", header, len(got))
			}
		})
	}
}

func TestClientThatGoesAwayEndsTheApplicationsRequest(t *testing.T) {
	eachProtocol(t, func(t *testing.T, http2 bool) {
		entered, ended := make(chan struct{}), make(chan struct{})
		app := application(t, func(_ http.ResponseWriter, r *http.Request) {
			close(entered)
			<-r.Context().Done()
			close(ended)
		})
		f := newFront(t, app, http2, nil)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
			if err != nil {
				gone <- err
				return
			}
			_, err = f.Client().Do(r)
			gone <- err
		}()
		<-entered
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("client: %v", err)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the application goes on for a client that is gone")
		}
	})
}
