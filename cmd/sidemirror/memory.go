package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow by half between two collections instead of to its
// double. Objects travel through pooled buffers, so that collections are few
// either way: this trades a percent or two of CPU time for a third of the heap.
const gcPercent = 50

// tuneMemory sets gcPercent, unless the environment says what the operator wants
// (https://pkg.go.dev/runtime#hdr-Environment_Variables).
func tuneMemory() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
