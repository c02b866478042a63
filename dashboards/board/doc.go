// Package board holds the Grafana dashboards as code: what is in dashboards/*.json
// and in the ConfigMaps under deploy/ is what it returns, written by generate.
//
// Metrics and labels are named as the exporter's catalogue names them; a test
// holds each query against it, and another runs each against a real Prometheus.
//
// Reading order: board.go (what all dashboards share), variables.go, links.go,
// annotations.go, query.go (how PromQL is put together), panel.go (how panels
// look), states.go (values with names), then overview.go, mirror*.go, history.go.
package board
