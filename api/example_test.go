package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/client"
	"github.com/sidemirror/sidemirror/syncer"
)

// orders is an application that knows nothing of Sidemirror.
func orders() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "two orders") })
	return mux
}

func show(server string) {
	res, err := http.Get(server + "/orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	for _, name := range []string{api.HeaderStatus, api.HeaderProgress, api.HeaderError} {
		if value := res.Header.Get(name); value != "" {
			fmt.Printf("%s: %s\n", name, value)
		}
	}
}

// An application that runs the engine itself has the tracker's status at hand.
func ExampleNewHeaders() {
	tracker := syncer.NewTracker(syncer.TrackerOptions{Cluster: "prod"})
	headers := api.NewHeaders(tracker.Status)

	server := httptest.NewServer(headers.Wrap(orders()))
	defer server.Close()
	show(server.URL)
	// Output:
	// X-Sync-Status: not_started
}

// The headers are on what the wrapped routes answer, errors included, and on
// nothing else.
func ExampleHeaders_Wrap() {
	status := &syncer.Status{Revision: 7, Status: syncer.InProgress, Step: syncer.StepSync, SyncedResources: 6, TotalResources: 11}
	headers := api.NewHeaders(func() *syncer.Status { return status })

	mux := http.NewServeMux()
	mux.Handle("/orders", headers.Wrap(orders()))
	mux.HandleFunc("/favicon.ico", http.NotFound)

	server := httptest.NewServer(mux)
	defer server.Close()
	show(server.URL)
	// Output:
	// X-Sync-Status: in_progress
	// X-Sync-Progress: 6/11
}

// An application beside a Sidemirror follows it from its URL: in the background,
// so that its own requests ask nobody.
func ExampleNewRemoteHeaders() {
	sidecar := httptest.NewServer(http.NotFoundHandler()) // no Sidemirror in this example
	defer sidecar.Close()

	follower, err := client.New(client.Options{URL: sidecar.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = follower.Run(ctx) })
	defer running.Wait()
	defer stop()

	server := httptest.NewServer(api.NewRemoteHeaders(follower).Wrap(orders()))
	defer server.Close()
	show(server.URL)
	// Output:
	// X-Sync-Error: no answer from the sidecar
}
