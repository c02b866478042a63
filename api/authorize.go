package api

import (
	"net/http"
	"strings"
)

// authorize reports whether the request may do what at says, and has answered it
// if not.
func (a *handler) authorize(w http.ResponseWriter, r *http.Request, at Attributes) bool {
	_, ok := a.Guard.admit(w, r, at)
	return ok
}

// authorizeControl is authorize for the control route at path. The request that it
// returns knows its user.
func (a *handler) authorizeControl(w http.ResponseWriter, r *http.Request, path string) (*http.Request, bool) {
	u, ok := a.Guard.admit(w, r, Attributes{Verb: strings.ToLower(r.Method), Path: path})
	return a.Guard.with(u, r), ok
}

// userOf is who asks, "" when nobody knows.
func userOf(r *http.Request) string {
	u, _ := UserFrom(r.Context())
	return u.Name
}
