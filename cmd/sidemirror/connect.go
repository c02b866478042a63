package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// inCluster is the name of a cluster that has told none.
const inCluster = "in-cluster"

// kubeTarget is an API server, and what its cluster is called.
type kubeTarget struct {
	config  *rest.Config
	cluster string
}

// resolveKube resolves the kubeconfig as kubectl does: --kubeconfig, $KUBECONFIG,
// ~/.kube/config, and without any of them the Pod's service account. The
// cluster's name is that of the context's cluster.
func resolveKube(kubeconfig, context string) (kubeTarget, error) {
	if kubeconfig != "" {
		if _, err := os.Stat(kubeconfig); err != nil {
			return kubeTarget{}, fmt.Errorf("--kubeconfig: %w", notThere(kubeconfig, err))
		}
	}
	loader := clientLoader(kubeconfig, context)
	raw, err := loader.RawConfig()
	if err != nil {
		return kubeTarget{}, fmt.Errorf("load the kubeconfig: %w", err)
	}
	name := raw.CurrentContext
	if context != "" {
		name = context
	}
	if _, there := raw.Contexts[name]; name != "" && !there {
		return kubeTarget{}, fmt.Errorf("the kubeconfig has no context %q%s", name, haveContexts(contexts(kubeconfig)))
	}
	if used := raw.Contexts[name]; used != nil && raw.Clusters[used.Cluster] == nil {
		return kubeTarget{}, fmt.Errorf("the kubeconfig's context %q names the cluster %q, which isn't in it", name, used.Cluster)
	}
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) || errors.Is(err, clientcmd.ErrEmptyConfig) {
		return kubeTarget{}, errors.New("no kubeconfig: $KUBECONFIG and ~/.kube/config name no cluster, and this is no Pod; name a file with --kubeconfig")
	}
	if err != nil {
		return kubeTarget{}, fmt.Errorf("load the kubeconfig: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	cluster := inCluster
	if used := raw.Contexts[name]; used != nil && used.Cluster != "" {
		cluster = strings.ReplaceAll(used.Cluster, "/", "-")
	}
	config.UserAgent = "sidemirror/" + version().Version
	return kubeTarget{config: config, cluster: cluster}, nil
}

func clientLoader(kubeconfig, context string) clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: context})
}

// contexts lists those of the kubeconfig, or none if it can't be read.
func contexts(kubeconfig string) []string {
	raw, err := clientLoader(kubeconfig, "").RawConfig()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(raw.Contexts))
	for name := range raw.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// haveContexts ends a sentence with what there is instead.
func haveContexts(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}
