package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidemirror/sidemirror/syncer"
)

// Collector reads one snapshot per scrape. It keeps no numbers of its own.
type Collector struct {
	status   func() *syncer.Status
	created  time.Time // when its counters began at 0
	run      []described
	resource []described
}

type described struct {
	*entry
	desc *prometheus.Desc
}

// NewCollector returns a collector of the state that status returns. status is
// called once a scrape, from any goroutine.
func NewCollector(status func() *syncer.Status) *Collector {
	return &Collector{status: status, created: time.Now(), run: describe(runEntries), resource: describe(resourceEntries)}
}

func describe(entries []entry) []described {
	out := make([]described, len(entries))
	for i := range entries {
		e := &entries[i]
		out[i] = described{e, prometheus.NewDesc(prometheus.BuildFQName(namespace, "", e.name), e.help, e.labels, nil)}
	}
	return out
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.run {
		ch <- d.desc
	}
	for _, d := range c.resource {
		ch <- d.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	s := c.status()
	for _, d := range c.run {
		d.whole(s, c.sendTo(d, ch))
	}
	all := tallies(s)
	for _, d := range c.resource {
		put := c.sendTo(d, ch)
		for _, t := range all {
			d.resource(t, put)
		}
	}
}

// sendTo turns samples into metrics; one that can't be made fails the scrape's
// own report, not the process.
func (c *Collector) sendTo(d described, ch chan<- prometheus.Metric) emit {
	return func(value float64, labels ...string) {
		m, err := c.metric(d, value, labels)
		if err != nil {
			m = prometheus.NewInvalidMetric(d.desc, err)
		}
		ch <- m
	}
}

// metric is one sample. Counters say since when they count, so that Prometheus
// needn't guess it from a first scrape.
func (c *Collector) metric(d described, value float64, labels []string) (prometheus.Metric, error) {
	if d.kind != counter {
		return prometheus.NewConstMetric(d.desc, d.kind, value, labels...)
	}
	return prometheus.NewConstMetricWithCreatedTimestamp(d.desc, d.kind, value, c.created, labels...)
}
