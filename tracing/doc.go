// Package tracing turns what the engine does into OpenTelemetry spans.
//
//	sync run
//	└ sync step cleanup, sync, informer
//	  └ sync resource pods
//	    ├ GET                 from [Transport]
//	    └ update pods         from [MongoMonitor]
//	stream flush pods         its own root, only if slow or failed, linked to the run
//
// Reading order: provider.go (where spans go, from the OTEL_* variables),
// observer.go (the tree), budget.go (how many), transport.go and mongo.go (the
// calls below a resource).
package tracing
