package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
)

// sqliteSpans makes a span of what takes time in a store within this process, which
// has no wire to listen on: batches that are written, and pages that are read.
type sqliteSpans struct {
	syncer.Store
	tracer trace.Tracer
}

// SQLite returns store with a client span of each write and read below a span that
// is recorded, within the run's bound. While tracing is off it is store itself.
func SQLite(store syncer.Store, provider trace.TracerProvider) syncer.Store {
	if off(provider) {
		return store
	}
	return &sqliteSpans{Store: store, tracer: provider.Tracer(scope)}
}

// Write implements [syncer.Store].
func (s *sqliteSpans) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return s.Store.Write(ctx, r, ops)
	}
	began := time.Now()
	res, err := s.Store.Write(ctx, r, ops)
	operation, size := batchOf(ops)
	s.span(ctx, operation, r, began, err, size...)
	return res, err
}

// Read implements [syncer.Store]. The span has in it what the reader does with the rows.
func (s *sqliteSpans) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return s.Store.Read(ctx, r, q, yield)
	}
	began := time.Now()
	rows := 0
	var refused error // by the reader, which isn't the database's failure
	err := s.Store.Read(ctx, r, q, func(o *syncer.Object) error {
		rows++
		refused = yield(o)
		return refused
	})
	failure := err
	if refused != nil {
		failure = nil
	}
	s.span(ctx, "SELECT", r, began, failure, semconv.DBResponseReturnedRows(rows))
	return err
}

// batchOf names the operation as the conventions want it: a batch of one kind names
// the kind, and one of one statement is none.
func batchOf(ops []syncer.Op) (operation string, size []attribute.KeyValue) {
	operation, deletes := "BATCH", 0
	for i := range ops {
		if ops[i].Delete {
			deletes++
		}
	}
	kind := ""
	switch deletes {
	case 0:
		kind = "INSERT"
	case len(ops):
		kind = "DELETE"
	}
	switch {
	case len(ops) == 1:
		return kind, nil
	case kind != "":
		operation += " " + kind
	}
	return operation, []attribute.KeyValue{semconv.DBOperationBatchSize(len(ops))}
}

func (s *sqliteSpans) span(
	ctx context.Context, operation string, r syncer.Resource, began time.Time, err error, more ...attribute.KeyValue,
) {
	name := r.String()
	_, span := s.tracer.Start(ctx, operation+" "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(semconv.DBSystemNameSQLite, semconv.DBOperationName(operation), semconv.DBCollectionName(name)),
		trace.WithAttributes(more...))
	if err != nil {
		span.SetAttributes(errorAttributes(err)...)
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
