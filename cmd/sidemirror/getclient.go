package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// objectClient asks one server for objects, however long a list takes.
type objectClient struct{ *serverClient }

func (o *serverOptions) objectClient() (objectClient, error) {
	c, err := o.dial()
	if err != nil {
		return objectClient{}, err
	}
	c.http.Timeout = 0
	return objectClient{c}, nil
}

// pages hands each page of a list to each, which reads it.
func (c objectClient) pages(ctx context.Context, path string, query url.Values, each func(*objectPage) error) error {
	defer c.http.CloseIdleConnections()
	for {
		page, err := c.page(ctx, path, query)
		if err != nil {
			return err
		}
		err = each(page)
		page.response.Body.Close()
		if err != nil || page.Metadata.Continue == "" {
			return err
		}
		if page.Metadata.Continue == query.Get("continue") {
			return fmt.Errorf("%s goes around in circles: two pages end at the same place", c.server)
		}
		query.Set("continue", page.Metadata.Continue)
	}
}

func (c objectClient) page(ctx context.Context, path string, query url.Values) (*objectPage, error) {
	request, err := c.newRequest(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := c.begin(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		r, err := c.finish(response)
		if err != nil {
			return nil, err
		}
		return nil, c.refused(r)
	}
	return &objectPage{response: response, server: c.server}, nil
}

// objectPage is one page of a list, read as it comes.
type objectPage struct {
	response *http.Response
	server   string

	Kind, APIVersion string // of the list; known before its items
	Metadata         struct{ Continue string }
}

// items hands each item to each, as JSON that is valid during the call only, and
// reads what else the page has.
func (p *objectPage) items(each func([]byte) error) error {
	d := json.NewDecoder(p.response.Body)
	var stopped error
	err := p.decode(d, func(item []byte) error {
		stopped = each(item)
		return stopped
	})
	if stopped != nil {
		return stopped
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s cut its answer off: what is printed isn't all", p.server)
	}
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", p.server, err)
	}
	return nil
}

func (p *objectPage) decode(d *json.Decoder, each func([]byte) error) error {
	if err := expect(d, '{'); err != nil {
		return err
	}
	for d.More() {
		field, err := d.Token()
		if err != nil {
			return err
		}
		switch field {
		case "kind":
			err = d.Decode(&p.Kind)
		case "apiVersion":
			err = d.Decode(&p.APIVersion)
		case "metadata":
			err = d.Decode(&p.Metadata)
		case "items":
			err = decodeItems(d, each)
		default:
			var ignored json.RawMessage
			err = d.Decode(&ignored)
		}
		if err != nil {
			return err
		}
	}
	return expect(d, '}')
}

func decodeItems(d *json.Decoder, each func([]byte) error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	var item json.RawMessage
	for d.More() {
		item = item[:0]
		if err := d.Decode(&item); err != nil {
			return err
		}
		if err := each(item); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err == nil && got != want {
		err = fmt.Errorf("want %s, got %v", want, got)
	}
	return err
}

// warnings says what the headers tell about how far the page can be trusted.
func (p *objectPage) warnings() []string {
	h := p.response.Header
	var all []string
	switch status := syncer.RunStatus(h.Get(api.HeaderStatus)); status {
	case syncer.Completed:
	case syncer.InProgress:
		text := "the mirror isn't complete: a sync is in progress"
		if progress := h.Get(api.HeaderProgress); progress != "" {
			text += ", " + progress + " resources are done"
		}
		all = append(all, text)
	case syncer.Failed:
		all = append(all, "the mirror isn't complete: the last run failed: "+h.Get(api.HeaderError))
	case syncer.NotStarted:
		all = append(all, "the mirror isn't complete: no sync has started")
	default:
		all = append(all, p.server+" doesn't say how far its mirror can be trusted")
	}
	for _, warning := range h.Values("Warning") {
		if m := warningText.FindStringSubmatch(warning); m != nil {
			all = append(all, m[1])
		}
	}
	for i := range all {
		all[i] = printable(all[i])
	}
	return all
}

// warningText matches a header Warning: a code, an agent and a text.
var warningText = regexp.MustCompile(`^299 \S+ "(.*)"$`)
