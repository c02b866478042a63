package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcdURLFile is the file in the data directory that says where etcd listens.
const etcdURLFile = "etcd.url"

// compactionKey is outside of /registry, where the API server looks.
const compactionKey = "/devcluster/compaction"

func newCompactCommand() *cobra.Command {
	var dataDir, kubeconfig string
	cmd := &cobra.Command{
		Use:   "compact (--data-dir DIR | --kubeconfig FILE)",
		Short: "Compact etcd to its current revision, so that older resource versions are gone",
		Long: `Compact etcd to its current revision, so that older resource versions are gone.

The API server answers from its watch cache as long as that holds the window, so
a watch gets its 410 only where the cache is off (run --watch-cache-sizes=pods#0)
or after a restart. Continue tokens of lists expire in the same way.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, err := findEtcd(dataDir, kubeconfig)
			if err != nil {
				return err
			}
			revision, err := compact(cmd.Context(), url)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "compacted: %d\n", revision)
			return err
		},
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the running devcluster")
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the running devcluster")
	cmd.MarkFlagsOneRequired("data-dir", "kubeconfig")
	cmd.MarkFlagsMutuallyExclusive("data-dir", "kubeconfig")
	return cmd
}

// findEtcd returns the URL that a running devcluster left behind.
func findEtcd(dataDir, kubeconfig string) (string, error) {
	if kubeconfig != "" {
		_, ext, err := readKubeconfig(kubeconfig)
		return ext.Etcd, err
	}
	data, err := os.ReadFile(filepath.Join(dataDir, etcdURLFile))
	if err != nil {
		return "", fmt.Errorf("find etcd, has devcluster run in this directory? %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// compact compacts to the revision at the time of the call, and returns it. It
// writes a key of its own first: etcd still serves a watch that would start at
// the compacted revision itself, and that shall not be the last object's.
func compact(ctx context.Context, url string) (int64, error) {
	client, err := dialEtcd(url)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	put, err := client.Put(ctx, compactionKey, time.Now().UTC().Format(time.RFC3339Nano))
	if err != nil {
		return 0, fmt.Errorf("write to etcd: %w", err)
	}
	revision := put.Header.Revision
	if _, err := client.Compact(ctx, revision, clientv3.WithCompactPhysical()); err != nil {
		return 0, fmt.Errorf("compact etcd to revision %d: %w", revision, err)
	}
	return revision, nil
}

// dialEtcd returns a client that fails within seconds when nothing listens.
func dialEtcd(url string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints:          []string{url},
		DialTimeout:        5 * time.Second,
		MaxCallSendMsgSize: 16 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return client, nil
}
