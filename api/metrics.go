package api

import "net/http"

// NewMetricsHandler answers /metrics with metrics, and nothing else: what a
// listener of its own shows to scrapers alone.
func NewMetricsHandler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		if !writes(w, r) {
			metrics.ServeHTTP(w, r)
		}
	})
	mux.HandleFunc("/", notFound)
	return mux
}
