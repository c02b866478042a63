package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

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
	return printDocument(w, o.output.value, answer.Body, func(width int) string {
		return statusText(answer.Status, time.Now(), width)
	})
}

// follow shows each change until ctx ends, which is no error. A server that was
// seen once may go away and come back.
func (o *statusOptions) follow(ctx context.Context, client *statusClient, w io.Writer) error {
	v := o.view(w)
	defer v.leave()
	_, client.lively = v.(*statusWatcher)
	var last *statusAnswer
	for ask := client.get; ; ask = client.next {
		answer, err := ask(ctx)
		switch _, away := errors.AsType[*noAnswerError](err); {
		case ctx.Err() != nil:
			return nil
		case err != nil && (last == nil || !away):
			return err
		case err != nil:
			v.away(err)
		default:
			if err := v.show(answer, answer != last); err != nil {
				return err
			}
			last = answer
		}
	}
}

// statusView shows answers as they come.
type statusView interface {
	show(a *statusAnswer, changed bool) error
	away(err error) // there is none just now
	leave()
}

// view returns how answers are shown on w.
func (o *statusOptions) view(w io.Writer) statusView {
	if t := terminalOf(w); t.live && o.output.value == "text" {
		return &statusWatcher{bars: bars{screen: &screen{out: w}, terminal: t}}
	}
	return &statusLines{o, w}
}

// statusLines prints what has changed.
type statusLines struct {
	o *statusOptions
	w io.Writer
}

func (v *statusLines) show(a *statusAnswer, changed bool) error {
	if !changed {
		return nil
	}
	return v.o.printChange(v.w, a)
}

func (v *statusLines) away(error) {}
func (v *statusLines) leave()     {}

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
type statusWatcher struct {
	bars
	last []string
	seen time.Time
}

func (v *statusWatcher) show(a *statusAnswer, _ bool) error {
	now := time.Now()
	width, height := v.terminal.size()
	if a.Status.Status == syncer.InProgress {
		v.last = v.lines(now, a.Status)
	} else {
		v.last = statusScreen(a.Status, now, width, max(height-1, 1))
	}
	v.seen = now
	v.screen.draw(v.last, width)
	return nil
}

// away says below what was seen last how old that is.
func (v *statusWatcher) away(err error) {
	width, height := v.terminal.size()
	text := fmt.Sprintf("as of %s ago: %s", elapsed(time.Since(v.seen)), printable(err.Error()))
	last := v.last[:min(len(v.last), max(height-2, 0))]
	v.screen.draw(append(fitted(slices.Clone(last), width), v.frame(time.Now()).paint(red, shorten(text, width))), width)
}

// leave draws once more what stands there, over what the terminal has put behind
// it for a key that was pressed.
func (v *statusWatcher) leave() {
	width, _ := v.terminal.size()
	v.screen.draw(v.last, width)
}
