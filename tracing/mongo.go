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

// command is what only the start of a command tells.
type command struct {
	collection string
	batch      int // documents that it writes; 0: it isn't such a command
}

// mongoSpans makes a span of each finished command, and remembers it until then.
type mongoSpans struct {
	tracer trace.Tracer

	mu       sync.Mutex
	underWay map[commandKey]command // guarded by mu
}

// MongoMonitor makes a client span of each command below a span that is recorded,
// within the run's bound. Commands' contents aren't among the attributes. It is nil
// while tracing is off: for a monitor, the driver copies each command.
func MongoMonitor(provider trace.TracerProvider) *event.CommandMonitor {
	if off(provider) {
		return nil
	}
	m := &mongoSpans{tracer: provider.Tracer(scope), underWay: map[commandKey]command{}}
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
	c := command{batch: batchSize(e)}
	c.collection, _ = e.Command.Lookup(field).StringValueOK()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.underWay) < maxCommands {
		m.underWay[commandKey{e.ConnectionID, e.RequestID}] = c
	}
}

// batches are the lists of the commands that write several documents.
var batches = map[string]string{"insert": "documents", "update": "updates", "delete": "deletes"}

func batchSize(e *event.CommandStartedEvent) int {
	list, ok := batches[e.CommandName]
	if !ok {
		return 0
	}
	documents, _ := e.Command.Lookup(list).ArrayOK()
	all, err := documents.Values()
	if err != nil {
		return 0
	}
	return len(all)
}

func (m *mongoSpans) finished(ctx context.Context, e *event.CommandFinishedEvent, err error) {
	key := commandKey{e.ConnectionID, e.RequestID}
	m.mu.Lock()
	c, ok := m.underWay[key]
	delete(m.underWay, key)
	m.mu.Unlock()
	if !ok {
		return
	}
	name := e.CommandName
	if c.collection != "" {
		name += " " + c.collection
	}
	now := time.Now()
	_, span := m.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(now.Add(-e.Duration)), trace.WithAttributes(commandAttributes(e, c)...))
	if err != nil {
		span.SetAttributes(errorAttributes(err)...)
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}

func commandAttributes(e *event.CommandFinishedEvent, c command) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.DBSystemNameMongoDB, semconv.DBOperationName(e.CommandName), semconv.DBNamespace(e.DatabaseName),
	}
	if c.collection != "" {
		attrs = append(attrs, semconv.DBCollectionName(c.collection))
	}
	if c.batch > 1 { // a batch of one isn't a batch to the conventions
		attrs = append(attrs, semconv.DBOperationBatchSize(c.batch))
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
