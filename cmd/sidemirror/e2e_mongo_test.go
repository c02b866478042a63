package main_test

import (
	"slices"
	"testing"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube/kubetest"
	"github.com/sidemirror/sidemirror/syncer/mongo/mongotest"
)

// newMongoDaemon prepares a daemon that mirrors into server.
func newMongoDaemon(t *testing.T, c *kubetest.Cluster, server *mongotest.Server) *daemon {
	t.Helper()
	d := newDaemon(t, c)
	d.args[slices.Index(d.args, "--store")+1] = server.URI()
	return d
}

func TestMongoDBMirrorIsWholeAndAResyncOfAnUnchangedClusterWritesNoDocument(t *testing.T) {
	c, server := kubetest.Start(t), mongotest.Start(t)
	c.Fill("--pods", "1000", "--mixed", "200")
	d := newMongoDaemon(t, c, server)
	d.start()
	d.waitCompleted()
	d.verify()
	c.Churn("--rate", "0", "--count", "1000")
	d.verify()
	d.stop()

	c.Compact()
	c.Restart()
	d.start()
	d.waitCompleted()
	d.waitFor("every resource accounted for, without a write", func(s *syncer.Status) bool {
		for _, r := range s.ResourceStatus {
			if r.Created+r.Updated+r.Deleted+r.Swept > 0 {
				t.Fatalf("%s: the resync of an unchanged cluster wrote: %+v", r.Name, r.Counts)
			}
		}
		return true
	})
	d.verify()
	d.stop()
}

func TestMongoDBAwayForAWhileLosesNothing(t *testing.T) {
	c, server := kubetest.Start(t), mongotest.Start(t)
	c.Fill("--pods", "300")
	d := newMongoDaemon(t, c, server)
	d.start()
	d.waitCompleted()
	server.Stop()
	c.Churn("--rate", "0", "--count", "300")
	d.waitFor("the store's failure shown while the mirror stays completed", func(s *syncer.Status) bool {
		e := resource(s, "pods").Error
		return s.Status == syncer.Completed && e != nil && e.Reason == syncer.ReasonStore
	})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	d.waitFor("the error gone", func(s *syncer.Status) bool { return resource(s, "pods").Error == nil })
	d.verify()
	d.stop()
}
