package exporter

import (
	"errors"
	"net/http"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// maxScrapes is how many scrapes are answered at the same time.
const maxScrapes = 8

var errGather = errors.New("metrics can't be gathered; the log says why")

// Handler answers scrapes of reg, in the text format, OpenMetrics or protobuf
// (which native histograms need). What can't be gathered is logged, counted and
// left out; the client isn't told why.
func Handler(reg *prometheus.Registry, log hclog.Logger) http.Handler {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	gather := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := reg.Gather()
		if err != nil {
			log.Error("metrics can't be gathered", "error", err)
			err = errGather
		}
		return families, err
	})
	return promhttp.HandlerFor(gather, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            reg,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}
