package api_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// told is a follower that knows what the test tells it.
type told struct {
	status *syncer.Status
	err    error
}

func (f *told) Status() *syncer.Status { return f.status }
func (f *told) Err() error             { return f.err }

// What isn't known isn't told: above all never that the mirror is complete.
func TestRemoteHeadersTellNothingThatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		f := &told{status: &syncer.Status{Status: syncer.NotStarted}, err: away}
		app := api.NewRemoteHeaders(f).Wrap(http.NotFoundHandler())
		expect := func(moment string, want map[string]string) {
			t.Helper()
			res := do(app, http.MethodGet, "/")
			if diff := cmp.Diff(want, syncHeaders(res)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", moment, diff)
			}
			if res.Header.Get("Access-Control-Expose-Headers") == "" {
				t.Errorf("%s: browsers can't read the headers", moment)
			}
		}
		nobody := map[string]string{"X-Sync-Error": "no answer from the sidecar"}
		synced := map[string]string{
			"X-Sync-Status": "completed", "X-Sync-Revision": "43",
			"X-Sync-End-Time": "2026-01-07T10:30:05.234Z", "X-Sync-Duration": "5234ms",
		}
		expect("never heard of it", nobody)
		*f = told{status: completed()}
		expect("there", synced)
		time.Sleep(time.Hour)
		expect("there for an hour", synced)
		f.err = away
		time.Sleep(5 * time.Second)
		expect("away for five seconds", synced)
		time.Sleep(10 * time.Second)
		expect("away for fifteen", nobody)
		*f = told{status: inProgress()}
		expect("there again", map[string]string{
			"X-Sync-Status": "in_progress", "X-Sync-Revision": "42", "X-Sync-Step": "sync",
			"X-Sync-Progress": "6/11", "X-Sync-Current-Resource": "Deployment",
		})
		f.err = errors.New("this is no Sidemirror")
		time.Sleep(20 * time.Second)
		expect("another program at its address", nobody)
	})
}
