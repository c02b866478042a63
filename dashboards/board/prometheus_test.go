package board_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// scraper is a real Prometheus, which scrapes one target each second, twice: for
// classic histograms and for native ones.
type scraper struct {
	t   *testing.T
	url string
}

const scrapeConfig = `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- {job_name: classic, static_configs: &target [{targets: [%q], labels: {cluster: test, namespace: shop}}]}
- {job_name: native, scrape_native_histograms: true, static_configs: *target}
`

func startPrometheus(t *testing.T, binary, target string) *scraper {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, scrapeConfig, target), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := freeAddress(t)
	start(t, exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+listen, "--enable-feature=exemplar-storage", "--log.level=warn"))
	p := &scraper{t: t, url: "http://" + listen}
	p.wait("Prometheus is ready", func() bool {
		resp, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// wait polls until something has come about.
func (p *scraper) wait(what string, ok func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.t.Fatalf("not seen in 90 s: %s", what)
}

// seen waits until both jobs have scraped what expr selects, and does meanwhile,
// again and again, what brings it about.
func (p *scraper) seen(expr string, meanwhile ...func()) {
	p.t.Helper()
	p.wait(expr, func() bool {
		for _, do := range meanwhile {
			do()
		}
		at := strconv.FormatInt(time.Now().Unix(), 10)
		got, err := p.ask("query", url.Values{"query": {"count by (job) (" + expr + ")"}, "time": {at}})
		return err == nil && len(got.Data.Result) == 2
	})
}

// answer is one of /api/v1/query and query_range.
type answer struct {
	Status, Error string
	Warnings      []string
	Infos         []string
	Data          struct {
		Result []struct {
			Metric     map[string]string
			Values     [][2]any
			Histograms []json.RawMessage
		}
	}
}

func (p *scraper) ask(route string, form url.Values) (answer, error) {
	var a answer
	return a, p.get(route, form, &a)
}

func (p *scraper) get(route string, form url.Values, into any) error {
	resp, err := http.Get(p.url + "/api/v1/" + route + "?" + form.Encode())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	return json.Unmarshal(body, into)
}

// moments is the time that a query is asked for.
type moments struct{ from, to time.Time }

func (m moments) form(expr string) url.Values {
	return url.Values{
		"query": {expr}, "step": {"1"},
		"start": {strconv.FormatInt(m.from.Unix(), 10)}, "end": {strconv.FormatInt(m.to.Unix(), 10)},
	}
}

// found says what a query brought: a number, and one that isn't 0.
func (p *scraper) found(expr string, m moments) (number, other bool, err error) {
	a, err := p.ask("query_range", m.form(expr))
	if err != nil {
		return false, false, err
	}
	if len(a.Warnings) > 0 {
		return false, false, fmt.Errorf("warnings: %v", a.Warnings)
	}
	for _, r := range a.Data.Result {
		if len(r.Histograms) > 0 {
			number, other = true, true
		}
		for _, v := range r.Values {
			text, _ := v[1].(string)
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return number, other, err
			}
			number = number || !math.IsNaN(n)
			other = other || !math.IsNaN(n) && n != 0
		}
	}
	return number, other, nil
}

// traces is how many exemplars of a query's series have a trace.
func (p *scraper) traces(expr string, m moments) (int, error) {
	var a struct {
		Data []struct {
			Exemplars []struct{ Labels map[string]string }
		}
	}
	if err := p.get("query_exemplars", m.form(expr), &a); err != nil {
		return 0, err
	}
	n := 0
	for _, s := range a.Data {
		for _, e := range s.Exemplars {
			if len(e.Labels["trace_id"]) == 32 {
				n++
			}
		}
	}
	return n, nil
}
