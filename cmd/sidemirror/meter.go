package main

import (
	"math"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	// meterMemory is the time after which a measurement weighs a third.
	meterMemory = 3 * time.Second
	// meterWarmUp is how long a meter runs before it foretells anything.
	meterWarmUp = 2 * time.Second
)

// meter measures from snapshot to snapshot how fast objects come, per cell and,
// under "", in all. It belongs to one goroutine.
type meter struct {
	runID string
	cells map[string]*speed
}

// speed is a moving average of objects a second.
type speed struct {
	since, at time.Time
	count     int64
	perSecond float64
}

// observe adds a snapshot. A new run, and what follows a pause, begin from nothing.
func (m *meter) observe(now time.Time, s *syncer.Status) {
	if m.cells == nil || m.runID != s.RunID || s.Control.Paused {
		m.runID, m.cells = s.RunID, map[string]*speed{}
	}
	if s.Status != syncer.InProgress {
		return
	}
	m.add("", now, s.Progress.Objects.Synced)
	for i := range s.ResourceStatus {
		r := &s.ResourceStatus[i]
		if r.Status == syncer.ResourceInProgress {
			m.add(cellName(r), now, r.Count)
		}
	}
}

func (m *meter) add(name string, now time.Time, count int64) {
	v := m.cells[name]
	if v == nil || count < v.count {
		m.cells[name] = &speed{since: now, at: now, count: count}
		return
	}
	dt := now.Sub(v.at)
	if dt <= 0 {
		return
	}
	measured := float64(count-v.count) / dt.Seconds()
	weight := 1 - math.Exp(-dt.Seconds()/meterMemory.Seconds())
	if v.at.Equal(v.since) {
		weight = 1
	}
	v.perSecond += weight * (measured - v.perSecond)
	v.at, v.count = now, count
}

// rate is objects a second, 0 while unknown.
func (m *meter) rate(name string) float64 {
	if v := m.cells[name]; v != nil {
		return v.perSecond
	}
	return 0
}

// remaining foretells how long until total is reached, once it can be said.
func (m *meter) remaining(name string, total *int64) (time.Duration, bool) {
	v := m.cells[name]
	if v == nil || total == nil || *total <= v.count || v.perSecond < 0.1 || v.at.Sub(v.since) < meterWarmUp {
		return 0, false
	}
	return time.Duration(float64(*total-v.count) / v.perSecond * float64(time.Second)), true
}
