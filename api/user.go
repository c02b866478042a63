package api

import "net/http"

// userOf is who asks, "" when nobody knows.
func userOf(*http.Request) string { return "" }
