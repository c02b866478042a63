package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

// completionTimeout is how long a shell waits for a server before it offers nothing.
const completionTimeout = time.Second

// completeList completes the last name of a list, which commas separate, with
// names that a server knows. Without an answer nothing is offered.
func completeList(names func(context.Context) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		offered := offer(cmd, names)
		before := toComplete[:strings.LastIndex(toComplete, ",")+1]
		given := strings.Split(before, ",")
		var out []string
		for _, name := range offered {
			if !slices.Contains(given, name) && strings.HasPrefix(before+name, toComplete) {
				out = append(out, before+name)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// offer asks the server that the flags and the environment name.
func offer(cmd *cobra.Command, names func(context.Context) ([]string, error)) []string {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	if _, err := fillFlags(cmd); err != nil {
		return nil
	}
	found, err := names(ctx)
	if err != nil {
		return nil
	}
	return found
}

// mirroredResources are the resources that the command may name: those that wait
// for an attempt where it is about attempts, else all.
func (o *controlOptions) mirroredResources(ctx context.Context) ([]string, error) {
	client, err := o.client()
	if err != nil {
		return nil, err
	}
	answer, err := client.get(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range answer.Status.ResourceStatus {
		r := &answer.Status.ResourceStatus[i]
		wanted := o.action != syncer.ActionRetry || r.NextRetryAt != nil
		if wanted && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

// mirroredNamespaces are the namespaces that a server tells the progress of.
func (o *serverOptions) mirroredNamespaces(ctx context.Context) ([]string, error) {
	client, err := o.dial()
	if err != nil {
		return nil, err
	}
	list, err := fetchNamespaces(ctx, client)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(list.Namespaces))
	for i := range list.Namespaces {
		names[i] = list.Namespaces[i].Namespace
	}
	return names, nil
}
