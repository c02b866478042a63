package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/api/kubeauth"
)

// openFlag is long so that nobody sets it without reading it.
const openFlag = "allow-unauthenticated-access-from-network"

// authOptions are the flags that say who may use the HTTP server, as given.
type authOptions struct {
	auth              *enum
	tokenFile         string
	audiences         []string
	allowedHosts      []string
	open              bool
	certFile, keyFile string
}

func (o *authOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	o.auth = newEnum("none", "token", "kubernetes")
	f.Var(o.auth, "auth", "who may read the mirrored data and control: everybody (on loopback), tokens of --auth-token-file, or whom the cluster's RBAC lets")
	f.StringVar(&o.tokenFile, "auth-token-file", "", "`FILE` with lines of ROLE NAME TOKEN; roles are read and control")
	f.StringSliceVar(&o.audiences, "auth-audiences", nil, "`NAMES` that a token must be made for with --auth kubernetes (default the API server's own)")
	f.StringSliceVar(&o.allowedHosts, "allowed-hosts", nil, "`NAMES`, besides localhost, that clients may call this machine by with --auth none")
	f.BoolVar(&o.open, openFlag, false, "let everybody on the network read the mirrored data and control")
	f.StringVar(&o.certFile, "tls-cert-file", "", "`FILE` with the certificate of the HTTP server and its chain")
	f.StringVar(&o.keyFile, "tls-private-key-file", "", "`FILE` with the key of that certificate")
	for _, flag := range []string{"auth-audiences", "allowed-hosts"} {
		complete(cmd, flag, cobra.NoFileCompletions)
	}
}

// validate checks the flags against each other, and against the address to listen on.
func (o *authOptions) validate(listen string) error {
	auth := o.auth.value
	switch {
	case auth == "token" && o.tokenFile == "":
		return errors.New("--auth token: needs --auth-token-file")
	case auth != "token" && o.tokenFile != "":
		return fmt.Errorf("--auth-token-file: has no use with --auth %s", auth)
	case auth != "kubernetes" && len(o.audiences) > 0:
		return fmt.Errorf("--auth-audiences: has no use with --auth %s", auth)
	case auth != "none" && len(o.allowedHosts) > 0:
		return fmt.Errorf("--allowed-hosts: has no use with --auth %s, where a token is needed", auth)
	case auth != "none" && o.open:
		return fmt.Errorf("--%s: has no use with --auth %s", openFlag, auth)
	case o.certFile != "" && o.keyFile == "":
		return errors.New("--tls-cert-file: needs --tls-private-key-file")
	case o.certFile == "" && o.keyFile != "":
		return errors.New("--tls-private-key-file: needs --tls-cert-file")
	}
	for _, name := range o.audiences {
		if strings.TrimSpace(name) == "" {
			return errors.New("--auth-audiences: one of them is empty")
		}
	}
	for _, name := range o.allowedHosts {
		if _, err := netip.ParseAddr(name); err != nil && len(validation.IsDNS1123Subdomain(strings.ToLower(name))) > 0 {
			return fmt.Errorf("--allowed-hosts: %q is neither a name nor an address, without scheme and port", name)
		}
	}
	return o.validateAddress(listen)
}

// validateAddress refuses to show the mirror to a whole network by mistake.
func (o *authOptions) validateAddress(listen string) error {
	if o.auth.value != "none" || o.open || isLoopback(listen) {
		return nil
	}
	return fmt.Errorf("--listen: %s can be reached from the network, where --auth none would let everybody read the mirrored data and control; "+
		"use --auth token or --auth kubernetes, or listen on 127.0.0.1, or insist with --%s", listen, openFlag)
}

// isLoopback reports whether nobody but this machine (in a Pod, its containers)
// reaches an address, HOST:PORT.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// listen takes the address, after what the flags name was found to be good.
func (o *authOptions) listen(ctx context.Context, address string, config *rest.Config, log hclog.Logger) (*lateServer, error) {
	server := newLateServer(address, log)
	if o.certFile != "" {
		certificate, err := api.OpenCertificate(o.certFile, o.keyFile, log)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert-file: %w", err)
		}
		server.UseTLS(certificate)
	}
	guard, err := o.guardOptions(config, log)
	if err != nil {
		return nil, err
	}
	if err := server.Listen(ctx); err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if err := o.validateAddress(server.Addr()); err != nil { // "localhost" may be any address
		return nil, errors.Join(err, server.Close())
	}
	local := isLoopback(server.Addr())
	guard.CheckHost = o.auth.value == "none" && (local || len(o.allowedHosts) > 0)
	server.guard = api.NewGuard(guard)
	o.warn(local, log)
	return server, nil
}

// guardOptions reads the token file, or finds out how to ask the cluster.
func (o *authOptions) guardOptions(config *rest.Config, log hclog.Logger) (api.GuardOptions, error) {
	g := api.GuardOptions{Hosts: o.allowedHosts, Log: log}
	switch o.auth.value {
	case "token":
		tokens, err := api.OpenTokenFile(o.tokenFile, log)
		if err != nil {
			return g, fmt.Errorf("--auth-token-file: %w", err)
		}
		g.Authenticator, g.Authorizer = tokens, tokens
	case "kubernetes":
		reviewer, err := kubeauth.New(kubeauth.Options{Config: config, Audiences: o.audiences, Log: log.Named("kubeauth")})
		if err != nil {
			return g, fmt.Errorf("--auth kubernetes: %w", err)
		}
		g.Authenticator, g.Authorizer = reviewer, reviewer
	}
	return g, nil
}

// warn tells what may be meant so, and may not.
func (o *authOptions) warn(local bool, log hclog.Logger) {
	switch {
	case local:
	case o.auth.value == "none":
		log.Warn("everybody on the network may read the mirrored data and control", "because_of", "--"+openFlag)
	case o.certFile == "":
		log.Warn("tokens come over the network in the clear, unless a proxy or mesh ends TLS; see --tls-cert-file")
	}
}
