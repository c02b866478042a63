package main

import (
	"context"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
)

const (
	// redrawInterval is fast enough to look alive and slow enough for ssh.
	redrawInterval = 200 * time.Millisecond
	// plainInterval is the longest that plain lines keep silent while a run makes progress.
	plainInterval = 10 * time.Second
)

// display shows snapshots as they come; it belongs to one goroutine.
type display interface {
	show(now time.Time, s *syncer.Status)
	// clear takes away what would otherwise be in the way of text that follows.
	clear()
}

// follow shows the newest snapshot until ctx ends. latest may return nil while
// there is none.
func follow(ctx context.Context, d display, latest func() *syncer.Status) {
	ticker := time.NewTicker(redrawInterval)
	defer ticker.Stop()
	defer d.clear()
	for {
		if s := latest(); s != nil {
			d.show(time.Now(), s)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// bars draws a run that is in progress, and nothing otherwise: then the log, or
// the command, says it in words.
type bars struct {
	screen   *screen
	terminal terminal
	meter    meter
}

func (b *bars) show(now time.Time, s *syncer.Status) {
	if s.Status != syncer.InProgress {
		b.clear()
		return
	}
	b.meter.observe(now, s)
	width, height := b.terminal.size()
	b.screen.Draw(frame{width: width, height: height, color: b.terminal.color, meter: &b.meter}.lines(s))
}

func (b *bars) clear() { b.screen.Draw(nil) }

// plain tells a run that is in progress in lines: one at each change of the
// step or of the resources that are done, and one now and then in between.
type plain struct {
	tell func(*syncer.Status)

	step   syncer.Step
	status syncer.RunStatus
	synced int
	told   time.Time
	amount int64
}

func (p *plain) show(now time.Time, s *syncer.Status) {
	turned := s.Step != p.step || s.Status != p.status || s.SyncedResources != p.synced
	moved := s.Progress.Objects.Synced != p.amount && now.Sub(p.told) >= plainInterval
	if !turned && !moved {
		return
	}
	p.step, p.status, p.synced, p.told, p.amount = s.Step, s.Status, s.SyncedResources, now, s.Progress.Objects.Synced
	if s.Status == syncer.InProgress {
		p.tell(s)
	}
}

func (p *plain) clear() {}
