// Package kubeauth asks the cluster who may use the HTTP server: a TokenReview says
// whose a bearer token is, a SubjectAccessReview whether that user may do what the
// request is for. Nobody reads through the mirror what the API server would refuse
// them.
//
// Both answers are remembered for a few seconds (answers.go), by digests: neither
// tokens nor what was asked are kept. A cluster that doesn't answer lets nobody in.
//
// Sidemirror's own user needs the ClusterRole system:auth-delegator for it.
//
// Reading order: reviewer.go, answers.go, digest.go.
package kubeauth
