package tracing

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/sidemirror/sidemirror/syncer"
)

// target is what calls of a store are about. The driver would tell it of each command,
// at the price of a copy of the command: in a first sync, of all that is mirrored.
type target struct{}

// mongoTargets puts into contexts what the commands below are about.
type mongoTargets struct{ syncer.Store }

// MongoDB returns store, which says in its contexts to [MongoMonitor] which collection
// its commands are about. While tracing is off it is store itself.
func MongoDB(store syncer.Store, provider trace.TracerProvider) syncer.Store {
	if off(provider) {
		return store
	}
	return &mongoTargets{store}
}

func about(ctx context.Context, r syncer.Resource) context.Context {
	return context.WithValue(ctx, target{}, r.String())
}

// Prepare implements [syncer.Store].
func (s *mongoTargets) Prepare(ctx context.Context, r syncer.Resource) error {
	return s.Store.Prepare(about(ctx, r), r)
}

// FinishFill implements [syncer.Store].
func (s *mongoTargets) FinishFill(ctx context.Context, r syncer.Resource) error {
	return s.Store.FinishFill(about(ctx, r), r)
}

// Count implements [syncer.Store].
func (s *mongoTargets) Count(ctx context.Context, cell syncer.Cell) (int64, error) {
	return s.Store.Count(about(ctx, cell.Resource), cell)
}

// Versions implements [syncer.Store].
func (s *mongoTargets) Versions(
	ctx context.Context, r syncer.Resource, after, before string, limit int, dst []syncer.Version,
) ([]syncer.Version, error) {
	return s.Store.Versions(about(ctx, r), r, after, before, limit, dst)
}

// Write implements [syncer.Store].
func (s *mongoTargets) Write(ctx context.Context, r syncer.Resource, ops []syncer.Op) (syncer.WriteResult, error) {
	return s.Store.Write(about(ctx, r), r, ops)
}

// Read implements [syncer.Store].
func (s *mongoTargets) Read(ctx context.Context, r syncer.Resource, q syncer.Query, yield func(*syncer.Object) error) error {
	return s.Store.Read(about(ctx, r), r, q, yield)
}

// mongoSpans makes a span of each finished command.
type mongoSpans struct{ tracer trace.Tracer }

// MongoMonitor makes a client span of each command below a span that is recorded,
// within the run's bound. Commands' contents aren't among the attributes. It is nil
// while tracing is off.
func MongoMonitor(provider trace.TracerProvider) *event.CommandMonitor {
	if off(provider) {
		return nil
	}
	m := &mongoSpans{tracer: provider.Tracer(scope)}
	return &event.CommandMonitor{ // without Started, for which commands are copied
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) {
			m.finished(ctx, &e.CommandFinishedEvent, written(e), nil)
		},
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			m.finished(ctx, &e.CommandFinishedEvent, 0, e.Failure)
		},
	}
}

// written is how many documents the batch of a write had: those that the server took,
// and those that it refused one by one. Deletes of what isn't there are neither.
func written(e *event.CommandSucceededEvent) int {
	switch e.CommandName {
	case "insert", "update", "delete":
	default:
		return 0
	}
	taken, _ := e.Reply.Lookup("n").AsInt64OK()
	errs, _ := e.Reply.Lookup("writeErrors").ArrayOK()
	refused, err := errs.Values()
	if err != nil {
		return int(taken)
	}
	return int(taken) + len(refused)
}

func (m *mongoSpans) finished(ctx context.Context, e *event.CommandFinishedEvent, batch int, err error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	collection, _ := ctx.Value(target{}).(string)
	now := time.Now()
	_, span := m.tracer.Start(ctx, e.CommandName+" "+cmp.Or(collection, e.DatabaseName), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(now.Add(-e.Duration)), trace.WithAttributes(commandAttributes(e, collection, batch)...))
	if err != nil {
		span.SetAttributes(errorAttributes(err)...)
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}

func commandAttributes(e *event.CommandFinishedEvent, collection string, batch int) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.DBSystemNameMongoDB, semconv.DBOperationName(e.CommandName), semconv.DBNamespace(e.DatabaseName),
	}
	if collection != "" {
		attrs = append(attrs, semconv.DBCollectionName(collection))
	}
	if batch > 1 { // a batch of one isn't a batch to the conventions
		attrs = append(attrs, semconv.DBOperationBatchSize(batch))
	}
	address := e.ConnectionID // "host:port[-3]"
	if i := strings.LastIndex(address, "[-"); i >= 0 {
		address = address[:i]
	}
	if host, port, err := net.SplitHostPort(address); err == nil {
		attrs = append(attrs, semconv.ServerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, semconv.ServerPort(n))
		}
	}
	return attrs
}

// errorAttributes says what kind of error it was; its text may hold data.
func errorAttributes(err error) []attribute.KeyValue {
	switch de, ok := errors.AsType[driver.Error](err); {
	case errors.Is(err, context.Canceled):
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("canceled")}
	case errors.Is(err, context.DeadlineExceeded):
		return []attribute.KeyValue{semconv.ErrorTypeKey.String("timeout")}
	case ok && de.Code != 0:
		code := strconv.Itoa(int(de.Code))
		return []attribute.KeyValue{semconv.DBResponseStatusCode(code), semconv.ErrorTypeKey.String(code)}
	default:
		return []attribute.KeyValue{semconv.ErrorType(err)}
	}
}
