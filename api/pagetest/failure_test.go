package pagetest

import (
	"strings"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
)

func TestAFailureIsShownWithItsNextRetryAndGoesWhenItIsMended(t *testing.T) {
	c := newCluster(60)
	c.refuse(deployments, forbidden(`deployments.apps is forbidden: User "<b>bob</b>" cannot list`))
	b, m := open(t), startMirror(t, c)
	b.visit(m.url)
	b.awaitText("#headline", "Live, in part")
	b.awaitText("#trust", "2 of 3 resources follow the cluster")
	b.awaitText("#cells tbody", `User "<b>bob</b>" cannot list`) // the first row
	b.awaitText("#cells tbody", "Forbidden")
	b.awaitText("#cells .next", "in ")
	first := b.text("#cells .next")
	b.await("a countdown that counts", `document.querySelector('#cells .next').textContent !== `+quoted(first))
	b.shoot("failure-real")
	before := m.tracker.Status().ResourceStatus[2].Attempt
	b.click("#cells .note button")
	m.await(t, "the attempt that the button asked for", func(s *syncer.Status) bool { return s.ResourceStatus[2].Attempt > before })
	c.refuse(deployments, nil)
	b.click("#cells .note button")
	b.await("live", `document.getElementById('headline').textContent === 'Live'`)
	b.await("no row with a note", `![...document.querySelectorAll('#cells .note')].some((n) => n.checkVisibility())`)
	b.awaitText("#announcer", "Well again: deployments.apps")
	b.content()
}

func TestAWholeRunThatFailsSaysWhyAndWhenItIsTriedAgain(t *testing.T) {
	s := running()
	s.Status, s.State, s.ETA = syncer.Failed, syncer.Retrying, nil
	s.Error, s.EndTime, s.DurationMs = ptr("connect to the store: "+hostile), &s.ObservedAt, ptr(int64(50_000))
	s.ConsecutiveFailures, s.Retry = 3, syncer.Retry{Attempt: 2, NextRetryAt: ptr(s.ObservedAt.Add(3600e9))}
	s.AllowedActions = []syncer.Action{syncer.ActionStart, syncer.ActionPause, syncer.ActionCancel, syncer.ActionRetry}
	b, g := open(t), newStage(t, s, pastRuns(4)...)
	b.visit(g.url)
	b.awaitText("#headline", "Run failed")
	b.awaitText("#notices", "The run failed (3 in a row)")
	b.awaitText("#notices", "<script>document.title='owned'</script>")
	b.awaitText("#notices .notice-note", "next try in ")
	b.awaitText("#steps [data-is=broken]", "Copy")
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "Run failed") {
		t.Errorf("title %q, want the failure in it", title)
	}
	b.shoot("run-failed")
	b.content()
}

func TestTextsFromOutsideStayTexts(t *testing.T) {
	b, g := open(t), newStage(t, troubled(), pastRuns(12)...)
	b.visit(g.url)
	b.awaitText("#cells", "<img src=x onerror=")
	b.awaitText("#letters", "<script>")
	b.awaitText("#notices", "<script>")
	b.awaitText("#runs", "<script>")
	if n := eval[int](b, `document.querySelectorAll('img, script:not([src]), iframe, main b').length`); n != 0 {
		t.Errorf("%d elements came out of texts", n)
	}
	if title := eval[string](b, "document.title"); strings.Contains(title, "owned") {
		t.Error("a text was run as a script")
	}
	if b.holds(`document.body.textContent.includes('\u202e')`) {
		t.Error("a text can turn around what stands beside it")
	}
	b.content()
}

func TestThePolicyRefusesWhatThePageDoesNotDo(t *testing.T) {
	b, g := open(t), newStage(t, live())
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	b.content()
	for name, attempt := range map[string]string{
		"inline style":    `document.body.setAttribute('style', 'color: red')`,
		"a script inside": `(() => { const s = document.createElement('script'); try { s.textContent = 'window.ran = 1'; document.body.append(s); } catch {} })()`,
		"markup of texts": `(() => { try { document.body.innerHTML = '<b>x</b>'; } catch {} })()`,
		"another host":    `void fetch('http://127.0.0.1:1/').catch(() => {})`,
	} {
		before := len(b.complained())
		eval[any](b, attempt+"; null")
		b.await("a violation for "+name, "window.violations.length > 0")
		if len(b.complained()) <= before {
			t.Errorf("%s: the policy let it through", name)
		}
		eval[any](b, "window.violations.length = 0; null")
	}
}

func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `\"`) + `"` }
