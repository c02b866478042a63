package pagetest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestPauseAndResumeThroughTheButtons(t *testing.T) {
	b, m := open(t), startMirror(t, newCluster(200))
	b.visit(m.url)
	b.awaitText("#headline", "Live")
	b.click("button[data-action=pause]")
	b.awaitText("#dialog", "Pause the mirror?")
	b.shootView("pause-dialog")
	b.write("the database is being moved")
	b.press(kb.Enter)
	b.awaitText("#headline", "Paused")
	b.awaitText("#notices", "the database is being moved")
	if c := m.tracker.Status().Control; !c.Paused || c.Reason == nil || *c.Reason != "the database is being moved" {
		t.Errorf("control = %+v, want the pause with its reason", c)
	}
	if b.holds(`document.querySelector('button[data-action=pause]').checkVisibility()`) {
		t.Error("pause is offered while paused")
	}
	b.awaitText("#announcer", "Paused")
	b.await("the focus at what can be done next", `document.activeElement.dataset.action === 'resume'`)
	b.shoot("paused-real")
	b.click("button[data-action=resume]")
	b.awaitText("#headline", "Live")
	b.await("no notice", `document.getElementById('notices-section').hidden`)
	if m.tracker.Status().Control.Paused {
		t.Error("still paused after the button")
	}
	b.content()
}

func TestACancelledRunStaysCancelledUntilAnotherIsStarted(t *testing.T) {
	c := newCluster(200)
	c.allowed = 5
	b, m := open(t), startMirror(t, c)
	b.visit(m.url)
	b.awaitText("#headline", "Copying the cluster")
	b.click("button[data-action=cancel]")
	b.awaitText("#dialog", "Cancel the run?")
	b.press(kb.Escape)
	b.await("the dialog closed", `!document.getElementById('dialog').open`)
	b.await("the focus back at its button", `document.activeElement.dataset.action === 'cancel'`)
	if s := m.tracker.Status(); s.Status != syncer.InProgress {
		t.Fatalf("status %s after Esc, want the run unharmed", s.Status)
	}
	b.press(kb.Enter)
	b.awaitText("#dialog", "Cancel the run?")
	b.click("#dialog-go")
	b.awaitText("#headline", "Cancelled")
	b.awaitText("#runs", "Cancelled")
	b.awaitText("#steps [data-is=cut]", "cancelled after")
	b.awaitText("#cells", "Interrupted")
	b.shoot("cancelled-real")
	c.alter(func(c *cluster) { c.allowed = -1 })
	b.click("button[data-action=start]")
	b.awaitText("#headline", "Live")
	b.awaitText("#runs", "by hand")
	b.content()
}

// problems answers every command with a problem document until token comes.
func problems(g *stage, token string) {
	g.commands = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		switch {
		case token == "":
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"status":409,"title":"Conflict","detail":"pause isn't possible <b>now</b>","allowedActions":[]}`)
		case r.Header.Get("Authorization") == "":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"status":401,"title":"Unauthorized","detail":"this needs a token"}`)
		case r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"status":403,"title":"Forbidden","detail":"bob may not do that"}`)
		default:
			body, _ := io.ReadAll(r.Body) // the assertion is on what came
			g.got(string(body))
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"operationId":"01J","action":"pause","revision":1}`)
		}
	}
}

func TestWhatIsRefusedIsSaid(t *testing.T) {
	b, g := open(t), newStage(t, live())
	problems(g, "")
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	b.click("button[data-action=start]")
	b.awaitText("#answer-text", "pause isn't possible <b>now</b>")
	b.await("the button is usable again", `!document.querySelector('button[data-action=start]').disabled`)
	b.click("#answer-close")
	b.await("the answer gone", `document.getElementById('answer').hidden`)
	b.content()
}

func TestControlAsksForATokenAndKeepsItInMemory(t *testing.T) {
	b, g := open(t), newStage(t, live())
	problems(g, "s3cret")
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	b.click("button[data-action=pause]")
	b.awaitText("#dialog", "Pause the mirror?")
	b.write("noon")
	b.press(kb.Enter)
	b.awaitText("#answer-text", "Control needs a token: this needs a token")
	b.await("the focus in the field", `document.activeElement.id === 'token'`)
	b.shootView("token")
	b.write("wrong")
	b.press(kb.Enter)
	b.awaitText("#answer-text", "this one isn’t enough: bob may not do that")
	b.write("s3cret")
	b.press(kb.Enter)
	b.await("the answer gone", `document.getElementById('answer').hidden`)
	g.awaitGot(t, `{"reason":"noon"}`)
	if kept := eval[string](b, `JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}, location.href, document.documentElement.outerHTML])`); strings.Contains(kept, "s3cret") {
		t.Error("the token is kept somewhere else than in memory")
	}
	b.content()
}

// focused names what has the focus.
const focused = `(() => {
	const e = document.activeElement;
	const label = e.getAttribute('aria-labelledby');
	return e.dataset.action || e.getAttribute('aria-label') || (label ? document.getElementById(label).textContent : e.textContent.trim());
})()`

func TestEverythingIsReachedWithTheKeyboardAndTheFocusIsSeen(t *testing.T) {
	b, g := open(t), newStage(t, troubled(), pastRuns(12)...)
	b.visit(g.url)
	b.awaitText("#history-tally", "12 runs")
	want := []string{
		"Skip to the resources", "retry", "start", "pause", "Retry configmaps now", "Retry ingresses.networking.k8s.io now",
		"2 dead letters", "Dead letters", "Past runs", "Show all 12 runs", "Status as JSON",
	}
	var got []string
	for range want {
		b.press(kb.Tab)
		got = append(got, eval[string](b, focused))
		if !b.holds(`getComputedStyle(document.activeElement).outlineStyle !== 'none' && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`) {
			t.Errorf("the focus isn't to be seen on %q", got[len(got)-1])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of Tab (-want +got):\n%s", diff)
	}
	b.content()
}
