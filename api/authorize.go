package api

import "net/http"

// Attributes say what a request wants to read, in the API server's words.
type Attributes struct{ Verb, Group, Resource, Namespace, Name string }

// authorize reports whether the request may read what at says, and answers it if
// not. Nobody has been asked to decide, so everyone may.
func (a *handler) authorize(http.ResponseWriter, *http.Request, Attributes) bool { return true }
