// Package kubetest runs a real Kubernetes API server for tests: the devcluster
// command (etcd and kube-apiserver in one process) as a child of the test.
//
//	cluster := kubetest.Start(t, kubetest.WithUser("viewer", "s3cret"))
//	client := cluster.Client()
//	cluster.Fill("--pods", "1000")
//	cluster.Restart() // the same port, the same data
//
// The binary is built once into bin/devcluster of the repository, under a file
// lock, because packages are tested in parallel: a cold build takes minutes,
// a warm one seconds. SIDEMIRROR_DEVCLUSTER names one that exists already. With
// -short, Start skips the test.
//
// Nothing but the API server runs. No controller deletes what a deleted owner
// leaves behind, no namespace finishes terminating, no Pod starts: objects
// change only when the test changes them.
//
// To read: cluster.go, then process.go and binary.go; metrics.go stands alone.
package kubetest
