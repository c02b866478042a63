package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const envPrefix = "SIDEMIRROR_"

// Where the value of a flag came from.
const (
	fromFlag    = "flag"
	fromEnv     = "environment"
	fromFile    = "file"
	fromDefault = "default"
)

// commandLineOnly are the flags that only the command line makes sense for.
var commandLineOnly = []string{"help", "version", "print-config"}

// notFromEnvironment is the annotation of a flag that is for the command line
// only where another command's goes by the same variable, but means something else.
const notFromEnvironment = "sidemirror_not_from_environment"

// fromCommandLine reports whether a flag can be given on the command line alone.
func fromCommandLine(f *pflag.Flag) bool {
	return slices.Contains(commandLineOnly, f.Name) || f.Annotations[notFromEnvironment] != nil
}

// fillFlags gives every flag that the command line left alone its value from
// the environment, or else from the file that --config names. It returns where
// each value came from.
func fillFlags(cmd *cobra.Command) (origins map[string]string, err error) {
	flags := cmd.Flags()
	origins = map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) {
		switch value := os.Getenv(envName(f.Name)); {
		case err != nil || fromCommandLine(f):
		case f.Changed:
			origins[f.Name] = fromFlag
		case value != "":
			origins[f.Name] = fromEnv
			err = setFromEnv(f, value)
		default:
			origins[f.Name] = fromDefault
		}
	})
	file := flags.Lookup("config")
	if err != nil || file == nil || file.Value.String() == "" {
		return origins, err
	}
	return origins, fillFromFile(cmd, file.Value.String(), origins)
}

// envName is the variable of a flag.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// setFromEnv sets a flag from its variable. Selectors have commas in them, so
// that their list is separated by semicolons.
func setFromEnv(f *pflag.Flag, value string) error {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		separator := ","
		if f.Value.Type() == "stringArray" {
			separator = ";"
		}
		var entries []string
		for entry := range strings.SplitSeq(value, separator) {
			if entry = strings.TrimSpace(entry); entry != "" {
				entries = append(entries, entry)
			}
		}
		return list.Replace(entries)
	}
	if err := f.Value.Set(value); err != nil {
		return fmt.Errorf("%s: %q isn't %s", envName(f.Name), value, wanted(f))
	}
	return nil
}

// wanted says what a flag takes.
func wanted(f *pflag.Flag) string {
	if e, ok := f.Value.(*enum); ok {
		return oneOf(e.words)
	}
	switch f.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "bool":
		return "true or false"
	case "duration":
		return "a duration such as 30s"
	case "stringSlice":
		return "a list of strings"
	case "stringArray":
		return "a mapping of resources to selectors, or a list of RESOURCE=SELECTOR"
	default:
		return "a string"
	}
}

// serviceVariable matches what Kubernetes puts into the environment of each
// container for the Services of its namespace; one named sidemirror is likely.
var serviceVariable = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP)(_.*)?)?)$`)

// unknownVariables lists the SIDEMIRROR_ variables in environ that no flag of
// any command goes by.
func unknownVariables(root *cobra.Command, environ []string) []string {
	known := map[string]bool{tokenVariable: true}
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			known[envName(f.Name)] = known[envName(f.Name)] || !fromCommandLine(f)
		})
	}
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && !known[name] && !serviceVariable.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// printConfig writes the settings as the file that would give them, with where
// each came from. Credentials are hidden.
func printConfig(cmd *cobra.Command) error {
	origins, err := fillFlags(cmd)
	if err != nil {
		return err
	}
	var lines []string
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(commandLineOnly, f.Name) || f.Name == "config" {
			return
		}
		lines = append(lines, fmt.Sprintf("%s: %s # %s", f.Name, yamlValue(f), origins[f.Name]))
	})
	_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
	return err
}

// yamlValue is a flag's value in YAML's flow style.
func yamlValue(f *pflag.Flag) string {
	list, ok := f.Value.(pflag.SliceValue)
	switch {
	case ok:
		quoted := []string{}
		for _, entry := range list.GetSlice() {
			quoted = append(quoted, fmt.Sprintf("%q", entry))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case wanted(f) == "a string":
		return fmt.Sprintf("%q", withoutUserInfo(f.Value.String()))
	default:
		return f.Value.String()
	}
}
