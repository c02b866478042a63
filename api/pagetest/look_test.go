package pagetest

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestPictures(t *testing.T) {
	paused := running()
	paused.State, paused.ETA, paused.AllowedActions = syncer.Paused, nil, []syncer.Action{syncer.ActionResume, syncer.ActionCancel}
	paused.Control = syncer.Control{Paused: true, By: ptr("anna@example.com"), Reason: ptr("the database is being moved, until about noon"), Since: ptr(paused.ObservedAt)}
	paused.PausedSeconds = 12
	empty := &syncer.Status{Revision: 1, Cluster: "prod-eu-1", Instance: "x", Status: syncer.NotStarted, State: syncer.Idle, ObservedAt: paused.ObservedAt}
	for name, s := range map[string]*syncer.Status{"running": running(), "live": live(), "troubled": troubled(), "paused": paused, "empty": empty} {
		b := open(t)
		var runs []syncer.Run
		if name != "empty" {
			runs = pastRuns(22)
		}
		g := newStage(t, s, runs...)
		b.scheme("light")
		b.visit(g.url)
		b.awaitText("#link-text", "Live updates")
		b.shoot(name + "-light")
		b.scheme("dark")
		b.shoot(name + "-dark")
		b.scheme("light")
		b.do(chromedp.EmulateViewport(360, 740))
		b.shoot(name + "-360")
		b.content()
	}
}
