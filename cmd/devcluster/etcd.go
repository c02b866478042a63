package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const (
	// etcdQuotaBytes leaves room for a few hundred thousand Pods and for their
	// history until the next compaction.
	etcdQuotaBytes = 16 << 30
	// etcdSnapshotCount is low so that a restart replays little.
	etcdSnapshotCount = 2000
	// progressInterval is what Kubernetes' own set-ups choose. With etcd's default
	// of ten minutes a watch of a quiet resource would get no bookmarks.
	progressInterval = 5 * time.Second
)

// startEtcd starts a single member on free loopback ports, and returns once it
// serves. It never calls fsync: data survives the death of the process, not the
// death of the machine.
func startEtcd(ctx context.Context, dataDir, logPath string) (*embed.Etcd, error) {
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg := embed.NewConfig()
	cfg.Name = "devcluster"
	cfg.Dir = filepath.Join(dataDir, "etcd")
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = anyPort, anyPort
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = anyPort, anyPort
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	cfg.SnapshotCount = etcdSnapshotCount
	cfg.QuotaBackendBytes = etcdQuotaBytes
	cfg.WatchProgressNotifyInterval = progressInterval
	cfg.LogLevel = "error"
	cfg.LogOutputs = []string{logPath}

	e, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err := <-e.Err():
		e.Close()
		return nil, fmt.Errorf("start etcd: %w", err)
	case <-ctx.Done():
		e.Close()
		return nil, ctx.Err()
	}
}

// etcdURL returns where clients reach e.
func etcdURL(e *embed.Etcd) string { return "http://" + e.Clients[0].Addr().String() }

// stopEtcd closes the storage first and the connections after it. Close alone
// does it the other way round, and waits seconds for the API server's watches to
// end by themselves.
func stopEtcd(e *embed.Etcd) {
	e.Server.Stop()
	e.Close()
}
