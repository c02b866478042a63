package tracing

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// maxCommands bounds the commands that are followed at the same time.
const maxCommands = 1024

// commandKey identifies a command that is under way.
type commandKey struct {
	connection string
	request    int64
}

// mongoSpans makes a span of each finished command; until then it keeps the
// collection's name, which only the start tells.
type mongoSpans struct {
	tracer trace.Tracer

	mu       sync.Mutex
	underWay map[commandKey]string // guarded by mu: the collection
}

// MongoMonitor makes a client span of each command below a span that is recorded,
// within the run's bound. Commands' contents aren't among the attributes.
func MongoMonitor(tracer trace.Tracer) *event.CommandMonitor {
	m := &mongoSpans{tracer: tracer, underWay: map[commandKey]string{}}
	return &event.CommandMonitor{
		Started: m.started,
		Succeeded: func(ctx context.Context, e *event.CommandSucceededEvent) {
			m.finished(ctx, &e.CommandFinishedEvent, nil)
		},
		Failed: func(ctx context.Context, e *event.CommandFailedEvent) {
			m.finished(ctx, &e.CommandFinishedEvent, e.Failure)
		},
	}
}

func (m *mongoSpans) started(ctx context.Context, e *event.CommandStartedEvent) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	field := e.CommandName
	if field == "getMore" {
		field = "collection"
	}
	collection, _ := e.Command.Lookup(field).StringValueOK()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.underWay) < maxCommands {
		m.underWay[commandKey{e.ConnectionID, e.RequestID}] = collection
	}
}

func (m *mongoSpans) finished(ctx context.Context, e *event.CommandFinishedEvent, err error) {
	key := commandKey{e.ConnectionID, e.RequestID}
	m.mu.Lock()
	collection, ok := m.underWay[key]
	delete(m.underWay, key)
	m.mu.Unlock()
	if !ok || !keep(ctx, e.Duration, err != nil) {
		return
	}
	name := e.CommandName
	if collection != "" {
		name += " " + collection
	}
	now := time.Now()
	_, span := m.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(now.Add(-e.Duration)), trace.WithAttributes(commandAttributes(e, collection)...))
	if err != nil {
		span.SetAttributes(errorAttributes(err)...)
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}

func commandAttributes(e *event.CommandFinishedEvent, collection string) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.DBSystemNameMongoDB, semconv.DBOperationName(e.CommandName), semconv.DBNamespace(e.DatabaseName),
	}
	if collection != "" {
		attrs = append(attrs, semconv.DBCollectionName(collection))
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
