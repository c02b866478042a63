package main

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// extensionName is the kubeconfig extension that marks a devcluster.
const extensionName = "devcluster"

// extension is what a kubeconfig says about the devcluster behind it. Commands
// that write or destroy objects insist on it, so that they can't be pointed at
// a real cluster by mistake.
type extension struct {
	Etcd string `json:"etcd"`
}

// writeKubeconfig writes the administrator's kubeconfig atomically: whoever
// sees the file sees a server that was ready.
func writeKubeconfig(path, url, etcdURL string, id identity) error {
	raw, err := json.Marshal(extension{Etcd: etcdURL})
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["devcluster"] = &clientcmdapi.Cluster{
		Server:                   url,
		CertificateAuthorityData: id.caBundle,
		Extensions: map[string]runtime.Object{
			extensionName: &runtime.Unknown{Raw: raw, ContentType: runtime.ContentTypeJSON},
		},
	}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{Token: id.adminToken}
	config.Contexts["devcluster"] = &clientcmdapi.Context{Cluster: "devcluster", AuthInfo: "admin", Namespace: "default"}
	config.CurrentContext = "devcluster"
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	return writeAtomic(path, data)
}

// readKubeconfig returns a client configuration without rate limits, and what
// the kubeconfig says about its devcluster. Any other cluster is an error.
func readKubeconfig(path string) (*rest.Config, extension, error) {
	var ext extension
	if path == "" {
		return nil, ext, fmt.Errorf("--kubeconfig is missing")
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		return nil, ext, fmt.Errorf("read kubeconfig: %w", err)
	}
	if err := findExtension(config, &ext); err != nil {
		return nil, ext, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	restConfig, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		return nil, ext, fmt.Errorf("read kubeconfig %s: %w", path, err)
	}
	restConfig.QPS = -1
	restConfig.UserAgent = "devcluster"
	return restConfig, ext, nil
}

// findExtension reads the devcluster extension of the current context's cluster.
func findExtension(config *clientcmdapi.Config, ext *extension) error {
	kubeContext := config.Contexts[config.CurrentContext]
	if kubeContext == nil || config.Clusters[kubeContext.Cluster] == nil {
		return fmt.Errorf("it has no current context")
	}
	raw, ok := config.Clusters[kubeContext.Cluster].Extensions[extensionName].(*runtime.Unknown)
	if !ok {
		return fmt.Errorf("it wasn't written by devcluster, and other clusters are left alone")
	}
	return json.Unmarshal(raw.Raw, ext)
}
