package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// apiserver is a kube-apiserver that is configured and not yet running. There
// can be one in a process: its registries are globals.
type apiserver struct{ options options.CompletedOptions }

// newAPIServer configures a server on listener, which it owns from then on.
// kube-apiserver's command isn't used because it installs signal handlers and
// takes the lifetime of the process from them.
func newAPIServer(ctx context.Context, listener *net.TCPListener, args []string) (*apiserver, error) {
	o := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	flags.SetNormalizeFunc(flag.WordSepNormalizeFunc)
	for _, set := range o.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return nil, fmt.Errorf("kube-apiserver flags: %w", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("kube-apiserver flags: %q is not a flag", flags.Arg(0))
	}
	o.SecureServing.Listener = listener
	o.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	if err := o.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, fmt.Errorf("configure kube-apiserver: %w", err)
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	completed, err := o.Complete(ctx)
	if err != nil {
		return nil, fmt.Errorf("configure kube-apiserver: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("configure kube-apiserver: %w", utilerrors.NewAggregate(errs))
	}
	return &apiserver{options: completed}, nil
}

// Run serves until ctx ends and the requests in flight are answered. Open
// watches are cut.
func (s *apiserver) Run(ctx context.Context) error {
	if err := app.Run(ctx, s.options); err != nil {
		return fmt.Errorf("run kube-apiserver: %w", err)
	}
	return nil
}

// apiserverArgs are the flags that every devcluster starts with. What follows
// on the command line comes later, and wins.
func apiserverArgs(etcd string, id identity) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1",
		"--endpoint-reconciler-type=none", // any other refuses a loopback address
		"--tls-cert-file=" + id.certFile,
		"--tls-private-key-file=" + id.keyFile,
		"--token-auth-file=" + id.tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + id.serviceAccount,
		"--service-account-signing-key-file=" + id.serviceAccount,
		"--service-cluster-ip-range=10.0.0.0/16",
		"--disable-admission-plugins=ServiceAccount", // no controller makes the accounts
		"--shutdown-send-retry-after=true",           // else the end waits a minute for open watches
		"--max-requests-inflight=3000",
		"--max-mutating-requests-inflight=1000",
	}
}
