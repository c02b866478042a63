package syncer

import (
	"context"
	"time"
)

// Observers tells each of several observers, in their order; the context of one
// is handed to the next. Without any it is an observer that ignores everything.
func Observers(all ...Observer) Observer { return observers(all) }

type observers []Observer

func (o observers) StartRun(ctx context.Context, run RunInfo) (context.Context, func(RunResult)) {
	return startAll(ctx, o, func(ctx context.Context, one Observer) (context.Context, func(RunResult)) {
		return one.StartRun(ctx, run)
	})
}

func (o observers) StartStep(ctx context.Context, step Step) (context.Context, func(error)) {
	return startAll(ctx, o, func(ctx context.Context, one Observer) (context.Context, func(error)) {
		return one.StartStep(ctx, step)
	})
}

func (o observers) StartResource(ctx context.Context, cell Cell) (context.Context, func(ResourceResult)) {
	return startAll(ctx, o, func(ctx context.Context, one Observer) (context.Context, func(ResourceResult)) {
		return one.StartResource(ctx, cell)
	})
}

// startAll starts in order and ends in reverse, as nested scopes do.
func startAll[T any](
	ctx context.Context, all []Observer, start func(context.Context, Observer) (context.Context, func(T)),
) (context.Context, func(T)) {
	ends := make([]func(T), len(all))
	for i, one := range all {
		ctx, ends[i] = start(ctx, one)
	}
	return ctx, func(outcome T) {
		for i := len(ends) - 1; i >= 0; i-- {
			ends[i](outcome)
		}
	}
}

func (o observers) StoreWrite(ctx context.Context, r Resource, ops int, took time.Duration, err error) {
	for _, one := range o {
		one.StoreWrite(ctx, r, ops, took, err)
	}
}

func (o observers) EventStored(r Resource, took time.Duration) {
	for _, one := range o {
		one.EventStored(r, took)
	}
}

func (o observers) Note(ctx context.Context, n Note) {
	for _, one := range o {
		one.Note(ctx, n)
	}
}
