package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/syncer"
)

// past is a history with a run of each outcome.
func past() *historyDocument {
	resources := func(pods int64, secrets syncer.ResourceOutcome) []syncer.RunResource {
		part := syncer.RunResource{Name: "secrets", Status: secrets}
		if secrets != syncer.ResourceCompleted {
			part.Error = "secrets is forbidden: User \"me\" cannot list resource \"secrets\"\x1b[2J"
		}
		return []syncer.RunResource{{Name: "pods", Status: syncer.ResourceCompleted, Count: pods, Objects: pods}, part}
	}
	run := func(ago time.Duration, trigger syncer.Trigger, outcome syncer.RunOutcome, ms, pods int64, secrets syncer.ResourceOutcome) syncer.Run {
		start := noon.Add(-ago)
		return syncer.Run{
			ID: fmt.Sprintf("01J%010d", start.Unix()), Trigger: trigger, Outcome: outcome, StartTime: start,
			EndTime: start.Add(time.Duration(ms) * time.Millisecond), DurationMs: ms, Objects: pods, Resources: resources(pods, secrets),
		}
	}
	runs := []syncer.Run{
		run(90*time.Second, syncer.TriggerManual, syncer.RunCancelled, 8_400, 4_000, syncer.ResourceCompleted),
		run(2*time.Hour, syncer.TriggerRetry, syncer.RunCompleted, 65_000, 50_120, syncer.ResourceCompleted),
		run(3*time.Hour, syncer.TriggerStartup, syncer.RunFailed, 1_200, 0, syncer.ResourceCompleted),
		run(50*time.Hour, syncer.TriggerStartup, syncer.RunCompleted, 61_000, 50_000, syncer.ResourceForbidden),
		run(70*time.Hour, syncer.TriggerStartup, syncer.RunCompleted, 59_900, 48_000, syncer.ResourceCompleted),
	}
	runs[0].Error, runs[0].PausedSeconds = ptr("cancelled by ann: enough"), 3
	runs[2].Error = ptr("connect to mongodb://me:hunter2@db/: server selection error: timed out while selecting a server")
	runs[3].Partial = true
	return &historyDocument{Runs: runs, Stats: syncer.SummarizeRuns(runs)}
}

// On a terminal the table gives up columns, and then the end of the errors;
// elsewhere nothing is left out.
func TestHistoryText(t *testing.T) {
	for _, width := range []int{0, 120, 80, 40} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			golden(t, fmt.Sprintf("history_%d.txt", width), historyText(past(), noon, width))
		})
	}
	if got, want := historyText(&historyDocument{}, noon, 80), "No run has ended yet.\n"; got != want {
		t.Errorf("got %q of none, want %q", got, want)
	}
}

func TestHistory(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_ = json.NewEncoder(w).Encode(map[string]any{"runs": past().Runs, "stats": past().Stats, "later": "x"})
	}))
	defer server.Close()
	for _, output := range []string{"json", "yaml"} {
		stdout, _, err := sidemirror(t, "history", "--server", server.URL, "--limit", "7", "-o", output)
		var got struct {
			Runs  []syncer.Run
			Later string
		}
		if yamlErr := yaml.Unmarshal([]byte(stdout), &got); err != nil || yamlErr != nil || len(got.Runs) != 5 || got.Later != "x" {
			t.Errorf("%s: got %v, %v and %+v, want the server's document", output, err, yamlErr, got)
		}
		if want := "/api/v1/sync/history?limit=7"; asked != want {
			t.Errorf("asked for %s, want %s", asked, want)
		}
	}
	stdout, _, err := sidemirror(t, "history", "--server", server.URL)
	if err != nil || !strings.Contains(stdout, "5 (3 completed, 1 failed, 1 cancelled)") || strings.Contains(stdout, "hunter2") {
		t.Errorf("got %v and\n%s", err, stdout)
	}
	_, _, err = sidemirror(t, "history", "--server", answer(t, 200, "text/html", "<html>"))
	if err == nil || !strings.HasSuffix(err.Error(), "is no Sidemirror: what it answered isn't a history") {
		t.Errorf("got %v of another server", err)
	}
}

func TestSparkline(t *testing.T) {
	var points []syncer.TrendPoint
	for i := range 30 {
		points = append(points, syncer.TrendPoint{Objects: int64(i % 11)})
	}
	if got, want := sparkline(points), "█▁▂▂▃▄▅▅▆▇▇█▁▂▂▃▄▅▅▆"; got != want {
		t.Errorf("got %s of the newest points, want %s", got, want)
	}
	if got, want := sparkline([]syncer.TrendPoint{{Objects: 5}, {Objects: 5}}), "▄▄"; got != want {
		t.Errorf("got %s of what stays, want %s", got, want)
	}
}
