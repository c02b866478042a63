package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	modernc "modernc.org/sqlite"
)

// maxStatements bounds the prepared statements of a connection.
const maxStatements = 200

// conn is one connection with its prepared statements. It uses the driver
// directly: database/sql costs more than SQLite itself for small statements.
type conn struct {
	driver driver.Conn
	stmts  map[string]driver.Stmt
	args   []driver.NamedValue
}

// open opens the file, and makes it if need be, without writing to it yet.
func open(path string, busy time.Duration, cacheKiB int) (*conn, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath()
	dc, err := new(modernc.Driver).Open(dsn)
	if err != nil {
		return nil, err
	}
	c := &conn{driver: dc, stmts: map[string]driver.Stmt{}}
	for _, pragma := range []string{
		fmt.Sprintf("busy_timeout = %d", busy.Milliseconds()),
		fmt.Sprintf("cache_size = -%d", cacheKiB),
		"foreign_keys = off",
		"mmap_size = 0",
		"synchronous = NORMAL",
	} {
		if err := c.run(context.Background(), "PRAGMA "+pragma); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *conn) close() error {
	c.forget()
	return c.driver.Close()
}

// forget finalizes every prepared statement.
func (c *conn) forget() {
	for _, s := range c.stmts {
		s.Close()
	}
	clear(c.stmts)
}

// run executes a statement that isn't worth keeping.
func (c *conn) run(ctx context.Context, query string) error {
	_, err := c.driver.(driver.ExecerContext).ExecContext(ctx, query, nil)
	return err
}

func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	if len(c.stmts) >= maxStatements {
		c.forget()
	}
	s, err := c.driver.Prepare(query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a kept statement to its end and returns the rows that it changed. It
// can't be interrupted: a watch on a context costs more than the statement.
func (c *conn) exec(query string, args ...driver.Value) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	clear(c.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// query hands each row to each; the row is valid during the call only.
func (c *conn) query(ctx context.Context, each func(row []driver.Value) error, query string, args ...driver.Value) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	clear(c.args)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = cerr
		}
	}()
	row := make([]driver.Value, len(rows.Columns()))
	for n := 0; ; n++ {
		if err := rows.Next(row); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if n%64 == 63 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// number returns the one integer that query yields.
func (c *conn) number(ctx context.Context, query string, args ...driver.Value) (n int64, err error) {
	found := false
	err = c.query(ctx, func(row []driver.Value) error {
		n, found = row[0].(int64)
		return nil
	}, query, args...)
	if err == nil && !found {
		err = errors.New("no integer from " + query)
	}
	return n, err
}

// transaction runs f between BEGIN IMMEDIATE and COMMIT. Unless ok, the
// connection is in no state to be used again.
func (c *conn) transaction(ctx context.Context, f func(*conn) error) (ok bool, err error) {
	if err := c.run(ctx, "BEGIN IMMEDIATE"); err != nil {
		return codeOf(err) == codeBusy, err // interrupted, it may have begun nonetheless
	}
	if err = f(c); err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = c.exec("COMMIT")
	}
	if err == nil {
		return true, nil
	}
	rollback := c.run(context.Background(), "ROLLBACK")
	return rollback == nil, err
}
