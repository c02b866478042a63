package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const waitHelp = `Waits until the mirror of a running Sidemirror is complete (--for completed), or
its run has ended in any way (--for terminal). Progress goes to stderr. A server
that isn't there yet is waited for too.

Exit codes: 0 reached; 1 the run failed (with --for completed), the wait was
interrupted, or the server isn't a Sidemirror; 2 usage; 124 not reached in time.`

// errTimeout is the cause of a wait's context that ran out.
var errTimeout = errors.New("timeout")

// waitOptions are the flags of wait, as given.
type waitOptions struct {
	serverOptions
	target  *enum
	timeout time.Duration
}

func newWaitCommand() *cobra.Command {
	o := waitOptions{target: newEnum("completed", "terminal")}
	cmd := &cobra.Command{
		Use:   "wait",
		Short: "Wait until the mirror of a running Sidemirror is complete",
		Long:  waitHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.client()
			if err != nil {
				return err
			}
			if o.timeout < 0 {
				return fmt.Errorf("--timeout: want 0 for none, or more, got %s", o.timeout)
			}
			return o.wait(cmd.Context(), client, cmd.ErrOrStderr())
		},
	}
	o.addFlags(cmd)
	cmd.Flags().Var(o.target, "for", "what to wait for")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "`TIME` to wait at most, 0 for no limit")
	complete(cmd, "timeout", cobra.NoFileCompletions)
	return cmd
}

// wait polls until the target is reached, and shows the progress on w.
func (o *waitOptions) wait(ctx context.Context, client *statusClient, w io.Writer) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, errTimeout)
		defer cancel()
	}
	d := newDisplay(w)
	defer d.clear()
	now := "no answer yet"
	for {
		answer, err := client.get(ctx)
		if ctx.Err() != nil {
			return o.ended(ctx, now)
		}
		if err == nil {
			now = summary(answer.Status)
			d.show(time.Now(), answer.Status)
			if reached, err := o.reached(answer.Status); reached {
				d.clear()
				return o.report(w, answer.Status, err)
			}
		} else if _, away := errors.AsType[*noAnswerError](err); !away {
			return err
		} else {
			if now != err.Error() {
				d.clear()
				fmt.Fprintln(w, "waiting:", withoutUserInfo(err.Error()))
			}
			now = err.Error()
		}
		if sleep(ctx, o.interval) != nil {
			return o.ended(ctx, now)
		}
	}
}

// newDisplay is bars on a terminal, and lines elsewhere.
func newDisplay(w io.Writer) display {
	if t := terminalOf(w); t.live {
		return &bars{screen: &screen{out: w}, terminal: t}
	}
	return &plain{tell: func(s *syncer.Status) { fmt.Fprintln(w, ongoing(s)) }}
}

// reached tells whether the wait is over, and with which outcome.
func (o *waitOptions) reached(s *syncer.Status) (bool, error) {
	switch s.Status {
	case syncer.Completed:
		return true, nil
	case syncer.Failed:
		if o.target.value == "terminal" {
			return true, nil
		}
		return true, errors.New("the run " + summary(s))
	default:
		return false, nil
	}
}

// report says how it ended; an error says so itself.
func (o *waitOptions) report(w io.Writer, s *syncer.Status, err error) error {
	if err == nil {
		fmt.Fprintln(w, summary(s))
	}
	return err
}

// ended is the error of a wait that was cut short; now is what was last known.
func (o *waitOptions) ended(ctx context.Context, now string) error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return withCode(exitTimeout, fmt.Errorf("not %s after %s: %s", o.target.value, o.timeout, now))
	}
	return fmt.Errorf("interrupted: %s", now)
}
