package main_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cutter stands between a daemon and an address, and cuts the connections off when
// it is told to.
type cutter struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu     sync.Mutex
	closed bool              // guarded by mu: nobody gets through
	conns  map[net.Conn]bool // guarded by mu; of both sides
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{listener: listener, target: target, conns: map[net.Conn]bool{}}
	c.running.Go(c.accept)
	t.Cleanup(func() {
		listener.Close()
		c.shut(true)
		c.running.Wait()
	})
	return c
}

func (c *cutter) addr() string { return c.listener.Addr().String() }

// cut ends every connection; the next one gets through.
func (c *cutter) cut() { c.shut(false) }

// shut ends every connection, and lets nobody through, or everybody again.
func (c *cutter) shut(closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = closed
	for conn := range c.conns {
		conn.Close()
	}
}

func (c *cutter) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.target)
		if err != nil {
			near.Close()
			continue
		}
		c.mu.Lock()
		if c.closed {
			near.Close()
			far.Close()
		} else {
			c.conns[near], c.conns[far] = true, true
			c.running.Go(func() { c.copy(near, far) })
			c.running.Go(func() { c.copy(far, near) })
		}
		c.mu.Unlock()
	}
}

func (c *cutter) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // ends with either side
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range []net.Conn{to, from} {
		conn.Close()
		delete(c.conns, conn)
	}
}
