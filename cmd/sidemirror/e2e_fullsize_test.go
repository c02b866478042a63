package main_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
)

// fullSizeLimit bounds one step of the test below on a machine that is busy.
const fullSizeLimit = 10 * time.Minute

// TestMirrorIsWholeAtFullSize takes a cluster of the size that the measurements
// speak of through a first sync, 10,000 changes at full speed while the mirror
// follows, and a resync after its version has expired.
func TestMirrorIsWholeAtFullSize(t *testing.T) {
	const pods, mixed, changes, changesWhileDown = 50_000, 5_000, 10_000, 500
	c := kubetest.Start(t)
	c.Fill("--pods", strconv.Itoa(pods), "--mixed", strconv.Itoa(mixed))
	d := newDaemon(t, c)
	d.start()
	const synced = pods + mixed*4/5 // not each of the mixed kinds is mirrored by default
	d.waitAndVerify(synced)

	churn(t, c, changes, 1)
	d.waitAndVerify(synced + changes*9/10)
	d.stop()

	churn(t, c, changesWhileDown, 7)
	c.Compact()
	c.Restart()
	d.start()
	d.waitAndVerify(synced)
	s := d.status()
	for _, r := range s.ResourceStatus {
		if r.Received < r.Objects {
			t.Errorf("%s: %d of %d objects received, want a list of all: the version has expired", r.Name, r.Received, r.Objects)
		}
	}
	if n := written(s); n == 0 || n > changesWhileDown {
		t.Errorf("the resync wrote %d rows for %d changes", n, changesWhileDown)
	}
	d.stop()
}

// waitAndVerify waits for a mirror that has accounted for all that it received,
// and holds it against the cluster.
func (d *daemon) waitAndVerify(received int64) {
	d.t.Helper()
	d.command(fullSizeLimit, "wait", "--server", d.server, "--for", "completed", "--timeout", fullSizeLimit.String())
	d.command(fullSizeLimit, append([]string{"verify"}, d.args...)...)
	d.waitFor("everything accounted for", func(s *syncer.Status) bool {
		var sum int64
		for _, r := range s.ResourceStatus {
			c := r.Counts
			if c.Received != c.Created+c.Updated+c.Deleted+c.Unchanged+c.Coalesced+c.Filtered+c.DeadLettered {
				return false
			}
			sum += c.Received
		}
		return sum >= received
	})
}

func written(s *syncer.Status) (rows int64) {
	for _, r := range s.ResourceStatus {
		rows += r.Created + r.Updated + r.Deleted + r.Swept
	}
	return rows
}

// churn changes objects as fast as the API server takes it, and holds it to the
// number of changes.
func churn(t *testing.T, c *kubetest.Cluster, changes, seed int) {
	t.Helper()
	printed := c.Churn("--rate", "0", "--count", strconv.Itoa(changes), "--seed", strconv.Itoa(seed))
	var done int
	if _, err := fmt.Sscanf(printed, "churn: %d operations", &done); err != nil {
		t.Fatalf("read what churn printed, %q: %v", printed, err)
	}
	if done < changes*99/100 {
		t.Errorf("%d of %d changes were made: %s", done, changes, printed)
	}
}
