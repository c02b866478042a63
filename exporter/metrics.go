package exporter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Native histograms keep about 10 % of precision in at most 160 buckets.
const (
	nativeFactor     = 1.1
	nativeBuckets    = 160
	nativeResetAfter = time.Hour
)

func (t timing) vec() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: t.name, Help: t.help, Buckets: t.buckets,
		NativeHistogramBucketFactor:     nativeFactor,
		NativeHistogramMaxBucketNumber:  nativeBuckets,
		NativeHistogramMinResetDuration: nativeResetAfter,
	}, t.labels)
}

func (p plain) opts() prometheus.Opts {
	return prometheus.Opts{Namespace: namespace, Name: p.name, Help: p.help}
}

// NewHeartbeat returns a gauge of when the engine's loops were last seen to turn,
// which isn't a fact of the state: it goes on while nothing changes.
func NewHeartbeat(last func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts(heartbeat.opts()), func() float64 {
		if at := last(); !at.IsZero() {
			return seconds(&at)
		}
		return 0
	})
}

// NewStreamClients returns a gauge of the clients that follow the status, which
// add changes; transports are all that there are.
func NewStreamClients(transports []string) (c prometheus.Collector, add func(transport string, change int)) {
	clients := prometheus.NewGaugeVec(prometheus.GaugeOpts(streamClients.opts()), streamClients.labels)
	for _, transport := range transports {
		clients.WithLabelValues(transport)
	}
	return clients, func(transport string, change int) { clients.WithLabelValues(transport).Add(float64(change)) }
}

// NewExportErrors returns a counter of exports of telemetry that failed, which
// traces counts.
func NewExportErrors(traces func() uint64) prometheus.Collector {
	opts := exportErrors.opts()
	opts.ConstLabels = prometheus.Labels{exportErrors.labels[0]: "traces"}
	return prometheus.NewCounterFunc(prometheus.CounterOpts(opts), func() float64 { return float64(traces()) })
}

// NewBuildInfo returns a gauge that is always 1 and says which build this is.
func NewBuildInfo(version, revision, goVersion string) prometheus.Collector {
	opts := buildInfo.opts()
	opts.ConstLabels = prometheus.Labels{}
	for i, value := range []string{version, revision, goVersion} {
		opts.ConstLabels[buildInfo.labels[i]] = value
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts), func() float64 { return 1 })
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t *time.Time) float64 {
	if t == nil {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
