package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

// telling is a server that keeps a question until something changes.
type telling struct {
	at     map[time.Duration]*syncer.Status // since the first question
	began  time.Time
	asked  int
	refuse bool // has no place for questions that wait
}

func (s *telling) now() *syncer.Status {
	var newest *syncer.Status
	for at, status := range s.at {
		if at <= time.Since(s.began) && (newest == nil || status.Revision > newest.Revision) {
			newest = status
		}
	}
	return newest
}

func (s *telling) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.asked == 0 {
		s.began = time.Now()
	}
	s.asked++
	query := r.URL.Query()
	if query.Has("wait") && s.refuse {
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusTooManyRequests)
		return w.Result(), nil
	}
	if patience, err := time.ParseDuration(query.Get("timeout")); err == nil {
		end := time.Now().Add(patience)
		for time.Now().Before(end) && fmt.Sprint(s.now().Revision) == query.Get("since") {
			time.Sleep(10 * time.Millisecond)
		}
	}
	r.URL.RawQuery = ""
	return (&script{statuses: []*syncer.Status{s.now()}}).RoundTrip(r)
}

// A server that tells changes is seen to at once, and asked no more often than
// bars are drawn; one that has no place for that is polled.
func TestStatusWatchHearsOfChangesAtOnce(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			o := statusOptions{serverOptions: serverOptions{server: "http://s", interval: 4 * time.Second}, output: newEnum("text")}
			client, _ := o.client()
			s := &telling{refuse: refuse, at: map[time.Duration]*syncer.Status{
				0: inProgress(), 5 * time.Second: paused(inProgress()), 9 * time.Second: completed(),
			}}
			client.http.Transport = s
			var seen []string
			began := time.Now()
			u := until{what: "completed", reached: func(status *syncer.Status) (bool, error) {
				seen = append(seen, fmt.Sprint(time.Since(began).Round(100*time.Millisecond), " ", status.State))
				return status.Status == syncer.Completed, nil
			}}
			if _, err := u.poll(t.Context(), client, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			want := []string{"0s running", "5s paused", "9s live"}
			if refuse {
				want = []string{"0s running", "4s running", "8s paused", "12s live"}
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Errorf("refuse %v (-want +got):\n%s", refuse, diff)
			}
			if s.asked > 6 {
				t.Errorf("asked %d times, want no more than six", s.asked)
			}
		})
	}
}
