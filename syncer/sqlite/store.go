package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/sidemirror/sidemirror/syncer"
)

// Options say which file, and whose rows in it.
type Options struct {
	// Path is the file; it is made when it isn't there, its directory isn't.
	Path string
	// Cluster is the name that this store's rows carry; several may share a file.
	Cluster string
	// BusyTimeout is how long a call waits for another process that writes;
	// 5 s when 0.
	BusyTimeout time.Duration
	Log         hclog.Logger // none when nil
}

const (
	defaultBusyTimeout = 5 * time.Second
	readConnections    = 3

	// The kernel's page cache stands behind these: more of them costs resident
	// memory, and was measured to gain nothing.
	writeCacheKiB = 4096
	readCacheKiB  = 2048
)

var errClosed = errors.New("the store is closed")

// Store is a [syncer.Store] in an SQLite file.
type Store struct {
	path    string
	cluster string
	busy    time.Duration
	log     hclog.Logger

	// Whoever takes a connection out owns it until it is put back. A nil one is
	// a connection that is yet to be opened.
	writer  chan *conn
	readers chan *conn

	ready     atomic.Bool // the file has our schema
	prepared  sync.Map    // names of resources whose tables are there
	closing   sync.Once
	closed    chan struct{}
	closeDone error // valid once closing is done
}

var _ syncer.Store = (*Store)(nil)

// New returns a store that opens its file at the first call.
func New(o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("sqlite: no path given")
	}
	if o.Cluster == "" {
		return nil, errors.New("sqlite: no cluster name given")
	}
	if o.BusyTimeout < 0 {
		return nil, fmt.Errorf("sqlite: busy timeout %s is negative", o.BusyTimeout)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: resolve path %s: %w", o.Path, err)
	}
	s := &Store{
		path: path, cluster: o.Cluster, busy: o.BusyTimeout, log: o.Log,
		writer: make(chan *conn, 1), readers: make(chan *conn, readConnections),
		closed: make(chan struct{}),
	}
	if s.busy == 0 {
		s.busy = defaultBusyTimeout
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	s.writer <- nil
	for range readConnections {
		s.readers <- nil
	}
	return s, nil
}

// take waits for a connection of the pool.
func (s *Store) take(ctx context.Context, pool chan *conn) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-s.closed:
		return nil, errClosed
	default:
	}
	select {
	case c := <-pool:
		return c, nil
	case <-s.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// update runs f in a write transaction, alone. The error says what was attempted.
func (s *Store) update(ctx context.Context, what string, f func(*conn) error) error {
	c, err := s.take(ctx, s.writer)
	if err != nil {
		return s.wrap(what, err)
	}
	defer func() { s.writer <- c }()
	if c == nil {
		if c, err = s.openWriter(ctx); err != nil {
			return s.wrap(what, err)
		}
	}
	ok, err := c.transaction(ctx, f)
	if !ok {
		c.close()
		c = nil
	}
	return s.wrap(what, err)
}

// sync moves what was written to the database, and both to the disk. What another
// process reads at that moment may keep part of it in the WAL, which is synced too.
func (s *Store) sync(ctx context.Context, what string) error {
	c, err := s.take(ctx, s.writer)
	if err != nil {
		return s.wrap(what, err)
	}
	defer func() { s.writer <- c }()
	if c == nil {
		return nil // nothing was written since it was opened
	}
	return s.wrap(what, c.run(ctx, "PRAGMA wal_checkpoint(FULL)"))
}

// openWriter opens the connection that writes, and makes what the file lacks.
func (s *Store) openWriter(ctx context.Context) (*conn, error) {
	if err := checkPath(s.path); err != nil {
		return nil, err
	}
	c, err := open(s.path, s.busy, writeCacheKiB)
	if err != nil {
		return nil, err
	}
	if err := makeSchema(ctx, c); err != nil {
		c.close()
		return nil, err
	}
	if s.ready.CompareAndSwap(false, true) {
		s.log.Info("database opened", "path", s.path, "cluster", s.cluster)
	}
	return c, nil
}

// view runs f on a connection that reads.
func (s *Store) view(ctx context.Context, what string, f func(*conn) error) error {
	if !s.ready.Load() {
		if err := s.update(ctx, what, func(*conn) error { return nil }); err != nil {
			return err
		}
	}
	c, err := s.take(ctx, s.readers)
	if err != nil {
		return s.wrap(what, err)
	}
	defer func() { s.readers <- c }()
	if c == nil {
		if c, err = open(s.path, s.busy, readCacheKiB); err != nil {
			return s.wrap(what, err)
		}
	}
	if err = f(c); err != nil {
		c.close()
		c = nil
	}
	return s.wrap(what, err)
}

// checkPath says in words what SQLite has one code for.
func checkPath(path string) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("directory %s: %w", dir, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory, not a file", path)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Close waits for the calls that run, moves what is in the WAL to the database
// and ends every connection. A second call does nothing.
func (s *Store) Close(ctx context.Context) error {
	s.closing.Do(func() {
		close(s.closed)
		s.closeDone = s.wrap("close", s.closeAll(ctx))
	})
	return s.closeDone
}

func (s *Store) closeAll(ctx context.Context) error {
	var conns []*conn
	for i := range readConnections + 1 {
		pool := s.readers
		if i == readConnections {
			pool = s.writer // the last one: it can empty the WAL
		}
		select {
		case c := <-pool:
			if c != nil {
				conns = append(conns, c)
			}
		case <-ctx.Done():
			for _, c := range conns {
				c.close()
			}
			return ctx.Err()
		}
	}
	var first error
	for i, c := range conns {
		if i == len(conns)-1 {
			// Another process may read: then the WAL is left to it.
			if err := c.run(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
				s.log.Warn("wal stays", "path", s.path, "error", err)
			}
		}
		if err := c.close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
