package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker: -X main.release=v1.2.3.
var release string

// buildVersion says which build this is.
type buildVersion struct {
	Version   string `json:"version"`
	Revision  string `json:"revision,omitempty"` // of the source, with -dirty behind it if changed
	GoVersion string `json:"goVersion"`
	Platform  string `json:"platform"`
}

// version reads what the linker and the Go tool left in the binary.
func version() buildVersion {
	v := buildVersion{Version: release, GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if v.Revision != "" {
		v.Revision += dirty
	}
	if v.Version == "" {
		v.Version = info.Main.Version
	}
	if v.Version == "" {
		v.Version = "(devel)"
	}
	return v
}

func newVersionCommand() *cobra.Command {
	output := newEnum("text", "json")
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which build this is",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := version()
			if output.value == "json" {
				encoder := json.NewEncoder(cmd.OutOrStdout())
				encoder.SetIndent("", "  ")
				return encoder.Encode(v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "sidemirror %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
			return err
		},
	}
	cmd.Flags().VarP(output, "output", "o", "form of the answer")
	return cmd
}
