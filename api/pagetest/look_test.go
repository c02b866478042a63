package pagetest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sidemirror/sidemirror/syncer"
)

// paused is a document of a run that someone holds.
func paused() *syncer.Status {
	s := running()
	s.State, s.ETA, s.AllowedActions = syncer.Paused, nil, []syncer.Action{syncer.ActionResume, syncer.ActionCancel}
	s.Control = syncer.Control{Paused: true, By: ptr("anna@example.com"), Reason: ptr("the database is being moved, until about noon"), Since: &s.ObservedAt}
	s.PausedSeconds = 12
	for i := range s.ResourceStatus {
		if r := &s.ResourceStatus[i]; r.Status != syncer.ResourceNotStarted {
			r.Phase = syncer.PhasePaused
		}
	}
	return s
}

func notStarted() *syncer.Status {
	s := running()
	return &syncer.Status{Revision: 1, Cluster: s.Cluster, Instance: s.Instance, Role: s.Role, Status: syncer.NotStarted, State: syncer.Idle, ObservedAt: s.ObservedAt}
}

// overflows names what is wider than the screen, and isn't in something that scrolls.
const overflows = `[...document.querySelectorAll('body *')].filter((e) => {
	if (e.closest('.scroll, .unseen, .skip, thead, svg') && !e.matches('.scroll')) return false;
	const box = e.getBoundingClientRect();
	return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5);
}).map((e) => e.tagName + '.' + (e.id || e.className) + ' ' + Math.round(e.getBoundingClientRect().right)).concat(
	document.documentElement.scrollWidth > innerWidth ? ['the page is ' + document.documentElement.scrollWidth + ' wide'] : [])`

// faint names texts whose contrast with what they stand on is below 4.5 (3 for
// large ones), as WCAG 2 has it in AA. Buttons out of use are left out, as there.
const faint = `(() => {
	const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
	const rgba = (color) => {
		context.clearRect(0, 0, 1, 1);
		context.fillStyle = color;
		context.fillRect(0, 0, 1, 1);
		return [...context.getImageData(0, 0, 1, 1).data];
	};
	const groundOf = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] > 250) return c;
		}
		return [255, 255, 255, 255];
	};
	const luminance = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const found = new Set();
	let looked = 0;
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node = walker.nextNode(); node; node = walker.nextNode()) {
		const e = node.parentElement;
		if (!node.data.trim() || !e.checkVisibility() || e.closest('.unseen, .skip, :disabled, svg')) continue;
		looked++;
		const style = getComputedStyle(e);
		const [a, b] = [luminance(rgba(style.color)), luminance(groundOf(e))].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
		if (ratio < (large ? 3 : 4.5)) found.add(ratio.toFixed(2) + ' ' + (e.className || e.tagName) + ' ' + node.data.trim().slice(0, 30));
	}
	return looked > 10 ? [...found] : ['only ' + looked + ' texts were looked at'];
})()`

func TestEveryStateIsReadableInLightAndDarkAndAt360Pixels(t *testing.T) {
	for name, s := range map[string]*syncer.Status{
		"running": running(), "live": live(), "troubled": troubled(), "paused": paused(), "empty": notStarted(),
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			var runs []syncer.Run
			if name != "empty" {
				runs = pastRuns(22)
			}
			g := newStage(t, s, runs...)
			b.scheme("light")
			b.visit(g.url)
			b.awaitText("#link-text", "Live updates")
			b.await("past runs, or none", fmt.Sprintf("document.querySelectorAll('#runs tr').length === %d", len(runs)))
			for _, scheme := range []string{"light", "dark"} {
				b.scheme(scheme)
				if found := eval[[]string](b, faint); len(found) > 0 {
					t.Errorf("%s: too little contrast: %q", scheme, found)
				}
				b.shoot(name + "-" + scheme)
			}
			for _, width := range []int64{360, 560, 800} {
				b.do(chromedp.EmulateViewport(width, 740))
				if found := eval[[]string](b, overflows); len(found) > 0 {
					t.Errorf("wider than %d: %q", width, found)
				}
			}
			b.scheme("light")
			b.do(chromedp.EmulateViewport(360, 740))
			b.shoot(name + "-360")
			b.content()
		})
	}
}

