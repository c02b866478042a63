package api

import "net/http"

// response passes everything on, carries the request's snapshot to the routes,
// and knows whether the answer has begun.
type response struct {
	http.ResponseWriter
	view  *view
	begun bool
}

func (w *response) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begun = true
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what the server can do.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
