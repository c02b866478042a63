package mongotest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

// The limits that hello announces.
const (
	maxDocumentBytes = 16 << 20
	maxMessageBytes  = 48_000_000
	maxWriteBatch    = 100_000
)

// Server is the double. Its exported methods may be called from any goroutine.
type Server struct {
	addr string
	logf func(format string, args ...any)

	mu       sync.Mutex
	fault    Fault                  // guarded by mu
	listener net.Listener           // guarded by mu; nil while it is away
	conns    map[net.Conn]bool      // guarded by mu
	data     map[string]*collection // guarded by mu; by "database.collection"
	cursors  map[int64]*cursor      // guarded by mu
	nextID   int64                  // guarded by mu; of cursors
	seen     map[string]int         // guarded by mu; commands by name
	writes   Writes                 // guarded by mu
	old      bool                   // guarded by mu; see RefuseKeys
	running  sync.WaitGroup
}

// Writes counts what changed the mirror; the store's own collections, which begin
// with "_", don't count.
type Writes struct {
	Commands                   map[string]int // insert, update, delete, findAndModify
	Inserted, Updated, Deleted int            // documents
}

// Start returns a server that listens on a port of its own until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		addr: "127.0.0.1:0", logf: t.Logf,
		conns: map[net.Conn]bool{}, data: map[string]*collection{}, cursors: map[int64]*cursor{},
		seen: map[string]int{}, writes: Writes{Commands: map[string]int{}},
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// URI is a connection string with a database, and with short timeouts: a test
// that stops the server shall not wait for it.
func (s *Server) URI() string {
	return "mongodb://" + s.Addr() + "/mirror?serverSelectionTimeoutMS=2000&heartbeatFrequencyMS=500"
}

// Addr is host:port; it stays the same across Stop and Start.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// SetFault replaces the fault; nil is none.
func (s *Server) SetFault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// RefuseKeys makes the server refuse keys with dots and leading dollars, as
// some that speak the protocol do.
func (s *Server) RefuseKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = true
}

// Writes returns what has been counted.
func (s *Server) Writes() Writes {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.writes
	w.Commands = map[string]int{}
	for name, n := range s.writes.Commands {
		w.Commands[name] = n
	}
	return w
}

// Seen is how often a command has been received.
func (s *Server) Seen(cmd string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[cmd]
}

// Start listens again after Stop, with the data that it had.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.addr, err)
	}
	s.addr, s.listener = l.Addr().String(), l
	s.running.Go(func() { s.accept(l) })
	return nil
}

// Stop closes every connection, and returns once nothing runs any more.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
		s.listener = nil
	}
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

func (s *Server) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.listener != l {
			c.Close()
		} else {
			s.conns[c] = true
			s.running.Go(func() { s.serve(c) })
		}
		s.mu.Unlock()
	}
}

func (s *Server) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	for {
		msg, err := readMessage(c)
		if err != nil {
			return
		}
		answer, err := s.respond(msg)
		if err != nil {
			s.logf("mongotest: %v", err)
			return
		}
		if answer == nil {
			return // the fault asks for silence
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < 16 || n > maxMessageBytes {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	msg := make([]byte, n)
	copy(msg, head[:])
	_, err := io.ReadFull(r, msg[4:])
	return msg, err
}

// respond returns the message that answers msg, nil for none.
func (s *Server) respond(msg []byte) ([]byte, error) {
	_, id, _, op, rest, ok := wiremessage.ReadHeader(msg)
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	switch op {
	case wiremessage.OpMsg:
		req, err := readRequest(rest)
		if err != nil {
			return nil, err
		}
		body := s.run(req)
		if body == nil {
			return nil, nil
		}
		at, out := wiremessage.AppendHeaderStart(nil, wiremessage.NextRequestID(), id, wiremessage.OpMsg)
		out = wiremessage.AppendMsgFlags(out, 0)
		out = wiremessage.AppendMsgSectionType(out, wiremessage.SingleDocument)
		out = append(out, body...)
		return bsoncore.UpdateLength(out, at, int32(len(out))), nil
	case opQuery:
		return s.respondQuery(id, rest)
	default:
		return nil, fmt.Errorf("unknown operation %s", op)
	}
}

// opQuery is the legacy operation with which a driver says its first hello.
const opQuery wiremessage.OpCode = 2004

// respondQuery answers that hello, all that the operation is for since 5.1: flags,
// the collection's name, two numbers, and the command.
func (s *Server) respondQuery(id int32, rest []byte) ([]byte, error) {
	if len(rest) < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	name, rest, found := bytes.Cut(rest[4:], []byte{0})
	if !found || len(rest) < 8 {
		return nil, io.ErrUnexpectedEOF
	}
	query, _, ok := bsoncore.ReadDocument(rest[8:])
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	first, err := query.IndexErr(0)
	if err != nil {
		return nil, err
	}
	if key := first.Key(); string(name) != "admin.$cmd" || key != "isMaster" && key != "ismaster" && key != "hello" {
		return nil, fmt.Errorf("OP_QUERY of %s on %s", first.Key(), name)
	}
	at, out := wiremessage.AppendHeaderStart(nil, wiremessage.NextRequestID(), id, wiremessage.OpReply)
	out = wiremessage.AppendReplyFlags(out, wiremessage.AwaitCapable)
	out = wiremessage.AppendReplyCursorID(out, 0)
	out = wiremessage.AppendReplyStartingFrom(out, 0)
	out = wiremessage.AppendReplyNumberReturned(out, 1)
	out = append(out, marshal(hello())...)
	return bsoncore.UpdateLength(out, at, int32(len(out))), nil
}

func hello() bson.D {
	return bson.D{
		{Key: "helloOk", Value: true}, {Key: "ismaster", Value: true}, {Key: "isWritablePrimary", Value: true},
		{Key: "maxBsonObjectSize", Value: int32(maxDocumentBytes)},
		{Key: "maxMessageSizeBytes", Value: int32(maxMessageBytes)},
		{Key: "maxWriteBatchSize", Value: int32(maxWriteBatch)},
		{Key: "localTime", Value: time.Now()}, {Key: "minWireVersion", Value: int32(0)}, {Key: "maxWireVersion", Value: int32(21)},
		{Key: "readOnly", Value: false}, {Key: "ok", Value: float64(1)},
	}
}

// marshal is for documents that this package makes of what BSON can hold.
func marshal(doc bson.D) bson.Raw {
	raw, err := bson.Marshal(doc)
	if err != nil {
		return marshal(failure(8, "the double can't answer: %v", err))
	}
	return raw
}
