//go:build unix

package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const (
	loadConnections = 4
	// loadRounds alternate between the servers that are compared, so that what else
	// the machine does hits them alike; the median round counts.
	loadRounds = 21
)

// cost is what a request takes: time over all connections, and processor time of
// both ends, which hardly depends on what else the machine does.
type cost struct{ wall, cpu float64 } // nanoseconds, or a ratio of them

// load sends n requests over kept connections and returns what one takes.
func load(b *testing.B, t target, n int) cost {
	b.Helper()
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	began, used := time.Now(), processorTime(b)
	for range loadConnections {
		wg.Go(func() {
			if err := requests(t.addr, t.path, &left); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	return cost{float64(time.Since(began)) / float64(n), float64(processorTime(b)-used) / float64(n)}
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// requests reads answers as cheaply as it can, so that what is measured is the
// server and not its client.
func requests(addr, path string, left *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 64<<10)
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: app\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n")
	for left.Add(-1) >= 0 {
		if _, err := c.Write(request); err != nil {
			return err
		}
		if err := answer(r); err != nil {
			return err
		}
	}
	return nil
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

func answer(r *bufio.Reader) error {
	length, first := 0, true
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case first && !bytes.HasPrefix(line, statusOK):
			return fmt.Errorf("answer: %s", line)
		case bytes.HasPrefix(line, contentLength):
			if length, err = strconv.Atoi(string(line[len(contentLength) : len(line)-2])); err != nil {
				return err
			}
		case len(line) == 2:
			_, err := r.Discard(length)
			return err
		}
		first = false
	}
}

// target is one of the servers that are compared.
type target struct{ addr, path string }

func serve(b *testing.B, h http.Handler, path string) target {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close() })
	return target{l.Addr().String(), path}
}

// compare returns what a request to each target costs, and by how much more than
// one to the first, each as the median over the rounds.
func compare(b *testing.B, targets ...target) (costs, ratios []cost) {
	b.Helper()
	for _, t := range targets {
		load(b, t, 1000)
	}
	rounds, relative := make([][]cost, len(targets)), make([][]cost, len(targets))
	for round := range loadRounds {
		this := make([]cost, len(targets))
		for i := range targets {
			i = (i + round) % len(targets)
			this[i] = load(b, targets[i], max(b.N/loadRounds, 500))
		}
		for i, c := range this {
			rounds[i] = append(rounds[i], c)
			relative[i] = append(relative[i], cost{c.wall / this[0].wall, c.cpu / this[0].cpu})
		}
	}
	for i := range targets {
		costs, ratios = append(costs, median(rounds[i])), append(ratios, median(relative[i]))
	}
	return costs, ratios
}

func median(all []cost) cost {
	middle := func(of func(cost) float64) float64 {
		values := make([]float64, len(all))
		for i, c := range all {
			values[i] = of(c)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return cost{middle(func(c cost) float64 { return c.wall }), middle(func(c cost) float64 { return c.cpu })}
}

// constant is the cheapest answer that an application can give: what the headers
// add to it is the most that they can add.
func constant(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "4096")
	_, _ = w.Write(fourKiB)
}

var fourKiB = []byte(strings.Repeat("x", 4096))

// marshalled is an answer that costs what a page of a list does.
func marshalled(w http.ResponseWriter, _ *http.Request) {
	body, _ := json.Marshal(servedPage)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

var servedPage = large().ResourceStatus

// BenchmarkHeaderCost holds an application's answers with the headers against the
// same without; the target is less than 3 % more for one that has work to do.
func BenchmarkHeaderCost(b *testing.B) {
	for _, s := range []*syncer.Status{inProgress(), completed()} {
		for name, bare := range map[string]http.HandlerFunc{"constant": constant, "marshalled": marshalled} {
			b.Run(string(s.Status)+"/"+name, func(b *testing.B) {
				wrapped := api.NewHeaders(func() *syncer.Status { return s }).Wrap(bare)
				costs, ratios := compare(b, serve(b, bare, "/"), serve(b, wrapped, "/"))
				b.ReportMetric(costs[0].cpu, "bare-cpu-ns/req")
				b.ReportMetric(costs[1].cpu, "with-headers-cpu-ns/req")
				b.ReportMetric((ratios[1].cpu-1)*100, "overhead-%")
			})
		}
	}
}

// BenchmarkStatusThroughput holds reads of the status against a handler that
// writes a constant of the same size; the target is at least half as many a second.
func BenchmarkStatusThroughput(b *testing.B) {
	s := atomic.Pointer[syncer.Status]{}
	s.Store(large())
	own := api.NewHandler(api.Options{Status: s.Load})
	w := httptest.NewRecorder()
	own.ServeHTTP(w, httptest.NewRequest(http.MethodGet, statusPath, nil))
	body, length := w.Body.Bytes(), fmt.Sprint(w.Body.Len())
	constant := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(body)
	})
	for _, changes := range []time.Duration{0, 10 * time.Millisecond} {
		name := "steady"
		if changes > 0 {
			name = "changing every " + changes.String()
		}
		b.Run(name, func(b *testing.B) {
			stop := changing(&s, changes)
			costs, ratios := compare(b, serve(b, constant, "/"), serve(b, own, statusPath))
			stop()
			b.ReportMetric(1e9/costs[0].wall, "constant-req/s")
			b.ReportMetric(1e9/costs[1].wall, "status-req/s")
			b.ReportMetric(100/ratios[1].wall, "%-of-constant")
			b.ReportMetric(float64(len(body)), "body-bytes")
		})
	}
}

// changing publishes a new snapshot every so often; 0 is never.
func changing(s *atomic.Pointer[syncer.Status], every time.Duration) (stop func()) {
	if every == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				next := *s.Load()
				next.Revision++
				s.Store(&next)
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// BenchmarkUpstream says what the way through the proxy adds to an application's
// answer, its own second connection included.
func BenchmarkUpstream(b *testing.B) {
	direct := serve(b, http.HandlerFunc(constant), "/")
	u, err := api.NewUpstream(api.UpstreamOptions{
		URL: "http://" + direct.addr, Own: http.NotFoundHandler(), Status: inProgress,
	})
	if err != nil {
		b.Fatal(err)
	}
	costs, _ := compare(b, direct, serve(b, u, "/"))
	b.ReportMetric(costs[0].cpu, "direct-cpu-ns/req")
	b.ReportMetric(costs[1].cpu, "proxied-cpu-ns/req")
}
