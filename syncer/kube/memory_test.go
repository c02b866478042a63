package kube_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/syncer"
	"github.com/sidemirror/sidemirror/syncer/kube"
)

// TestServerMaySendNoMoreThanAMebibyteAhead reads what the client tells an HTTP/2
// server about its window: behind it stands a buffer of that size for each
// answer that waits (RFC 9113, 6.5.2).
func TestServerMaySendNoMoreThanAMebibyteAhead(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	window := make(chan uint32, 1)
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, _ http.Handler) {
			defer c.Close()
			size, err := readWindow(c)
			if err != nil {
				t.Error(err)
			}
			window <- size
		},
	}
	server.StartTLS()
	defer server.Close()
	s, err := kube.New(kube.Options{Config: &rest.Config{
		Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true, ServerName: t.Name()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := s.List(ctx, pods, nil); err == nil {
		t.Error("a list from a server that hangs up succeeded")
	}
	if got := <-window; got != 1<<20 {
		t.Errorf("window of a stream is %d bytes, want %d", got, 1<<20)
	}
}

// readWindow reads SETTINGS_INITIAL_WINDOW_SIZE behind a client's preface.
func readWindow(r io.Reader) (uint32, error) {
	head := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")+9)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, err
	}
	frame := head[len(head)-9:]
	if frame[3] != 4 {
		return 0, fmt.Errorf("first frame is of type %d, want 4, SETTINGS", frame[3])
	}
	settings := make([]byte, int(frame[0])<<16|int(frame[1])<<8|int(frame[2]))
	if _, err := io.ReadFull(r, settings); err != nil {
		return 0, err
	}
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 4 {
			return binary.BigEndian.Uint32(settings[2:]), nil
		}
	}
	return 0, errors.New("no initial window size among the settings")
}

// firstEvent tells when the first event of a watch has come.
type firstEvent struct {
	watcher
	once func()
}

func (f *firstEvent) Event(syncer.EventType, *syncer.Object) error { f.once(); return nil }

// TestOpenWatchesDoNotHoldTheMemoryOfLists opens watches while released batches
// lie in the pool.
func TestOpenWatchesDoNotHoldTheMemoryOfLists(t *testing.T) {
	const watches, batchBytes = 32, 1 << 20
	s := serve(t, kube.Options{}, func(w http.ResponseWriter, r *http.Request) {
		answerJSON(w, http.StatusOK, `{"type":"ADDED","object":`+pod("a", 7)+"}\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	before := heapBytes()
	released := make([]*syncer.Batch, watches)
	for i := range released {
		released[i] = syncer.NewBatch()
		released[i].Buf = make([]byte, batchBytes)
	}
	for _, b := range released {
		b.Release()
	}
	clear(released)

	ctx, stop := context.WithCancel(t.Context())
	var came, ended sync.WaitGroup
	came.Add(watches)
	for range watches {
		ended.Go(func() {
			w := &firstEvent{once: sync.OnceFunc(came.Done)}
			_ = s.Watch(ctx, pods, syncer.WatchOptions{ResourceVersion: 1, Timeout: time.Minute}, w)
		})
	}
	came.Wait()
	if each := (heapBytes() - before) / watches; each > batchBytes/4 {
		t.Errorf("an open watch holds %d KiB, want at most %d", each>>10, batchBytes/4>>10)
	}
	stop()
	ended.Wait()
}

// heapBytes is what is reachable; pools are empty after two collections.
func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
