package main_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// scrapeRounds is how often each way is measured; the best one counts, since what
// else goes on in the machine only ever adds.
const scrapeRounds = 3

// BenchmarkFirstSyncScraped runs the daemon's first sync of SIDEMIRROR_BENCH_PODS
// Pods and all other default resources without a scrape and with one each second,
// in turns. sync-s is how long the sync step took, cpu-s what the daemon used in
// all its life; the API server shares the machine.
func BenchmarkFirstSyncScraped(b *testing.B) {
	c := kubetest.Start(b)
	c.Fill("--pods", strconv.Itoa(benchPods(b)), "--mixed", "500")
	fetchAll(b, c.Config()) // warms the server up
	for b.Loop() {
		s := scraper{every: time.Second}
		never, scraped := cost{math.Inf(1), math.Inf(1)}, cost{math.Inf(1), math.Inf(1)}
		for range scrapeRounds {
			never = never.best(firstSyncScraped(b, c, &scraper{}))
			scraped = scraped.best(firstSyncScraped(b, c, &s))
		}
		b.ReportMetric(never.sync, "never-sync-s")
		b.ReportMetric(scraped.sync, "scraped-sync-s")
		b.ReportMetric(never.cpu, "never-cpu-s")
		b.ReportMetric(scraped.cpu, "scraped-cpu-s")
		slices.Sort(s.took)
		milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		b.ReportMetric(milliseconds(s.took[len(s.took)/2]), "median-scrape-ms")
		b.ReportMetric(milliseconds(s.took[len(s.took)-1]), "slowest-scrape-ms")
		b.ReportMetric(float64(s.bytes)/1024, "scrape-KiB")
	}
}

// cost is what a sync took, in seconds.
type cost struct{ sync, cpu float64 }

func (c cost) best(other cost) cost { return cost{min(c.sync, other.sync), min(c.cpu, other.cpu)} }

func firstSyncScraped(b *testing.B, c *kubetest.Cluster, s *scraper) (took cost) {
	d := newDaemon(b, c)
	d.start()
	d.waitFor("an answer", func(*syncer.Status) bool { return true })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, d.server+"/metrics") }()
	d.command(10*time.Minute, "wait", "--server", d.server, "--for", "completed", "--timeout", "10m")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	for _, step := range d.status().StepStatus {
		if step.Step == syncer.StepSync {
			took.sync = step.EndTime.Sub(step.StartTime).Seconds()
		}
	}
	d.stop()
	took.cpu = (d.cmd.ProcessState.UserTime() + d.cmd.ProcessState.SystemTime()).Seconds()
	return took
}

// scraper reads metrics as text; every scrape is whole before it counts.
type scraper struct {
	every time.Duration // 0 is never
	took  []time.Duration
	bytes int64 // of the largest
}

// run scrapes at once and then at an interval, until ctx ends.
func (s *scraper) run(ctx context.Context, url string) error {
	if s.every == 0 {
		return nil
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		if err := s.scrape(url); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *scraper) scrape(url string) error {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0")
	req.Header.Set("Accept-Encoding", "identity")
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	s.took, s.bytes = append(s.took, time.Since(began)), max(s.bytes, n)
	return nil
}
