package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/api"
)

// traceOptions are the flags about traces that the OTEL_* variables don't have: those
// say where spans go, and not where people look at them.
type traceOptions struct{ urlTemplate string }

func (o *traceOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.urlTemplate, "trace-url-template", "", "`URL` of a trace's page with {trace_id} in it, for links to the runs' traces: https://jaeger/trace/{trace_id}")
	complete(cmd, "trace-url-template", cobra.FixedCompletions([]string{"http://", "https://"}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
}

// link makes a trace's address out of its id; nil without a template.
func (o *traceOptions) link() (func(id string) string, error) {
	if o.urlTemplate == "" {
		return nil, nil
	}
	link, err := api.NewTraceURL(o.urlTemplate)
	if err != nil {
		return nil, fmt.Errorf("--trace-url-template: %w", err)
	}
	return link, nil
}
