package main

import (
	"runtime/debug"
	"testing"
)

func TestTheOperatorsSettingsOfTheCollectorWin(t *testing.T) {
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	for _, tt := range []struct {
		gogc, limit string
		want        int
	}{
		{"70", "", 70},
		{"", "64MiB", 70},
		{"", "", gcPercent},
	} {
		t.Setenv("GOGC", tt.gogc)
		t.Setenv("GOMEMLIMIT", tt.limit)
		tuneMemory()
		if got := debug.SetGCPercent(70); got != tt.want {
			t.Errorf("GOGC=%q GOMEMLIMIT=%q: percentage %d, want %d", tt.gogc, tt.limit, got, tt.want)
		}
	}
}
