package api

import "net/http"

// Patterns are what h, which [NewHandler] made, has registered.
func Patterns(h http.Handler) []string { return h.(*handler).mux.patterns }
