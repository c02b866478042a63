package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	statusPath     = "/api/v1/sync/status"
	requestTimeout = 10 * time.Second
	// maxStatusBytes is far beyond the status of ten thousand cells.
	maxStatusBytes = 64 << 20
)

// serverOptions are the flags of the commands that ask a running Sidemirror.
type serverOptions struct {
	credentialOptions
	server   string
	interval time.Duration
}

func (o *serverOptions) addServerFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.server, "server", "http://127.0.0.1:8080", "`URL` of the Sidemirror to ask")
	o.credentialOptions.addFlags(cmd)
	complete(cmd, "server", cobra.NoFileCompletions)
}

func (o *serverOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.addServerFlag(cmd)
	f.DurationVar(&o.interval, "interval", time.Second, "`TIME` between two questions")
	complete(cmd, "interval", cobra.NoFileCompletions)
}

// client checks the flags and returns what asks.
func (o *serverOptions) client() (*statusClient, error) {
	u, err := url.Parse(o.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("--server: want http://HOST:PORT or https://HOST:PORT")
	}
	if o.interval <= 0 {
		return nil, fmt.Errorf("--interval: want more than 0, got %s", o.interval)
	}
	transport, err := o.transport(u)
	if err != nil {
		return nil, err
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + statusPath
	return &statusClient{http: &http.Client{Timeout: requestTimeout, Transport: transport}, url: u.String(), server: u.Redacted()[:len(u.Redacted())-len(statusPath)]}, nil
}

// statusClient polls one server. It belongs to one goroutine.
type statusClient struct {
	http   *http.Client
	url    string
	server string // for texts: without the path and the password

	etag string
	last *statusAnswer // what etag stands for
}

// statusAnswer is one status document, as it came and as it is understood.
type statusAnswer struct {
	Body   []byte
	Status *syncer.Status
}

// noAnswerError is a server that can't be reached, which may come yet.
type noAnswerError struct {
	server string
	err    error
}

func (e *noAnswerError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.server, e.err)
}

// Unwrap returns what the connection ended with.
func (e *noAnswerError) Unwrap() error { return e.err }

// get returns the newest status: the same pointer as before when the server says
// that nothing changed. An unreachable or unready server is a [*noAnswerError].
func (c *statusClient) get(ctx context.Context) (*statusAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "sidemirror/"+version().Version)
	if c.etag != "" {
		request.Header.Set("If-None-Match", c.etag)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, &noAnswerError{server: c.server, err: err}
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotModified && c.last != nil {
		return c.last, nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxStatusBytes))
	if err != nil {
		return nil, &noAnswerError{server: c.server, err: err}
	}
	return c.read(response, body)
}

// read takes an answer in.
func (c *statusClient) read(response *http.Response, body []byte) (*statusAnswer, error) {
	if response.StatusCode != http.StatusOK {
		err := errors.New(response.Status + problem(response, body) + hint(response.StatusCode))
		if response.StatusCode >= http.StatusInternalServerError {
			return nil, &noAnswerError{server: c.server, err: err}
		}
		return nil, fmt.Errorf("%s answered %w", c.server, err)
	}
	var s syncer.Status
	if err := json.Unmarshal(body, &s); err != nil || s.SchemaVersion == 0 || s.Status == "" {
		return nil, fmt.Errorf("%s is no Sidemirror: what it answered isn't a status document", c.server)
	}
	c.etag, c.last = response.Header.Get("ETag"), &statusAnswer{Body: body, Status: &s}
	return c.last, nil
}

// problem is the sentence of an RFC 9457 document, ready to be appended.
func problem(response *http.Response, body []byte) string {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var document struct{ Title, Detail string }
	if kind != "application/problem+json" || json.Unmarshal(body, &document) != nil {
		return ""
	}
	if document.Detail == "" {
		document.Detail = document.Title
	}
	return ": " + printable(document.Detail)
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
