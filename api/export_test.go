package api

import "net/http"

// HandleRead registers a route that is for those who may do what at says.
func HandleRead(h http.Handler, path string, at Attributes, do http.HandlerFunc) {
	a := h.(*handler)
	a.read(path, func(w http.ResponseWriter, r *http.Request, _ *view) {
		if a.authorize(w, r, at) {
			do(w, r)
		}
	})
}

// RememberedAddresses counts the addresses whose invalid tokens are.
func RememberedAddresses(h http.Handler) int { return h.(*handler).Guard.failures.addresses.Len() }

// ShownBy is the common name of the certificate that a client would see.
func ShownBy(c *Certificate) string {
	shown, err := c.config().GetCertificate(nil)
	if err != nil {
		return err.Error()
	}
	return shown.Leaf.Subject.CommonName
}
