package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootHelp = `Sidemirror mirrors a Kubernetes cluster into MongoDB or SQLite, and shows at
every moment how far that mirror can be trusted. Without a command it runs.

Every flag can be given as an environment variable, SIDEMIRROR_ and the flag's
name in capitals with _ for -, and those of run in a YAML file (--config) under
the flag's name. A flag wins over the environment, which wins over the file. An
empty variable counts as unset; lists are separated by commas, selectors by
semicolons.

Exit codes: 0 done, 1 an error, 2 an unknown command, flag or flag value.
wait, verify and the commands that control a mirror tell more in theirs; see their
help.`

// newRootCommand returns the command tree. The bare command does what run does,
// so both carry the same flags.
func newRootCommand() *cobra.Command {
	root := newRunCommand()
	root.Use = "sidemirror"
	root.Short = "Mirror a Kubernetes cluster into a database, and show how far"
	root.Long = rootHelp
	root.Example = ""
	root.Args = noCommand
	root.SilenceUsage = true
	root.SilenceErrors = true
	root.SetFlagErrorFunc(usageError)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		_, err := fillFlags(cmd)
		return err
	}
	root.AddCommand(
		newRunCommand(),
		newStatusCommand(),
		newGetCommand(),
		newWaitCommand(),
		newVerifyCommand(),
		newHistoryCommand(),
		newNamespacesCommand(),
		newVersionCommand(),
	)
	root.AddCommand(newControlCommands()...)
	for _, cmd := range append(root.Commands(), root) {
		completeEnums(cmd)
	}
	return root
}

// usageError points at the help instead of printing all of it.
func usageError(cmd *cobra.Command, err error) error {
	return withCode(exitUsage, fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath()))
}

// noArguments refuses what a command doesn't take.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(cmd, fmt.Errorf("unexpected argument %q", args[0]))
}

// noCommand refuses a first word that is no command, and suggests one.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	text := fmt.Sprintf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean " + near[0] + "?"
	}
	return usageError(cmd, fmt.Errorf("%s", text))
}

// enum is a flag that takes one of a few words.
type enum struct {
	value string
	words []string
}

func newEnum(words ...string) *enum { return &enum{value: words[0], words: words} }

// String, Set and Type make it a [pflag.Value].
func (e *enum) String() string { return e.value }

// Set takes one of the words, as they are spelled.
func (e *enum) Set(v string) error {
	for _, w := range e.words {
		if v == w {
			e.value = v
			return nil
		}
	}
	return fmt.Errorf("want %s", oneOf(e.words))
}

// Type is what the help shows for the value.
func (e *enum) Type() string { return strings.Join(e.words, "|") }

// oneOf joins words for a sentence: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// completeEnums offers the words of every enum flag to the shell.
func completeEnums(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		e, ok := f.Value.(*enum)
		if !ok {
			return
		}
		complete(cmd, f.Name, cobra.FixedCompletions(e.words, cobra.ShellCompDirectiveNoFileComp))
	})
}

// complete registers how a flag's value is completed. It fails only for a flag
// that isn't there, which the tests of the completions would show.
func complete(cmd *cobra.Command, flag string, how cobra.CompletionFunc) {
	_ = cmd.RegisterFlagCompletionFunc(flag, how)
}
