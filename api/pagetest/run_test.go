package pagetest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

func TestAWholeRunIsSeenFromItsStartToLive(t *testing.T) {
	b := open(t)
	c := kubetest.Start(t)
	c.Fill("--pods", "1500", "--mixed", "300")
	kubeconfig, open := throttled(t, c, 1<<20)
	page := startDaemon(t, kubeconfig, "--parallel", "1", "--page-size", "100")
	b.visit(page)
	b.awaitText("#overview", "to come")
	eval[any](b, record)
	open()
	b.awaitText("#headline", "Copying the cluster")
	b.awaitText("#link-text", transport(t, page))
	b.await("some of it copied", `Number(document.getElementById('percent').textContent) > 5`)
	b.shoot("run-real")
	b.awaitText("#headline", "Live")
	b.awaitText("#percent", "100")
	b.awaitText("#history-tally", "1 run")
	b.await("every resource live", `[...document.querySelectorAll('#cells .state')].every((s) => s.textContent === 'Live')`)
	b.await("every step done", `[...document.querySelectorAll('#steps li')].every((s) => s.dataset.is === 'done')`)

	s := eval[seen](b, "window.seen")
	var percents []int
	for _, text := range s.Percents {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		percents = append(percents, n)
	}
	if !slices.IsSorted(percents) || len(percents) < 3 {
		t.Errorf("percents shown: %v, want several that never fall", percents)
	}
	t.Logf("headlines %q, percents %v", s.Headlines, percents)
	shownAsTold(t, b, page)
	b.shoot("live-real")
	b.content()
}

// transport is what the page says of how it is kept, as the server has streams or not.
func transport(t *testing.T, page string) string {
	t.Helper()
	res, err := http.Head(page + "api/v1/sync/events")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return "Live updates"
	}
	return "Updates by polling"
}

// shownAsTold holds the page's rows against the status document.
func shownAsTold(t *testing.T, b *tab, page string) {
	t.Helper()
	res, err := http.Get(page + "api/v1/sync/status")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var told syncer.Status
	if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	if n := eval[int](b, `document.querySelectorAll('#cells tbody').length`); n != len(told.ResourceStatus) || n == 0 {
		t.Fatalf("%d rows, want %d", n, len(told.ResourceStatus))
	}
	for i, r := range told.ResourceStatus {
		row := eval[[]string](b, `(() => { const r = document.querySelectorAll('#cells tbody')[`+strconv.Itoa(i)+`];
			return [r.querySelector('.name').textContent, r.querySelector('.count').textContent.replaceAll(',', ''), r.querySelector('[role=progressbar]').getAttribute('aria-valuenow')]; })()`)
		if want := []string{r.Name, strconv.FormatInt(r.Objects, 10), "100"}; !slices.Equal(row, want) {
			t.Errorf("row %d is %q, want %q", i, row, want)
		}
	}
	// What a real run lists, the page doesn't leave out: pods were filled.
	if i := slices.IndexFunc(told.ResourceStatus, func(r syncer.ResourceStatus) bool { return r.Name == "pods" }); i < 0 || told.ResourceStatus[i].Objects < 1500 {
		t.Error("the mirror has no pods to be shown")
	}
}
