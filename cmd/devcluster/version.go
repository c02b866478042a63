package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newVersionCommand prints the versions of what is inside, as the module
// system recorded them: they can't disagree with what was built.
func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of kube-apiserver, etcd and Go",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				return fmt.Errorf("read build information: the binary carries none")
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "kube-apiserver %s\netcd %s\n%s\n",
				moduleVersion(info, "k8s.io/kubernetes"),
				moduleVersion(info, "go.etcd.io/etcd/server/v3"), info.GoVersion)
			return err
		},
	}
}

// moduleVersion returns the version of a dependency, or "unknown".
func moduleVersion(info *debug.BuildInfo, path string) string {
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return "unknown"
}
