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

// bars draws a run that is in progress, says when the mirror stands still, and
// draws nothing otherwise: then the log, or the command, says it in words.
type bars struct {
	screen   *screen
	terminal terminal
	meter    meter
}

func (b *bars) show(now time.Time, s *syncer.Status) {
	width, _ := b.terminal.size()
	b.screen.draw(b.lines(now, s), width)
}

// lines are what is drawn of s, which the rates are measured of too.
func (b *bars) lines(now time.Time, s *syncer.Status) []string {
	b.meter.observe(now, s)
	return b.frame(now).lines(s)
}

func (b *bars) frame(now time.Time) frame {
	width, height := b.terminal.size()
	return frame{width: width, height: height, color: b.terminal.color, now: now, meter: &b.meter}
}

func (b *bars) clear() { b.screen.draw(nil, 0) }

// plain tells a run that is in progress in lines: one at each change of the
// step, of the resources that are done, or of what is done at all, such as a
// pause, and one now and then in between.
type plain struct {
	tell func(*syncer.Status)

	last   syncer.Status // what was told of, or would have been
	told   time.Time
	paused bool // was told of last
}

func (p *plain) show(now time.Time, s *syncer.Status) {
	l := &p.last
	turned := s.Step != l.Step || s.Status != l.Status || s.SyncedResources != l.SyncedResources ||
		s.Control.Paused != l.Control.Paused || s.State != l.State && s.State == syncer.Paused
	moved := s.Progress.Objects.Synced != l.Progress.Objects.Synced && now.Sub(p.told) >= plainInterval
	if !turned && !moved {
		return
	}
	p.last, p.told = *s, now
	if s.Status == syncer.InProgress || s.Control.Paused || p.paused {
		p.tell(s)
	}
	p.paused = s.Control.Paused
}

func (p *plain) clear() {}
