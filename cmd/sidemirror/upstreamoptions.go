package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// upstreamOptions are the flags that put run in front of an application.
type upstreamOptions struct {
	url             string
	prefix          string
	reserved        []string
	timeout         time.Duration
	trustForwarded  bool
	holdUntilSynced bool
}

func (o *upstreamOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.url, "upstream", "", "`URL` of an application that gets every request but Sidemirror's own; X-Sync-* headers are added to its answers: http://…, https://… or unix:///PATH")
	f.StringVar(&o.prefix, "upstream-prefix", api.DefaultUpstreamPrefix, "`PATH` below which all of Sidemirror's own routes are, with --upstream")
	f.StringSliceVar(&o.reserved, "upstream-reserved", api.DefaultUpstreamReserved, "`PATHS` that stay Sidemirror's without that prefix; one that ends in / with all below it")
	f.DurationVar(&o.timeout, "upstream-timeout", 30*time.Second, "`TIME` until the application's answer begins, or 504; 0 for no bound")
	f.BoolVar(&o.trustForwarded, "upstream-trust-forwarded", false, "keep Forwarded and X-Forwarded-* of clients, which are proxies then")
	f.BoolVar(&o.holdUntilSynced, "hold-until-synced", false, "answer 503 for the application until the first sync completed")
	complete(cmd, "upstream", cobra.FixedCompletions(
		[]string{"http://127.0.0.1:", "https://", "unix:///"}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
	for _, flag := range []string{"upstream-prefix", "upstream-reserved", "upstream-timeout"} {
		complete(cmd, flag, cobra.NoFileCompletions)
	}
}

// validate checks everything that can be checked without the application, which
// may come later.
func (o *upstreamOptions) validate(listen string) error {
	if o.url == "" {
		if o.holdUntilSynced {
			return errors.New("--hold-until-synced: there is nothing to hold without --upstream")
		}
		return nil
	}
	if _, err := api.NewUpstream(o.options()); err != nil {
		return fmt.Errorf("--upstream: %w", err)
	}
	if isOwn(o.url, listen) {
		return errors.New("--upstream: that is Sidemirror's own address, --listen; want the application's")
	}
	return nil
}

func (o *upstreamOptions) options() api.UpstreamOptions {
	return api.UpstreamOptions{
		URL: o.url, Prefix: o.prefix, Reserved: append([]string{}, o.reserved...),
		HeaderTimeout: o.timeout, TrustForwarded: o.trustForwarded, HoldUntilSynced: o.holdUntilSynced,
	}
}

// inFront returns own, or what stands in front of the application and has own in
// it, with what has to run beside the server.
func (o *upstreamOptions) inFront(
	own http.Handler, status func() *syncer.Status, around func(http.Handler) http.Handler, log hclog.Logger,
) (http.Handler, func(context.Context) error, error) {
	if o.url == "" {
		return own, func(ctx context.Context) error { <-ctx.Done(); return nil }, nil
	}
	options := o.options()
	options.Own, options.Status, options.Around, options.Log = own, status, around, log.Named("upstream")
	u, err := api.NewUpstream(options)
	if err != nil {
		return nil, nil, fmt.Errorf("--upstream: %w", err)
	}
	return u, u.Run, nil
}

// isOwn reports whether upstream is what listen will take, where each request
// would come back for ever.
func isOwn(upstream, listen string) bool {
	u, err := url.Parse(upstream)
	if err != nil || u.Scheme == "unix" {
		return false
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port != portOf(u) {
		return false
	}
	to, on := net.ParseIP(u.Hostname()), net.ParseIP(host)
	if to != nil && on != nil && !to.IsUnspecified() && !on.IsUnspecified() {
		return to.Equal(on)
	}
	return u.Hostname() == host || isLocal(u.Hostname()) && isLocal(host)
}

// isLocal reports whether host leads to this machine by any of its loopback addresses.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip.IsLoopback() || ip.IsUnspecified()
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
