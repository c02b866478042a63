package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/sidemirror/sidemirror/syncer"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// Options say which database, and whose rows in it.
type Options struct {
	// URI is a connection string; the database that it names is the mirror's,
	// "sidemirror" when it names none.
	URI string
	// Cluster is the name that this store's rows carry, without a "/"; several may
	// share a database.
	Cluster string
	Keys    KeyMode
	// WriteConcern is the URI's when nil, and majority when that has none.
	WriteConcern *writeconcern.WriteConcern
	Monitor      *event.CommandMonitor // sees every command; none when nil
	BatchOps     int                   // in one command; 1000 when 0
	BatchBytes   int                   // in one command; 8 MiB when 0
	// Timeout bounds each call to the server; the URI's timeoutMS when 0, and 30 s
	// when that isn't set either.
	Timeout time.Duration
	Log     hclog.Logger     // none when nil
	Now     func() time.Time // time.Now when nil
}

const (
	defaultDatabase   = "sidemirror"
	defaultBatchOps   = 1000
	defaultBatchBytes = 8 << 20
	defaultTimeout    = 30 * time.Second
	selectionTimeout  = 10 * time.Second // an election fits
)

// Collections of our own: names of resources are names of DNS, without a "_".
const (
	ownPrefix             = "_sidemirror."
	checkpointsCollection = ownPrefix + "checkpoints"
	epochsCollection      = ownPrefix + "epochs"
	controlCollection     = ownPrefix + "control"
	runsCollection        = ownPrefix + "runs"
	probeCollection       = ownPrefix + "probe"
)

var errClosed = errors.New("the store is closed")

// Store is a [syncer.Store] in a MongoDB database.
type Store struct {
	o        Options
	database string
	batches  sync.Pool // of *batch

	mu     sync.Mutex
	client *driver.Client // guarded by mu; nil until the first call
	closed bool           // guarded by mu
	probed bool           // guarded by mu; the server takes our keys
}

var _ syncer.Store = (*Store)(nil)

// New returns a store that connects at the first call. Its errors never show
// what may be a password.
func New(o Options) (*Store, error) {
	if o.Cluster == "" || strings.ContainsAny(o.Cluster, "/\x00") {
		return nil, fmt.Errorf("mongo: cluster name %q is empty, or has a / or a NUL", o.Cluster)
	}
	if o.BatchOps < 0 || o.BatchBytes < 0 || o.Timeout < 0 {
		return nil, errors.New("mongo: batch sizes and the timeout can't be negative")
	}
	database, err := checkURI(o.URI)
	if err != nil {
		return nil, fmt.Errorf("mongo: %w", err)
	}
	if o.BatchOps == 0 {
		o.BatchOps = defaultBatchOps
	}
	if o.BatchBytes == 0 {
		o.BatchBytes = defaultBatchBytes
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{o: o, database: database, batches: sync.Pool{New: func() any { return new(batch) }}}, nil
}

// clientOptions are the URI's, with ours where it is silent. The store reads what
// it has written, so reads go to the primary whatever the URI says.
func (o *Options) clientOptions() *options.ClientOptions {
	c := options.Client().ApplyURI(o.URI).SetReadPreference(readpref.Primary())
	if c.AppName == nil {
		c.SetAppName("sidemirror")
	}
	switch {
	case o.WriteConcern != nil:
		c.SetWriteConcern(o.WriteConcern)
	case c.WriteConcern == nil:
		c.SetWriteConcern(writeconcern.Majority())
	}
	switch {
	case o.Timeout > 0:
		c.SetTimeout(o.Timeout)
	case c.Timeout == nil:
		c.SetTimeout(defaultTimeout)
	}
	if c.ServerSelectionTimeout == nil {
		c.SetServerSelectionTimeout(selectionTimeout)
	}
	if o.Monitor != nil {
		c.SetMonitor(o.Monitor)
	}
	return c
}

// connect returns the database; the driver dials when the first command is sent.
func (s *Store) connect() (*driver.Database, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if s.client == nil {
		client, err := driver.Connect(s.o.clientOptions())
		if err != nil {
			return nil, errors.New(scrub(err.Error(), s.o.URI))
		}
		s.client = client
	}
	return s.client.Database(s.database), nil
}

// on runs f on a collection. The error says what was attempted.
func (s *Store) on(ctx context.Context, what, collection string, f func(*driver.Collection) error) error {
	db, err := s.connect()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = f(db.Collection(collection))
	}
	return wrap(ctx, what+" "+collection, err)
}

// Close ends every connection. A second call does nothing.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	client := s.client
	s.closed, s.client = true, nil
	s.mu.Unlock()
	if client == nil {
		return nil
	}
	return wrap(ctx, "disconnect", client.Disconnect(ctx))
}
