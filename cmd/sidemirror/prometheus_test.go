package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// prometheus is a real one that scrapes a daemon, once in each format.
type prometheus struct {
	t    *testing.T
	addr string
}

const prometheusConfig = `
global: {scrape_interval: 100ms, scrape_timeout: 100ms}
scrape_configs:
- job_name: text
  scrape_protocols: [PrometheusText0.0.4]
  static_configs: [targets: [%[1]s]]
- job_name: openmetrics
  scrape_protocols: [OpenMetricsText1.0.0]
  static_configs: [targets: [%[1]s]]
- job_name: native
  scrape_protocols: [PrometheusProto]
  scrape_native_histograms: true
  always_scrape_classic_histograms: true
  static_configs: [targets: [%[1]s]]
`

// tool is the path of a program that not every machine has.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s names no program; make test-observability builds one", variable)
	}
	return path
}

// startPrometheus runs program, which scrapes target, host:port, until the test ends.
func startPrometheus(t *testing.T, program, target string) *prometheus {
	t.Helper()
	p := &prometheus{t: t, addr: freeAddress(t)}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, target), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", p.addr, "--enable-feature=exemplar-storage", "--log.level=warn")
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of Prometheus:\n%s", &log)
		}
	})
	p.await("Prometheus is ready", func() bool {
		resp, err := http.Get("http://" + p.addr + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// await polls until what is to be seen is.
func (p *prometheus) await(what string, seen func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); !seen(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("not seen in a minute: %s", what)
		}
	}
}

// get asks the HTTP API for its data.
func (p *prometheus) get(path string, query url.Values, data any) {
	p.t.Helper()
	resp, err := http.Get("http://" + p.addr + "/api/v1/" + path + "?" + query.Encode())
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		p.t.Fatal(err)
	}
	if answer.Status != "success" {
		p.t.Fatalf("%s: %s", query, answer.Error)
	}
	if err := json.Unmarshal(answer.Data, data); err != nil {
		p.t.Fatal(err)
	}
}

// found is one series of an answer, with its newest value or with all.
type found struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// query evaluates promql now.
func (p *prometheus) query(promql string) []found {
	p.t.Helper()
	var data struct{ Result []found }
	p.get("query", url.Values{"query": {promql}}, &data)
	return data.Result
}

// value is that of the only series that promql has; there is false without one.
func (p *prometheus) value(promql string) (value float64, there bool) {
	p.t.Helper()
	switch series := p.query(promql); len(series) {
	case 0:
		return 0, false
	case 1:
		return number(p.t, series[0].Value), true
	default:
		p.t.Fatalf("%s has %d series, want one", promql, len(series))
		return 0, false
	}
}

// is awaits that promql has one series, of this value.
func (p *prometheus) is(promql string, want float64) {
	p.t.Helper()
	p.await(fmt.Sprintf("%s = %v", promql, want), func() bool {
		got, there := p.value(promql)
		return there && got == want
	})
}

// scrapes are the samples of selector as they were scraped, by the moment and then
// by the labels' values that name them.
func (p *prometheus) scrapes(selector string, labels ...string) map[string]map[string]float64 {
	p.t.Helper()
	out := map[string]map[string]float64{}
	for _, series := range p.query(selector + "[1h]") {
		var key []string
		for _, l := range labels {
			key = append(key, series.Metric[l])
		}
		for _, v := range series.Values {
			at := fmt.Sprintf("%.3f", v[0])
			if out[at] == nil {
				out[at] = map[string]float64{}
			}
			out[at][strings.Join(key, " ")] = number(p.t, v)
		}
	}
	return out
}

func number(t *testing.T, sample [2]any) float64 {
	t.Helper()
	text, _ := sample[1].(string)
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// exemplars are the ids of traces by metric.
func (p *prometheus) exemplars() map[string][]string {
	p.t.Helper()
	var data []struct {
		SeriesLabels map[string]string
		Exemplars    []struct{ Labels map[string]string }
	}
	p.get("query_exemplars", url.Values{
		"query": {`{__name__=~"sidemirror_.+"}`},
		"start": {strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix()+1, 10)},
	}, &data)
	out := map[string][]string{}
	for _, s := range data {
		name := strings.TrimSuffix(s.SeriesLabels["__name__"], "_bucket")
		for _, e := range s.Exemplars {
			out[name] = append(out[name], e.Labels["trace_id"])
		}
	}
	return out
}
