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

const waitHelp = `Waits until the run of a running Sidemirror has completed (--for completed) or has
ended in any way (--for terminal), until the mirror follows the cluster, which one
that is paused doesn't (--for live), or until it stands still (--for paused).
Progress goes to stderr, also that someone has paused it. A server that isn't
there yet is waited for too.

Exit codes: 0 reached; 1 the run failed or was cancelled (with --for completed and
live), the wait was interrupted, or the server isn't a Sidemirror; 2 usage;
124 not reached in time.`

// errTimeout is the cause of a wait's context that ran out.
var errTimeout = errors.New("timeout")

// waitOptions are the flags of wait, as given.
type waitOptions struct {
	serverOptions
	target  *enum
	timeout time.Duration
}

func newWaitCommand() *cobra.Command {
	o := waitOptions{target: newEnum("completed", "terminal", "live", "paused")}
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

// wait waits for the target, and says how it ended.
func (o *waitOptions) wait(ctx context.Context, client *statusClient, w io.Writer) error {
	u := until{timeout: o.timeout, what: o.target.value, reached: o.reached}
	last, err := u.poll(ctx, client, w)
	if err == nil {
		fmt.Fprintln(w, summary(last))
	}
	return err
}

// reached tells whether the wait is over, and with which outcome.
func (o *waitOptions) reached(s *syncer.Status) (bool, error) {
	switch o.target.value {
	case "paused":
		return s.State == syncer.Paused, nil
	case "terminal":
		return s.Status == syncer.Completed || s.Status == syncer.Failed, nil
	}
	if s.Status == syncer.Failed {
		return true, runError(s)
	}
	return s.Status == syncer.Completed && (o.target.value == "completed" || s.State == syncer.Live), nil
}

// until polls a server until something is reached.
type until struct {
	timeout time.Duration // 0 is none
	what    string        // "completed", for what is said of one that isn't
	// reached tells whether it is over; an error is how it ended then.
	reached func(*syncer.Status) (bool, error)
}

// poll shows the progress on w, and returns the status that ended it.
func (u *until) poll(ctx context.Context, client *statusClient, w io.Writer) (*syncer.Status, error) {
	if u.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, u.timeout, errTimeout)
		defer cancel()
	}
	d := newDisplay(w)
	defer d.clear()
	now := "no answer yet"
	client.lively = true
	for ask := client.get; ; ask = client.next {
		answer, err := ask(ctx)
		if ctx.Err() != nil {
			return nil, u.ended(ctx, now)
		}
		if err == nil {
			now = summary(answer.Status)
			if reached, err := u.reached(answer.Status); reached {
				return answer.Status, err
			}
			d.show(time.Now(), answer.Status)
		} else if _, away := errors.AsType[*noAnswerError](err); !away {
			return nil, err
		} else {
			if now != err.Error() {
				d.clear()
				fmt.Fprintln(w, "waiting:", withoutUserInfo(err.Error()))
			}
			now = err.Error()
		}
	}
}

// newDisplay is bars on a terminal, and lines elsewhere.
func newDisplay(w io.Writer) display {
	if t := terminalOf(w); t.live {
		return &bars{screen: &screen{out: w}, terminal: t}
	}
	return &plain{tell: func(s *syncer.Status) { fmt.Fprintln(w, summary(s)) }}
}

// ended is the error of a wait that was cut short; now is what was last known.
func (u *until) ended(ctx context.Context, now string) error {
	if errors.Is(context.Cause(ctx), errTimeout) {
		return withCode(exitTimeout, fmt.Errorf("not %s after %s: %s", u.what, u.timeout, now))
	}
	return fmt.Errorf("interrupted: %s", now)
}
