// Package tracing turns what the engine does, and what is asked of the API, into
// OpenTelemetry spans.
//
//	sync run
//	└ sync step cleanup, sync, informer
//	  └ sync resource pods
//	    ├ GET                 from [Transport]
//	    └ update pods         from [MongoMonitor], or BATCH INSERT pods from [SQLite]
//	sync resource pods        its own root while the mirror is live, linked to the run
//	stream flush pods         its own root, only if slow or failed, linked to the run
//	POST /api/v1/sync/start   from [Handler]; the run that it starts is linked to it
//	└ find pods
//
// Reading order: provider.go (where spans go, from the OTEL_* variables), resource.go
// (whose they are), losses.go (what becomes of those that can't be sent),
// observer.go (the tree) with attributes.go, budget.go (how many), transport.go,
// mongo.go and sqlite.go (the calls below a resource), server.go (what is asked).
package tracing
