package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

// answerWait bounds one question.
const answerWait = 10 * time.Second

// poll asks for the document again and again, until it is time to try the stream
// (nil) or there is no answer.
func (f *Follower) poll(ctx context.Context) error {
	f.etag = "" // what it stood for may not be what is published
	for began := time.Now(); time.Since(began) < f.StreamRetry; {
		if err := f.ask(ctx); err != nil {
			return err
		}
		if err := pause(ctx, f.Poll); err != nil {
			return err
		}
	}
	return nil
}

// ask publishes the document if it isn't the one from before.
func (f *Follower) ask(parent context.Context) error {
	ctx, cancel := context.WithTimeout(parent, answerWait)
	defer cancel()
	res, err := f.get(ctx, "status", map[string]string{"Accept": "application/json", "If-None-Match": f.etag})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotModified && f.etag != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxDocumentBytes))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	s := &syncer.Status{}
	if err := json.Unmarshal(body, s); err != nil || s.SchemaVersion == 0 || s.Status == "" {
		return ErrNotSidemirror
	}
	f.etag = res.Header.Get("ETag")
	f.have(s)
	return nil
}