func TestTheIconAndTheTitleTellTheStateApart(t *testing.T) {
	b, g := open(t), newStage(t, running())
	b.visit(g.url)
	seen := map[string]string{}
	revision := uint64(5000)
	for name, s := range map[string]*syncer.Status{"running": running(), "live": live(), "troubled": troubled(), "paused": paused()} {
		revision++
		s.Revision = revision
		g.set(s)
		g.send("snapshot", g.snapshot())
		b.await("revision of "+name, fmt.Sprintf("document.getElementById('identity').textContent.includes('Revision%d')", revision))
		look := eval[string](b, "document.title + ' ' + document.getElementById('icon').href")
		if before, ok := seen[look]; ok {
			t.Errorf("%s looks like %s: %s", name, before, look)
		}
		seen[look] = name
	}
	b.content()
}

func TestTwoHundredResourcesStayReadableAndQuick(t *testing.T) {
	s := live()
	for i := range 200 - len(s.ResourceStatus) {
		r := s.ResourceStatus[i%11]
		r.Name, r.Resource, r.Group = fmt.Sprintf("customthings%03d.operators.example.com", i), fmt.Sprintf("CustomThing%03d", i), "operators.example.com"
		s.ResourceStatus = append(s.ResourceStatus, r)
	}
	bad := &s.ResourceStatus[150]
	bad.Status, bad.Error = syncer.ResourceForbidden, &syncer.CellError{Reason: syncer.ReasonForbidden, Message: "forbidden", Time: s.ObservedAt}
	s.TotalResources, s.SyncedResources, s.FailedResources, s.Partial = 200, 199, 1, true
	b, g := open(t), newStage(t, s)
	b.visit(g.url)
	b.await("200 rows", `document.querySelectorAll('#cells tbody').length === 200`)
	if first := b.text("#cells tbody"); first == "" || eval[string](b, `document.querySelector('#cells tbody').dataset.tone`) != "bad" {
		t.Errorf("the first row is %q, want the one that isn't well", first)
	}
	eval[any](b, `window.longest = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.longest = Math.max(window.longest, e.duration); }).observe({ entryTypes: ['longtask'] });
		window.moved = 0; new PerformanceObserver((l) => { for (const e of l.getEntries()) window.moved += e.value; }).observe({ type: 'layout-shift' }); null`)
	for i := range uint64(30) {
		g.send("change", fmt.Sprintf(`{"type":"change","revision":%d,"since":%d,"status":{"revision":%d}}`, s.Revision+i+1, s.Revision+i, s.Revision+i+1))
	}
	b.await("the last change", fmt.Sprintf("document.getElementById('identity').textContent.includes('Revision%d')", s.Revision+30))
	if took := eval[float64](b, "window.longest"); took > 1000 {
		t.Errorf("a rendering held the page up for %.0f ms", took)
	} else {
		t.Logf("longest task: %.0f ms (0: below 50)", took)
	}
	if moved := eval[float64](b, "window.moved"); moved > 0.02 {
		t.Errorf("the layout moved by %.3f while nothing happened", moved)
	}
	b.click("#filter")
	b.write("THING150")
	b.await("one row", `[...document.querySelectorAll('#cells tbody')].filter((r) => r.checkVisibility()).length === 1`)
	b.awaitText("#tally", "1 of 200 resources")
	b.do(chromedp.EmulateViewport(360, 740))
	if found := eval[[]string](b, overflows); len(found) > 0 {
		t.Errorf("wider than 360: %q", found)
	}
	b.shootView("many-360")
	b.content()
}
