package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The binaries to use; Alertmanager is left out when it isn't there.
const (
	prometheusEnv   = "SIDEMIRROR_PROMETHEUS"
	alertmanagerEnv = "SIDEMIRROR_ALERTMANAGER"
)

// alertStage is a real Prometheus, with the rules of alerts/, and a real Alertmanager.
type alertStage struct {
	prometheus, alertmanager string // URLs; alertmanager is "" when there is none
	config                   string // path

	mu      sync.Mutex
	targets map[string][]string // guarded by mu; host:port by job
}

func newAlertStage(t *testing.T) *alertStage {
	t.Helper()
	binary := os.Getenv(prometheusEnv)
	if binary == "" {
		t.Skipf("%s names no Prometheus", prometheusEnv)
	}
	s := &alertStage{prometheus: "http://" + freeAddress(t), targets: map[string][]string{}}
	dir := t.TempDir()
	s.startAlertmanager(t, dir)
	writeHasty(t, filepath.Join(dir, "rules.yaml"))
	s.config = filepath.Join(dir, "prometheus.yaml")
	if err := s.writeConfig(); err != nil {
		t.Fatal(err)
	}
	serveTool(t, s.prometheus+"/-/ready", binary, "--config.file", s.config, "--storage.tsdb.path", filepath.Join(dir, "tsdb"),
		"--web.listen-address", strings.TrimPrefix(s.prometheus, "http://"), "--web.enable-lifecycle")
	return s
}

func (s *alertStage) startAlertmanager(t *testing.T, dir string) {
	t.Helper()
	binary := os.Getenv(alertmanagerEnv)
	if binary == "" {
		t.Logf("%s names no Alertmanager: what would reach it isn't looked at", alertmanagerEnv)
		return
	}
	config := filepath.Join(dir, "alertmanager.yaml")
	if err := os.WriteFile(config, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.alertmanager = "http://" + freeAddress(t)
	serveTool(t, s.alertmanager+"/-/ready", binary, "--config.file", config, "--storage.path", filepath.Join(dir, "alertmanager"),
		"--web.listen-address", strings.TrimPrefix(s.alertmanager, "http://"), "--cluster.listen-address=")
}

// serveTool runs a server until the test ends, and waits until it is ready.
func serveTool(t *testing.T, ready, binary string, args ...string) {
	t.Helper()
	var log strings.Builder // read once the process has ended
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", filepath.Base(binary), log.String())
		}
	})
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(ready)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s isn't ready after a minute: %v", filepath.Base(binary), err)
		}
	}
}

// inMinutes are the places of a rule at which a time stands.
var inMinutes = regexp.MustCompile(`(\[|for: )(\d+)([mhd])|(\d+) \* 60\b`)

// hasty makes every minute of the rules a second.
func hasty(rules string) string {
	return inMinutes.ReplaceAllStringFunc(rules, func(found string) string {
		m := inMinutes.FindStringSubmatch(found)
		if m[4] != "" {
			return m[4] + " * 1"
		}
		var n int
		_, _ = fmt.Sscan(m[2], &n) // digits
		return fmt.Sprintf("%s%ds", m[1], n*map[string]int{"m": 1, "h": 60, "d": 24 * 60}[m[3]])
	})
}

func writeHasty(t *testing.T, path string) {
	t.Helper()
	rules, err := os.ReadFile("../../alerts/sidemirror.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(hasty(string(rules))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeConfig writes the configuration of Prometheus; the caller holds mu, or is
// the constructor.
func (s *alertStage) writeConfig() error {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\nrule_files: [rules.yaml]\n")
	if s.alertmanager != "" {
		fmt.Fprintf(&b, "alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n", strings.TrimPrefix(s.alertmanager, "http://"))
	}
	b.WriteString("scrape_configs:\n")
	for _, job := range slices.Sorted(maps.Keys(s.targets)) {
		targets, err := json.Marshal(s.targets[job])
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "- {job_name: %s, static_configs: [{targets: %s}]}\n", job, targets)
	}
	return os.WriteFile(s.config, []byte(b.String()), 0o600)
}

// watched is a daemon that Prometheus scrapes.
type watched struct {
	*daemon
	stage *alertStage
	job   string
}

// scrape makes d a target.
func (s *alertStage) scrape(d *daemon, job string) *watched {
	d.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.targets[job] = append(s.targets[job], strings.TrimPrefix(d.server, "http://"))
	if err := s.writeConfig(); err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.Post(s.prometheus+"/-/reload", "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		d.t.Fatalf("reload Prometheus: %s: %s", resp.Status, text)
	}
	return &watched{d, s, job}
}

// fire waits until these alerts, and no others, fire for the daemon, both in
// Prometheus and as Alertmanager has heard. None is quiet.
func (w *watched) fire(names ...string) {
	w.t.Helper()
	slices.Sort(names)
	began := time.Now()
	var evaluated, heard []string
	for time.Since(began) < 3*time.Minute {
		evaluated, heard = w.firing()
		if slices.Equal(evaluated, names) && slices.Equal(heard, names) {
			w.t.Logf("%s fires %v after %s", w.job, names, time.Since(began).Round(time.Second))
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	w.t.Fatalf("in Prometheus %v fire, in Alertmanager %v, want %v", evaluated, heard, names)
}

// firing names the alerts of the daemon that fire in Prometheus, and those that
// Alertmanager has.
func (w *watched) firing() (evaluated, heard []string) {
	w.t.Helper()
	var rules struct {
		Data struct {
			Alerts []struct {
				State  string
				Labels map[string]string
			}
		}
	}
	w.get(w.stage.prometheus+"/api/v1/alerts", &rules)
	for _, a := range rules.Data.Alerts {
		if a.State == "firing" && w.mine(a.Labels) {
			evaluated = append(evaluated, a.Labels["alertname"])
		}
	}
	slices.Sort(evaluated)
	evaluated = slices.Compact(evaluated)
	if w.stage.alertmanager == "" {
		return evaluated, evaluated
	}
	var alerts []struct{ Labels map[string]string }
	w.get(w.stage.alertmanager+"/api/v2/alerts", &alerts)
	for _, a := range alerts {
		if w.mine(a.Labels) {
			heard = append(heard, a.Labels["alertname"])
		}
	}
	slices.Sort(heard)
	return evaluated, slices.Compact(heard)
}

func (w *watched) mine(labels map[string]string) bool {
	if instance := labels["instance"]; instance != "" {
		return instance == strings.TrimPrefix(w.server, "http://")
	}
	return labels["job"] == w.job
}

func (w *watched) get(url string, into any) {
	w.t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		w.t.Fatalf("%s: %v", url, err)
	}
}
