package exporter

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sidemirror/sidemirror/syncer"
)

// TimedStore is a store whose calls are timed, but for Close, after which nobody
// scrapes any more.
type TimedStore struct {
	syncer.Store
	durations *prometheus.HistogramVec
}

var _ prometheus.Collector = (*TimedStore)(nil)

// NewTimedStore returns store with a histogram of its calls, which is to be
// registered.
func NewTimedStore(store syncer.Store) *TimedStore {
	s := &TimedStore{Store: store, durations: storeDuration.vec()}
	for _, operation := range operations {
		for _, outcome := range outcomes {
			s.durations.WithLabelValues(operation, outcome)
		}
	}
	return s
}

// Describe implements [prometheus.Collector].
func (s *TimedStore) Describe(ch chan<- *prometheus.Desc) { s.durations.Describe(ch) }

// Collect implements [prometheus.Collector].
func (s *TimedStore) Collect(ch chan<- prometheus.Metric) { s.durations.Collect(ch) }

// took is deferred: err is read once the call has ended.
func (s *TimedStore) took(ctx context.Context, operation string, began time.Time, err *error) {
	observe(ctx, s.durations.WithLabelValues(operation, outcomeOf(*err)), time.Since(began).Seconds())
}

// Prepare implements [syncer.Store], as all others do.
func (s *TimedStore) Prepare(ctx context.Context, r syncer.Resource) (err error) {
	defer s.took(ctx, opPrepare, time.Now(), &err)
	return s.Store.Prepare(ctx, r)
}

func (s *TimedStore) FinishFill(ctx context.Context, r syncer.Resource) (err error) {
	defer s.took(ctx, opFinishFill, time.Now(), &err)
	return s.Store.FinishFill(ctx, r)
}

func (s *TimedStore) Resources(ctx context.Context) (names []string, err error) {
	defer s.took(ctx, opResources, time.Now(), &err)
	return s.Store.Resources(ctx)
}

func (s *TimedStore) Drop(ctx context.Context, resource string) (err error) {
	defer s.took(ctx, opDrop, time.Now(), &err)
	return s.Store.Drop(ctx, resource)
}

func (s *TimedStore) Versions(
	ctx context.Context, r syncer.Resource, after, before string, limit int, dst []syncer.Version,
) (_ []syncer.Version, err error) {
	defer s.took(ctx, opVersions, time.Now(), &err)
	return s.Store.Versions(ctx, r, after, before, limit, dst)
}

func (s *TimedStore) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (res syncer.WriteResult, err error) {
	defer s.took(ctx, opWrite, time.Now(), &err)
	return s.Store.Write(ctx, r, ops)
}

func (s *TimedStore) Count(ctx context.Context, cell syncer.Cell) (n int64, err error) {
	defer s.took(ctx, opCount, time.Now(), &err)
	return s.Store.Count(ctx, cell)
}

// Read doesn't blame the store for a reader that has had enough.
func (s *TimedStore) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	var ended, blame error
	defer s.took(ctx, opRead, time.Now(), &blame)
	err := s.Store.Read(ctx, r, q, func(o *syncer.Object) error {
		ended = yield(o)
		return ended
	})
	blame = err
	if ended != nil {
		blame = context.Canceled
	}
	return err
}

func (s *TimedStore) Checkpoints(ctx context.Context) (cps []syncer.Checkpoint, err error) {
	defer s.took(ctx, opCheckpoints, time.Now(), &err)
	return s.Store.Checkpoints(ctx)
}

func (s *TimedStore) SaveCheckpoints(ctx context.Context, cps []syncer.Checkpoint) (err error) {
	defer s.took(ctx, opSaveCheckpoints, time.Now(), &err)
	return s.Store.SaveCheckpoints(ctx, cps)
}

func (s *TimedStore) DeleteCheckpoints(ctx context.Context, cells []string) (err error) {
	defer s.took(ctx, opDeleteCheckpoints, time.Now(), &err)
	return s.Store.DeleteCheckpoints(ctx, cells)
}

func (s *TimedStore) Control(ctx context.Context) (c syncer.Control, err error) {
	defer s.took(ctx, opControl, time.Now(), &err)
	return s.Store.Control(ctx)
}

func (s *TimedStore) SaveControl(ctx context.Context, c syncer.Control) (err error) {
	defer s.took(ctx, opSaveControl, time.Now(), &err)
	return s.Store.SaveControl(ctx, c)
}

func (s *TimedStore) SaveRun(ctx context.Context, run syncer.Run) (err error) {
	defer s.took(ctx, opSaveRun, time.Now(), &err)
	return s.Store.SaveRun(ctx, run)
}

func (s *TimedStore) Runs(ctx context.Context, before string, limit int) (runs []syncer.Run, err error) {
	defer s.took(ctx, opRuns, time.Now(), &err)
	return s.Store.Runs(ctx, before, limit)
}

func (s *TimedStore) NextEpoch(ctx context.Context) (epoch int64, err error) {
	defer s.took(ctx, opNextEpoch, time.Now(), &err)
	return s.Store.NextEpoch(ctx)
}
