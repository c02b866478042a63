package api_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tmaxmax/go-sse"

	"github.com/sidemirror/sidemirror/api"
	"github.com/sidemirror/sidemirror/syncer"
)

// wireAnswer is a response as one client understands it.
type wireAnswer struct {
	Status  int
	Headers map[string]string // names in lower case
	Body    string
}

// wireClient fetches from an HTTPS server whose certificate it doesn't check.
type wireClient struct {
	name  string
	http2 bool
	get   func(t *testing.T, server *httptest.Server, paths []string) []wireAnswer
}

// each makes a wireClient's get of one that fetches one path.
func each(one func(*testing.T, *httptest.Server, string) wireAnswer) func(*testing.T, *httptest.Server, []string) []wireAnswer {
	return func(t *testing.T, server *httptest.Server, paths []string) (all []wireAnswer) {
		for _, path := range paths {
			all = append(all, one(t, server, path))
		}
		return all
	}
}

// nodeFetch prints the answers of fetch as JSON.
const nodeFetch = `const all = [];
for (const url of process.argv.slice(1)) {
  const r = await fetch(url);
  all.push({status: r.status, headers: Object.fromEntries(r.headers), body: await r.text()});
}
console.log(JSON.stringify(all));`

func wireClients(t *testing.T) []wireClient {
	clients := []wireClient{{"Go", false, each(goGet)}, {"Go", true, each(goGet)}}
	if _, err := exec.LookPath("curl"); err == nil {
		clients = append(clients, wireClient{"curl", false, each(curlGet("--http1.1"))}, wireClient{"curl", true, each(curlGet("--http2"))})
	} else {
		t.Log("without curl, which isn't installed")
	}
	if _, err := exec.LookPath("node"); err == nil {
		clients = append(clients, wireClient{"Node", false, nodeGet}) // its fetch speaks HTTP/1.1
	} else {
		t.Log("without Node, which isn't installed")
	}
	return clients
}

func goGet(t *testing.T, server *httptest.Server, path string) wireAnswer {
	res, err := server.Client().Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := wireAnswer{Status: res.StatusCode, Headers: map[string]string{}, Body: read(t, res)}
	for name, values := range res.Header {
		a.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return a
}

func curlGet(protocol string) func(*testing.T, *httptest.Server, string) wireAnswer {
	return func(t *testing.T, server *httptest.Server, path string) wireAnswer {
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "-k", "-i", "-N", "--max-time", "20", protocol, server.URL+path).CombinedOutput()
		if err != nil {
			t.Fatalf("curl: %v\n%s", err, out)
		}
		head, body, _ := strings.Cut(string(out), "\r\n\r\n")
		a := wireAnswer{Headers: map[string]string{}, Body: body}
		for lines := bufio.NewScanner(strings.NewReader(head)); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ": "); ok {
				a.Headers[strings.ToLower(name)] = value
			} else if strings.Contains(lines.Text(), " 200") {
				a.Status = http.StatusOK
			}
		}
		return a
	}
}

func nodeGet(t *testing.T, server *httptest.Server, paths []string) []wireAnswer {
	args := []string{"--no-warnings", "--input-type=module", "-e", nodeFetch}
	for _, path := range paths {
		args = append(args, server.URL+path)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Env = append(os.Environ(), "NODE_TLS_REJECT_UNAUTHORIZED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	var all []wireAnswer
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("node printed %q: %v", out, err)
	}
	return all
}

func TestHostileErrorsReachEveryClientWhole(t *testing.T) {
	f := newFeed(inProgress())
	handler := api.NewHandler(f.options())
	servers := map[bool]*httptest.Server{}
	for _, http2 := range []bool{false, true} {
		servers[http2] = httptest.NewUnstartedServer(handler)
		servers[http2].EnableHTTP2 = http2
		servers[http2].StartTLS()
		t.Cleanup(servers[http2].Close)
	}
	clients := wireClients(t)
	for name, text := range hostile {
		f.publish(func(s *syncer.Status) {
			s.Status, s.Error = syncer.Failed, &text
			s.ResourceStatus = []syncer.ResourceStatus{{Name: "pods", Error: &syncer.CellError{Message: text}}}
		})
		for _, client := range clients {
			t.Run(name+" "+client.name, func(t *testing.T) {
				server := servers[client.http2]
				all := client.get(t, server, []string{
					statusPath, eventsPath + "?until=terminal", statusPath + "?fields=" + strings.Repeat("%0d%0a", 40) + "x",
				})
				status, events, refused := all[0], all[1], all[2]
				checkWire(t, f.Status(), status, []byte(status.Body))
				checkWire(t, f.Status(), events, snapshotOf(t, events.Body))
				if !json.Valid([]byte(refused.Body)) || refused.Headers["x-sync-status"] != "failed" {
					t.Errorf("refused: %+v", refused)
				}
			})
		}
	}
}

// checkWire holds an answer against the snapshot that it was made from.
func checkWire(t *testing.T, s *syncer.Status, a wireAnswer, document []byte) {
	t.Helper()
	if a.Status != http.StatusOK || a.Headers["x-evil"] != "" {
		t.Errorf("answer: %d %v", a.Status, a.Headers)
	}
	shown := a.Headers["x-sync-error"]
	if a.Headers["x-sync-status"] != "failed" || !printable(shown) || len(shown) > 256 {
		t.Errorf("headers: %q", a.Headers)
	}
	for name, value := range a.Headers {
		if strings.Contains(value, "hunter2") {
			t.Errorf("credential in %s: %q", name, value)
		}
	}
	if strings.Contains(a.Body, "hunter2") {
		t.Errorf("credential in the body: %q", a.Body)
	}
	var got syncer.Status
	if err := json.Unmarshal(document, &got); err != nil {
		t.Fatalf("document %q: %v", document, err)
	}
	if got.Revision != s.Revision || got.Error == nil || *got.Error != got.ResourceStatus[0].Error.Message {
		t.Errorf("document: %s", document)
	}
}

// snapshotOf reads the events of a stream that has ended after its snapshot.
func snapshotOf(t *testing.T, body string) []byte {
	t.Helper()
	var types []string
	var document []byte
	for event, err := range sse.Read(strings.NewReader(body), nil) {
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, event.Type)
		if e := envelope(t, event.Data); e.Type == api.EnvelopeSnapshot {
			document = e.Status
		}
	}
	if strings.Join(types, " ") != "snapshot end" {
		t.Errorf("events: %v\n%q", types, body)
	}
	return document
}
