package pagetest

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

func TestChangesOfTheStreamAreApplied(t *testing.T) {
	b, g := open(t), newStage(t, running())
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	b.awaitText("#percent", "54")
	g.send("change", `{"type":"change","revision":4712,"since":4711,"status":{"revision":4712,"syncedResources":4,"progress":{"ratio":0.71,"basis":"objects","totalsFinal":false,"objects":{"synced":34000,"total":48950,"estimated":true},"bytes":{"synced":300000000,"total":null,"estimated":true}}},
		"removed":[{"name":"nodes"}],"resources":[`+cell("widgets.example.com", "Widget", "")+`,`+cell("widgets.example.com", "Widget", "shop")+`]}`)
	b.awaitText("#percent", "71")
	b.awaitText("#cells", "widgets.example.com in shop")
	if text := b.text("#cells"); strings.Contains(text, "nodes") || !strings.Contains(text, "pods") {
		t.Errorf("rows are\n%s\nwant those from before without nodes", text)
	}
	// What doesn't fit on what is there makes the page ask anew.
	s := live()
	s.Revision = 4800
	g.set(s)
	opened := g.openedStreams()
	g.send("change", `{"type":"change","revision":4801,"since":4790,"status":{"revision":4801,"cluster":"nowhere"}}`)
	b.awaitText("#headline", "Live")
	b.await("the stream again", `document.getElementById('link').dataset.link === 'stream'`)
	if g.openedStreams() <= opened || strings.Contains(b.text("#cluster"), "nowhere") {
		t.Error("a change that doesn't fit was applied")
	}
	g.send("reset", `{"type":"reset","revision":1,"reason":"the server has started anew since"}`)
	again := running()
	again.Revision = 3
	g.set(again)
	g.send("snapshot", g.snapshot())
	b.awaitText("#headline", "Copying the cluster")
	b.content()
}

func cell(name, kind, namespace string) string {
	return fmt.Sprintf(`{"resource":%q,"name":%q,"namespace":%q,"group":"example.com","version":"v1","namespaced":true,"status":"completed","phase":"watching","count":1,"total":1,"totalEstimated":false,"objects":1,
		"received":1,"created":1,"updated":0,"unchanged":0,"deleted":0,"swept":0,"coalesced":0,"filtered":0,"deadLettered":0,"bytes":1,"startTime":null,"endTime":null,"resourceVersion":"1","attempt":0,"nextRetryAt":null,
		"relists":0,"resumes":0,"events":{"added":0,"modified":0,"deleted":0,"bookmark":0},"retries":0,"watch":{"state":"connected","lagSeconds":0,"lastEventAt":null,"bufferBytes":0},"error":null}`, kind, name, namespace)
}

func TestWithoutAStreamThePageIsKeptByPolling(t *testing.T) {
	for _, code := range []int{404, 429, 503} {
		b, g := open(t), newStage(t, running())
		g.refuse(code)
		b.visit(g.url)
		b.awaitText("#link-text", "Updates by polling")
		s := live()
		s.Revision++
		g.set(s)
		b.awaitText("#headline", "Live")
		b.content()
	}
}

func TestAStreamThatEndsIsFollowedOnAndTakenUpAgain(t *testing.T) {
	b, g := open(t), newStage(t, running())
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	g.refuse(503)
	b.awaitText("#link-text", "Updates by polling")
	s := live()
	s.Revision++
	g.set(s)
	b.awaitText("#headline", "Live")
	g.refuse(0)
	b.awaitText("#link-text", "Live updates")
	opened := g.openedStreams()
	g.send("end", `{"type":"end","revision":4712,"reason":"completed"}`)
	g.awaitOpened(t, opened+1)
	b.awaitText("#link-text", "Live updates")
	b.content()
}

func TestALostConnectionIsSaidAndComesBackByItself(t *testing.T) {
	b := open(t)
	g := newStage(t, running(), pastRuns(5)...)
	l := listen(t, "127.0.0.1:0", g.handler)
	b.visit("http://" + l.address + "/")
	b.awaitText("#link-text", "Live updates")
	l.stop()
	b.awaitText("#lost", "Connection lost since ")
	b.awaitText("#link-text", "No connection")
	b.await("the state greyed", `getComputedStyle(document.querySelector('main')).filter.includes('grayscale')`)
	b.awaitText("#percent", "54")
	b.await("buttons out of use", `[...document.querySelectorAll('#actions button')].every((x) => x.disabled)`)
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "No connection") {
		t.Errorf("title %q, want it to say that there is no connection", title)
	}
	b.shootView("lost-light")
	b.scheme("dark")
	b.shootView("lost-dark")
	s := live()
	s.Revision = 2 // of another process
	g.set(s)
	listen(t, l.address, g.handler)
	b.awaitText("#headline", "Live")
	b.awaitText("#link-text", "Live updates")
	b.await("no banner", `document.getElementById('lost').hidden && !document.documentElement.hasAttribute('data-stale')`)
	b.awaitText("#announcer", "The connection is back.")
	b.content()
}

func TestThePageWorksBelowThePrefixOfAProxy(t *testing.T) {
	b, m := open(t), startMirror(t, newCluster(30))
	target, err := url.Parse(m.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := listen(t, "127.0.0.1:0", http.StripPrefix("/tools/mirror", httputil.NewSingleHostReverseProxy(target)))
	b.visit("http://" + proxy.address + "/tools/mirror/")
	b.awaitText("#headline", "Live")
	b.awaitText("#history-tally", "1 run")
	b.click("button[data-action=start]")
	b.awaitText("#history-tally", "2 runs")
	b.content()
}

func TestAHiddenTabAsksForNothingButTheTitle(t *testing.T) {
	b, g := open(t), newStage(t, running())
	b.visit(g.url)
	b.awaitText("#link-text", "Live updates")
	eval[any](b, `Object.defineProperty(document, 'hidden', { value: true, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); null`)
	g.awaitStreams(t, 0)
	s := live()
	s.Revision++
	g.set(s)
	eval[any](b, `delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); null`)
	b.awaitText("#headline", "Live")
	g.awaitStreams(t, 1)
	b.content()
}
