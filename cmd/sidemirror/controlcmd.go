package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/syncer"
)

const controlPath = "/api/v1/sync/"

// controlCodes ends the help of every command that controls a mirror.
const controlCodes = `

--wait waits until it took effect, and shows the progress on stderr meanwhile.

Exit codes: 0 accepted; 1 refused, no answer, or with --wait not what was asked
for; 2 usage; 124 with --wait, not in time.`

const limitsHelp = `

--resources and --namespaces come from the command line alone: where run has its
settings, their variables say what is mirrored.`

// controls are the commands that control a running Sidemirror, one an action.
var controls = []controlCommand{
	{
		action: syncer.ActionStart, asked: "starting", limited: true,
		short: "Compare the mirror of a running Sidemirror with the cluster anew",
		long: `Asks a running Sidemirror for a new run. It compares with the cluster whatever
--resources and --namespaces name, all without them, and mends what differs, also
what was changed in the store by hand. Readers keep the mirror meanwhile.` + limitsHelp,
	},
	{
		action: syncer.ActionPause, asked: "pausing", done: "paused",
		short: "Let a running Sidemirror stand still",
		long: `Asks a running Sidemirror to write what it has accepted, and to read no more from
the cluster until sidemirror resume. A pause outlasts restarts. The mirror stays
readable, and says that it is paused, by whom and why.`,
	},
	{
		action: syncer.ActionResume, asked: "resuming", done: "resumed",
		short: "Let a paused Sidemirror go on",
		long: `Asks a paused Sidemirror to go on from its checkpoints. What changed in the cluster
meanwhile is caught up without listing, unless it has forgotten that.`,
	},
	{
		action: syncer.ActionCancel, asked: "cancelling", done: "cancelled",
		short: "End the run of a running Sidemirror",
		long: `Asks a running Sidemirror to end the run that is in progress, or the wait for its
next attempt. The mirror stays as it is until sidemirror start.`,
	},
	{
		action: syncer.ActionRetry, asked: "retrying", done: "retried", limited: true,
		short: "Try at once what a running Sidemirror failed at",
		long: `Asks a running Sidemirror not to wait for the next attempt of what failed: the run,
or single resources. --resources and --namespaces name some of them.` + limitsHelp,
	},
}

// controlCommand is what is particular to one of the commands.
type controlCommand struct {
	action      syncer.Action
	short, long string
	asked, done string // "pausing" once accepted, "paused" with --wait; "" is the run's outcome
	limited     bool   // takes resources and namespaces
}

// controlOptions are the flags of those commands, as given.
type controlOptions struct {
	controlCommand
	serverOptions
	output  *enum
	body    commandBody
	wait    bool
	timeout time.Duration
}

// commandBody is what is sent with an action.
type commandBody struct {
	Reason     string   `json:"reason,omitempty"`
	Resources  []string `json:"resources,omitempty"`
	Namespaces []string `json:"namespaces,omitempty"`
}

func newControlCommands() []*cobra.Command {
	commands := make([]*cobra.Command, len(controls))
	for i, c := range controls {
		commands[i] = (&controlOptions{controlCommand: c}).command()
	}
	return commands
}

func (o *controlOptions) command() *cobra.Command {
	o.output = newEnum("text", "json")
	cmd := &cobra.Command{
		Use:   string(o.action),
		Short: o.short,
		Long:  o.long + controlCodes,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			client, err := o.client()
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), client, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.addControlFlags(cmd)
	return cmd
}

func (o *controlOptions) addControlFlags(cmd *cobra.Command) {
	o.addFlags(cmd)
	f := cmd.Flags()
	f.VarP(o.output, "output", "o", "form of the answer")
	f.StringVar(&o.body.Reason, "reason", "", "`TEXT` that the status and the log tell others")
	f.BoolVar(&o.wait, "wait", false, "wait until it took effect")
	f.DurationVar(&o.timeout, "timeout", 0, "`TIME` to wait at most, 0 for no limit")
	complete(cmd, "reason", cobra.NoFileCompletions)
	complete(cmd, "timeout", cobra.NoFileCompletions)
	if o.limited {
		f.StringSliceVar(&o.body.Resources, "resources", nil, "`NAMES` of the resources that are meant (default all)")
		f.StringSliceVar(&o.body.Namespaces, "namespaces", nil, "`NAMES` of the namespaces that are meant (default all)")
		complete(cmd, "resources", completeList(o.mirroredResources))
		complete(cmd, "namespaces", completeList(o.mirroredNamespaces))
		for _, name := range []string{"resources", "namespaces"} {
			_ = f.SetAnnotation(name, notFromEnvironment, []string{}) // fails for a flag that isn't there
		}
	}
}

func (o *controlOptions) validate() error {
	switch n := len(o.body.Reason); {
	case n > syncer.MaxReasonBytes:
		return fmt.Errorf("--reason: has %d bytes, at most %d are kept", n, syncer.MaxReasonBytes)
	case !utf8.ValidString(o.body.Reason):
		return fmt.Errorf("--reason: isn't UTF-8")
	case o.timeout < 0:
		return fmt.Errorf("--timeout: want 0 for none, or more, got %s", o.timeout)
	}
	return nil
}

// run asks for the action, prints the answer and, if that is wanted, waits. What
// is waited for depends on how the mirror was before.
func (o *controlOptions) run(ctx context.Context, client *statusClient, stdout, stderr io.Writer) error {
	var before *syncer.Status
	if o.wait {
		answer, err := client.get(ctx)
		if err != nil {
			return err
		}
		before = answer.Status
	}
	answer, op, err := o.ask(ctx, client.serverClient)
	if err != nil {
		return err
	}
	if o.output.value == "json" {
		if err := printJSON(stdout, answer); err != nil {
			return err
		}
	}
	outcome := o.asked
	if o.wait {
		e := effect{controlOptions: o, before: before, op: op}
		last, err := e.await(ctx, client, stderr)
		if err != nil {
			return withCode(exitCode(err), fmt.Errorf("%s was accepted as operation %s: %w", o.action, op.ID, err))
		}
		outcome = e.told(last)
	}
	if o.output.value == "json" {
		return nil
	}
	if o.body.Reason != "" && !(o.wait && o.done == "") {
		outcome += ": " + printable(o.body.Reason)
	}
	_, err = fmt.Fprintf(stdout, "%s (operation %s)\n", outcome, printable(op.ID))
	return err
}

// ask sends the action, and returns the answer as it came and as it is understood.
func (o *controlOptions) ask(ctx context.Context, c *serverClient) ([]byte, syncer.Operation, error) {
	var op syncer.Operation
	request, err := c.newRequest(ctx, http.MethodPost, controlPath+string(o.action), o.body)
	if err != nil {
		return nil, op, err
	}
	r, err := c.do(request)
	if err != nil {
		return nil, op, err
	}
	if r.code == http.StatusConflict {
		if why := r.problem(); why != "" {
			return nil, op, fmt.Errorf("refused%s", why)
		}
	}
	if r.code != http.StatusAccepted {
		return nil, op, c.refused(r)
	}
	if json.Unmarshal(r.body, &op) != nil || op.ID == "" {
		return nil, op, fmt.Errorf("%s is no Sidemirror: what it answered isn't an operation", c.server)
	}
	return r.body, op, nil
}

// printJSON writes a document of the server's, indented.
func printJSON(w io.Writer, document []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(document), "", "  "); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}
