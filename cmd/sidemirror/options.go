package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
)

// minKeyBytes is the least that makes a digest of a short secret hard to guess.
const minKeyBytes = 16

// connectOptions are the flags that say what is mirrored and where to, as given.
// run and verify share them: both must see the same objects in the same form.
type connectOptions struct {
	config                       string
	kubeconfig, context, cluster string
	store                        string
	mongoKeys                    *enum
	resources, namespaces        []string
	selectors                    []string
	secrets                      *enum
	secretsKeyFile               string
	pageSize                     int64
	logLevel, logFormat          *enum
}

func (o *connectOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "YAML `FILE` with these flags as keys")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`FILE` instead of $KUBECONFIG, ~/.kube/config or the Pod's service account")
	f.StringVar(&o.context, "context", "", "`NAME` of the kubeconfig's context (default its current one)")
	f.StringVar(&o.cluster, "cluster", "", "`NAME` of the cluster in the store (default that of the context's cluster, with - for /)")
	f.StringVar(&o.store, "store", "sqlite:sidemirror.db", "where the mirror is kept: mongodb://…, mongodb+srv://… or sqlite:PATH; prefer "+envName("store")+" for one with a password")
	o.mongoKeys = newEnum("plain", "escaped")
	f.Var(o.mongoKeys, "mongo-keys", "keys with . or $ as they are, or escaped for servers before MongoDB 5.0")
	f.StringSliceVar(&o.resources, "resources", nil, "`NAMES` as kubectl api-resources prints them; * for all, -name to leave one out (default eleven common ones)")
	f.StringSliceVar(&o.namespaces, "namespaces", nil, "`NAMES` of the only namespaces to mirror (default all)")
	f.StringArrayVar(&o.selectors, "selector", nil, "`RESOURCE=SELECTOR`: only the objects of a resource with these labels; repeatable")
	o.secrets = newEnum("redacted", "plain")
	f.Var(o.secrets, "secrets", "values of Secrets as length and digest, or as they are")
	f.StringVar(&o.secretsKeyFile, "secrets-key-file", "", fmt.Sprintf("`FILE` with the key of those digests, %d bytes or more", minKeyBytes))
	f.Int64Var(&o.pageSize, "page-size", 500, "`OBJECTS` a list request asks for")
	o.logLevel = &enum{value: "info", words: []string{"trace", "debug", "info", "warn", "error", "off"}}
	f.Var(o.logLevel, "log-level", "least level that is logged")
	o.logFormat = newEnum("text", "json")
	f.Var(o.logFormat, "log-format", "form of the log on stderr")
	o.complete(cmd)
}

// complete registers what the shell can offer beyond the enums.
func (o *connectOptions) complete(cmd *cobra.Command) {
	complete(cmd, "config", extension("yaml", "yml"))
	complete(cmd, "store", cobra.FixedCompletions(
		[]string{"sqlite:", "mongodb://", "mongodb+srv://"}, cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "resources", cobra.FixedCompletions(defaultResources(), cobra.ShellCompDirectiveNoFileComp))
	for _, flag := range []string{"namespaces", "cluster", "selector", "page-size"} {
		complete(cmd, flag, cobra.NoFileCompletions)
	}
	complete(cmd, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return contexts(o.kubeconfig), cobra.ShellCompDirectiveNoFileComp
	})
}

// extension completes files that end in one of exts.
func extension(exts ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(exts, cobra.ShellCompDirectiveFilterFileExt)
}

// validate checks what needs neither the cluster nor the store.
func (o *connectOptions) validate() error {
	if _, err := parseStore(o.store); err != nil {
		return err
	}
	if _, err := parseSelectors(o.selectors); err != nil {
		return err
	}
	for _, name := range o.resources {
		if strings.Trim(name, "- ") == "" {
			return fmt.Errorf("--resources: %q names no resource", name)
		}
	}
	for _, name := range o.namespaces {
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			return fmt.Errorf("--namespaces: %q can't be a namespace: %s", name, problems[0])
		}
	}
	if strings.ContainsAny(o.cluster, "/\x00") {
		return fmt.Errorf("--cluster: %q has a / in it, which separates the parts of a key", o.cluster)
	}
	if o.pageSize < 1 {
		return fmt.Errorf("--page-size: want 1 or more, got %d", o.pageSize)
	}
	if o.secrets.value == "plain" && o.secretsKeyFile != "" {
		return fmt.Errorf("--secrets-key-file: has no use with --secrets plain")
	}
	return nil
}

// secretsKey reads the key of the digests; nil when there is no file.
func (o *connectOptions) secretsKey() ([]byte, error) {
	if o.secretsKeyFile == "" {
		return nil, nil
	}
	key, err := os.ReadFile(o.secretsKeyFile)
	if err != nil {
		return nil, fmt.Errorf("--secrets-key-file: %w", notThere(o.secretsKeyFile, err))
	}
	if len(key) < minKeyBytes {
		return nil, fmt.Errorf("--secrets-key-file: %s has %d bytes, want %d or more", o.secretsKeyFile, len(key), minKeyBytes)
	}
	return key, nil
}

// parseSelectors splits RESOURCE=SELECTOR entries. A selector's own = come later.
func parseSelectors(entries []string) (map[string]string, error) {
	selectors := make(map[string]string, len(entries))
	for _, entry := range entries {
		resource, selector, ok := strings.Cut(entry, "=")
		if !ok || resource == "" || selector == "" {
			return nil, fmt.Errorf("--selector: %q isn't RESOURCE=SELECTOR", entry)
		}
		if _, err := labels.Parse(selector); err != nil {
			return nil, fmt.Errorf("--selector: of %s: %w", resource, err)
		}
		if _, twice := selectors[resource]; twice {
			return nil, fmt.Errorf("--selector: two of them for %s; join them with a comma", resource)
		}
		selectors[resource] = selector
	}
	return selectors, nil
}

// runOptions are the flags of run, as given.
type runOptions struct {
	connectOptions
	auth        authOptions
	upstream    upstreamOptions
	traces      traceOptions
	metrics     metricsOptions
	listen      string
	parallel    int
	printConfig bool
}

func (o *runOptions) addFlags(cmd *cobra.Command) {
	o.connectOptions.addFlags(cmd)
	o.auth.addFlags(cmd)
	o.upstream.addFlags(cmd)
	o.traces.addFlags(cmd)
	o.metrics.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`ADDRESS` of the HTTP server")
	f.IntVar(&o.parallel, "parallel", 4, "`RESOURCES` that are synced side by side")
	f.BoolVar(&o.printConfig, "print-config", false, "print the settings and where each comes from, and exit")
	complete(cmd, "listen", cobra.NoFileCompletions)
	complete(cmd, "parallel", cobra.NoFileCompletions)
}

func (o *runOptions) validate() error {
	if err := o.connectOptions.validate(); err != nil {
		return err
	}
	if _, port, err := net.SplitHostPort(o.listen); err != nil || port == "" {
		return fmt.Errorf("--listen: %q isn't HOST:PORT", o.listen)
	}
	if o.parallel < 1 {
		return fmt.Errorf("--parallel: want 1 or more, got %d", o.parallel)
	}
	if err := o.auth.validate(o.listen); err != nil {
		return err
	}
	if _, err := o.traces.link(); err != nil {
		return err
	}
	if err := o.metrics.validate(o.listen); err != nil {
		return err
	}
	return o.upstream.validate(o.listen)
}
