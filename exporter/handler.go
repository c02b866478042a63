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
//
// Series named _created, which the text of OpenMetrics has room for, aren't there:
// they would be samples that nobody asks for. Protobuf carries since when
// counters count.
func Handler(reg *prometheus.Registry, log hclog.Logger) http.Handler {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	return promhttp.HandlerFor(quiet(reg, log), promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            reg,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}

// quiet logs what can't be gathered, and tells no more than that.
func quiet(from prometheus.Gatherer, log hclog.Logger) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := from.Gather()
		if err != nil {
			log.Error("metrics can't be gathered", "error", err)
			err = errGather
		}
		return families, err
	})
}
