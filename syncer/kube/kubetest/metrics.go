package kubetest

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"
)

// Metrics returns what the API server's /metrics answers.
func (c *Cluster) Metrics(ctx context.Context) (string, error) {
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return "", fmt.Errorf("make a client: %w", err)
	}
	text, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("read the API server's metrics: %w", err)
	}
	return string(text), nil
}

// RequestCount returns how many requests of a verb, as the API server's metrics
// name it (LIST, WATCH, GET, …), were made for a resource since the server
// started, by anyone, whatever the answer. Finished requests count, and for
// WATCH also those that are open now. Each page of a list is a request.
func (c *Cluster) RequestCount(ctx context.Context, verb, resource string) float64 {
	c.t.Helper()
	text, err := c.Metrics(ctx)
	if err != nil {
		c.t.Error(err)
		return 0
	}
	return requestCount(text, verb, resource)
}

// requestCount adds up the samples of one verb and resource. A watch enters
// apiserver_request_total when it ends; until then it is a long-running request.
func requestCount(text, verb, resource string) float64 {
	var sum float64
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, "{")
		if !ok || name != "apiserver_request_total" && name != "apiserver_longrunning_requests" {
			continue
		}
		end := strings.LastIndex(rest, "}")
		if end < 0 {
			continue
		}
		labels := "," + rest[:end] + ","
		if !strings.Contains(labels, `,verb="`+verb+`",`) || !strings.Contains(labels, `,resource="`+resource+`",`) {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[end+1:]), 64)
		if err == nil {
			sum += value
		}
	}
	return sum
}
