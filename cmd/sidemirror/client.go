package main

import (
	"bytes"
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
)

const (
	requestTimeout = 10 * time.Second
	// maxAnswerBytes is far beyond the status of ten thousand cells.
	maxAnswerBytes = 64 << 20
)

// serverOptions are the flags of the commands that ask a running Sidemirror.
type serverOptions struct {
	credentialOptions
	server   string
	interval time.Duration
}

// addFlags adds the flags of a command that asks again and again.
func (o *serverOptions) addFlags(cmd *cobra.Command) {
	o.addServerFlags(cmd)
	cmd.Flags().DurationVar(&o.interval, "interval", time.Second, "`TIME` between two questions to a server that doesn't tell changes at once")
	complete(cmd, "interval", cobra.NoFileCompletions)
}

// addServerFlags adds the flags that say whom to ask.
func (o *serverOptions) addServerFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.server, "server", "http://127.0.0.1:8080", "`URL` of the Sidemirror to ask")
	o.credentialOptions.addFlags(cmd)
	complete(cmd, "server", cobra.NoFileCompletions)
}

// dial checks who is to be asked. It dials nobody yet.
func (o *serverOptions) dial() (*serverClient, error) {
	u, err := url.Parse(o.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("--server: want http://HOST:PORT or https://HOST:PORT")
	}
	u.Path, u.RawQuery, u.Fragment = strings.TrimSuffix(u.Path, "/"), "", ""
	transport, err := o.transport(u)
	if err != nil {
		return nil, err
	}
	return &serverClient{http: &http.Client{Timeout: requestTimeout, Transport: transport}, base: u.String(), server: u.Redacted()}, nil
}

// client checks the flags and returns what polls.
func (o *serverOptions) client() (*statusClient, error) {
	c, err := o.dial()
	if err != nil {
		return nil, err
	}
	if o.interval <= 0 {
		return nil, fmt.Errorf("--interval: want more than 0, got %s", o.interval)
	}
	return &statusClient{serverClient: c, interval: o.interval}, nil
}

// serverClient asks one server.
type serverClient struct {
	http   *http.Client
	base   string // what paths are appended to
	server string // the same for texts, without the password
}

// newRequest makes every request: what all of them carry is set here. body is
// sent as JSON, nil is none.
func (c *serverClient) newRequest(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "sidemirror/"+version().Version)
	return request, nil
}

// reply is a whole answer.
type reply struct {
	code   int
	status string // "409 Conflict"
	header http.Header
	body   []byte
}

// do sends a request and reads the answer. A server that can't be reached is a
// [*noAnswerError].
func (c *serverClient) do(request *http.Request) (*reply, error) {
	response, err := c.begin(request)
	if err != nil {
		return nil, err
	}
	return c.finish(response)
}

// begin sends a request, and returns once the answer begins.
func (c *serverClient) begin(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err == nil {
		return response, nil
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err
	}
	return nil, &noAnswerError{server: c.server, err: err}
}

// finish reads the rest of an answer, and closes it.
func (c *serverClient) finish(response *http.Response) (*reply, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return nil, &noAnswerError{server: c.server, err: err}
	}
	return &reply{response.StatusCode, response.Status, response.Header, body}, nil
}

// document asks for a document other than the status, which has to be of the
// form of into, and returns it as it came.
func (c *serverClient) document(ctx context.Context, path, what string, into any) ([]byte, error) {
	request, err := c.newRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	r, err := c.do(request)
	if err != nil {
		return nil, err
	}
	if r.code != http.StatusOK {
		return nil, c.refused(r)
	}
	if json.Unmarshal(r.body, into) != nil {
		return nil, fmt.Errorf("%s is no Sidemirror: what it answered isn't %s", c.server, what)
	}
	return r.body, nil
}

// refused is the error of an answer that isn't what was asked for. A server with
// troubles of its own may yet give one: that is a [*noAnswerError].
func (c *serverClient) refused(r *reply) error {
	err := errors.New(r.status + r.problem() + hint(r.code))
	if r.code >= http.StatusInternalServerError {
		return &noAnswerError{server: c.server, err: err}
	}
	return fmt.Errorf("%s answered %w", c.server, err)
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

// problem is the sentence of an RFC 9457 document, ready to be appended.
func (r *reply) problem() string {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	var document struct{ Title, Detail string }
	if kind != "application/problem+json" || json.Unmarshal(r.body, &document) != nil {
		return ""
	}
	if document.Detail == "" {
		document.Detail = document.Title
	}
	return ": " + printable(document.Detail)
}
