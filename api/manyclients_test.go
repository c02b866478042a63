package api_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

const (
	manyClients = 1000
	// maxClientBytes is what one idle stream may cost the server.
	maxClientBytes = 64 << 10
)

// crowd is many connections to the events, each as small as it can be, so that
// what is measured is the server.
type crowd struct {
	conns []net.Conn
	ended sync.WaitGroup
	mu    sync.Mutex
	last  map[int]uint64 // guarded by mu: the newest revision that each has read
}

func gather(t testing.TB, addr string) *crowd {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < 2*manyClients+100 {
		t.Skipf("both ends of %d connections need more than the %d files that may be open (%v)", manyClients, files.Cur, err)
	}
	c := &crowd{last: map[int]uint64{}}
	for i := range manyClients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.conns = append(c.conns, conn)
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", eventsPath)
		c.ended.Go(func() { c.read(i, conn) })
	}
	return c
}

var dataMark, revisionMark = []byte("data: "), []byte(`"revision":`)

// read takes the revision out of each event; the envelope has it near its head.
func (c *crowd) read(i int, conn net.Conn) {
	in := bufio.NewReaderSize(conn, 512)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		_, rest, ok := bytes.Cut(line, revisionMark)
		if !ok || !bytes.HasPrefix(line, dataMark) {
			continue
		}
		digits, _, _ := bytes.Cut(rest, []byte(","))
		revision, err := strconv.ParseUint(string(digits), 10, 64)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.last[i] = revision
		c.mu.Unlock()
	}
}

// have waits until every client has read want.
func (c *crowd) have(t testing.TB, want uint64) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		reached := 0
		c.mu.Lock()
		for _, revision := range c.last {
			if revision == want {
				reached++
			}
		}
		c.mu.Unlock()
		if reached == manyClients {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d clients have revision %d after a minute", reached, manyClients, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *crowd) leave() {
	for _, conn := range c.conns {
		conn.Close()
	}
	c.ended.Wait()
}

// cpuSeconds is what this process, clients included, has used so far.
func cpuSeconds(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	seconds := func(v syscall.Timeval) float64 { return float64(v.Sec) + float64(v.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime)
}

// memory is what the heap and the stacks hold, once collected.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// publishFor publishes a hundred revisions a second.
func publishFor(f *feed, d time.Duration) *syncer.Status {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < d; {
		<-tick.C
		f.publish(func(s *syncer.Status) {
			i := int(s.Revision) % len(s.ResourceStatus)
			s.ResourceStatus[i].Count++
			s.ObservedAt = time.Now().UTC()
		})
	}
	return f.Status()
}

func elevenResources() *syncer.Status {
	s := inProgress()
	for i := range 11 {
		s.ResourceStatus = append(s.ResourceStatus, syncer.ResourceStatus{
			Resource: "Kind", Name: fmt.Sprint("kind", i), Version: "v1", Status: syncer.ResourceInProgress, ResourceVersion: "123456",
		})
	}
	return s
}

func TestAThousandClientsEndWithTheNewestDocument(t *testing.T) {
	f := newFeed(elevenResources())
	server := httptest.NewServer(api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed}))
	t.Cleanup(server.Close)
	before := memory()
	c := gather(t, server.Listener.Addr().String())
	t.Cleanup(c.leave)
	c.have(t, f.Status().Revision)
	c.have(t, publishFor(f, time.Second).Revision)
	perClient := int64(memory()-before) / manyClients
	t.Logf("%d bytes a client, of both ends", perClient)
	if perClient > maxClientBytes {
		t.Errorf("%d bytes of heap and stack a client, want at most %d", perClient, maxClientBytes)
	}
}

// BenchmarkEvents1000Clients tells a thousand clients of a hundred revisions a
// second, for five seconds an operation. Clients and server share the process, so
// both ends are in its numbers; idle-cpu-s is the same time without clients.
func BenchmarkEvents1000Clients(b *testing.B) {
	const lasting = 5 * time.Second
	f := newFeed(elevenResources())
	server := httptest.NewServer(api.NewHandler(api.Options{Status: f.Status, Changed: f.Changed}))
	b.Cleanup(server.Close)
	before := memory()
	idle := cpuSeconds(b)
	publishFor(f, lasting)
	idle = cpuSeconds(b) - idle
	c := gather(b, server.Listener.Addr().String())
	b.Cleanup(c.leave)
	c.have(b, f.Status().Revision)
	perClient := float64(memory()-before) / manyClients
	var used float64
	for b.Loop() {
		began := cpuSeconds(b)
		c.have(b, publishFor(f, lasting).Revision)
		used += cpuSeconds(b) - began
	}
	b.ReportMetric(perClient, "B/client")
	b.ReportMetric(used/float64(b.N), "cpu-s")
	b.ReportMetric(idle, "idle-cpu-s")
}
