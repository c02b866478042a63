package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/sidemirror/sidemirror/syncer"
)

const statusHelp = `Prints the status of a running Sidemirror. json and yaml are the server's own
document, with whatever a newer server adds to it.

--watch goes on until it is interrupted: a terminal shows live bars while a run is
in progress and the table otherwise; elsewhere, each change is a line, a JSON
document on a line of its own, or a YAML document.

Exit codes: 0 the status was read, whatever it says; 1 it couldn't be; 2 usage.`

// statusOptions are the flags of status, as given.
type statusOptions struct {
	serverOptions
	output *enum
	watch  bool
}

func newStatusCommand() *cobra.Command {
	o := statusOptions{output: newEnum("text", "json", "yaml")}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print how far the mirror of a running Sidemirror is",
		Long:  statusHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.client()
			if err != nil {
				return err
			}
			if o.watch {
				return o.follow(cmd.Context(), client, cmd.OutOrStdout())
			}
			answer, err := client.get(cmd.Context())
			if err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), answer)
		},
	}
	o.addFlags(cmd)
	cmd.Flags().VarP(o.output, "output", "o", "form of the status")
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "go on, and show each change")
	return cmd
}

// print writes one status in the form that was asked for.
func (o *statusOptions) print(w io.Writer, answer *statusAnswer) error {
	switch o.output.value {
	case "json":
		var b bytes.Buffer
		if err := json.Indent(&b, bytes.TrimSpace(answer.Body), "", "  "); err != nil {
			return err
		}
		_, err := fmt.Fprintln(w, b.String())
		return err
	case "yaml":
		text, err := yaml.JSONToYAML(answer.Body)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	default:
		_, err := io.WriteString(w, statusText(answer.Status, time.Now()))
		return err
	}
}

// follow shows each change until ctx ends, which is no error. A server that was
// seen once may go away and come back.
func (o *statusOptions) follow(ctx context.Context, client *statusClient, w io.Writer) error {
	show := o.shower(w)
	var last *statusAnswer
	for {
		answer, err := client.get(ctx)
		switch _, away := errors.AsType[*noAnswerError](err); {
		case ctx.Err() != nil:
			return nil
		case err != nil && (last == nil || !away):
			return err
		case err == nil:
			if err := show(answer, answer != last); err != nil {
				return err
			}
			last = answer
		}
		if sleep(ctx, o.interval) != nil {
			return nil
		}
	}
}

// shower returns how each answer is shown.
func (o *statusOptions) shower(w io.Writer) func(a *statusAnswer, changed bool) error {
	if t := terminalOf(w); t.live && o.output.value == "text" {
		watcher := &statusWatcher{bars{screen: &screen{out: w}, terminal: t}}
		return watcher.show
	}
	return func(a *statusAnswer, changed bool) error {
		if !changed {
			return nil
		}
		return o.printChange(w, a)
	}
}

// printChange writes one of many statuses, each in a form that can be told apart.
func (o *statusOptions) printChange(w io.Writer, a *statusAnswer) error {
	var b bytes.Buffer
	switch o.output.value {
	case "json":
		if err := json.Compact(&b, a.Body); err != nil {
			return err
		}
		b.WriteByte('\n')
	case "yaml":
		b.WriteString("---\n")
		if err := o.print(&b, a); err != nil {
			return err
		}
	default:
		fmt.Fprintf(&b, "%s %s\n", a.Status.ObservedAt.UTC().Format(time.RFC3339), summary(a.Status))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// statusWatcher shows bars while a run is in progress, and the table otherwise.
// The last of either stays on the terminal.
type statusWatcher struct{ bars }

func (v *statusWatcher) show(a *statusAnswer, _ bool) error {
	if a.Status.Status == syncer.InProgress {
		v.bars.show(time.Now(), a.Status)
		return nil
	}
	width, height := v.terminal.size()
	lines := strings.Split(strings.TrimSuffix(statusText(a.Status, time.Now()), "\n"), "\n")
	lines = lines[:min(len(lines), max(height-1, 1))]
	for i := range lines {
		lines[i] = shorten(lines[i], width)
	}
	v.screen.Draw(lines)
	return nil
}
