package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"

	"github.com/sidemirror/sidemirror/api"
)

const operatorToken = "hunter2-0123456789abcdef"

// Each mistake is one line that says what to do, without any credential.
func TestAuthMistakes(t *testing.T) {
	tokens := writeFile(t, "tokens", "control ops "+operatorToken)
	broken := writeFile(t, "broken", "control ops hunter2")
	kube := writeFile(t, "k", kubeconfig)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"network", []string{"--listen=0.0.0.0:0"}, "--listen: 0.0.0.0:0 can be reached from the network, where --auth none would let everybody read the mirrored data and control; " +
			"use --auth token or --auth kubernetes, or listen on 127.0.0.1, or insist with --allow-unauthenticated-access-from-network"},
		{"all addresses", []string{"--listen=:8080"}, "--listen: :8080 can be reached from the network"},
		{"all IPv6 addresses", []string{"--listen=[::]:8080"}, "--listen: [::]:8080 can be reached from the network"},
		{"a name", []string{"--listen=mirror.internal:8080"}, "--listen: mirror.internal:8080 can be reached from the network"},
		{"no such way", []string{"--auth=basic"}, `invalid argument "basic" for "--auth" flag: want none, token or kubernetes`},
		{"token without file", []string{"--auth=token"}, "--auth token: needs --auth-token-file"},
		{"file without token", []string{"--auth=kubernetes", "--auth-token-file=x"}, "--auth-token-file: has no use with --auth kubernetes"},
		{"file for nobody", []string{"--auth-token-file=x"}, "--auth-token-file: has no use with --auth none"},
		{"audiences", []string{"--auth=token", "--auth-token-file=x", "--auth-audiences=a"}, "--auth-audiences: has no use with --auth token"},
		{"an empty audience", []string{"--auth=kubernetes", "--auth-audiences=a,"}, "--auth-audiences: one of them is empty"},
		{"hosts", []string{"--auth=kubernetes", "--allowed-hosts=a"}, "--allowed-hosts: has no use with --auth kubernetes, where a token is needed"},
		{"host with a port", []string{"--allowed-hosts=a:80"}, `--allowed-hosts: "a:80" is neither a name nor an address, without scheme and port`},
		{"open", []string{"--auth=kubernetes", "--allow-unauthenticated-access-from-network"}, "--allow-unauthenticated-access-from-network: has no use with --auth kubernetes"},
		{"certificate alone", []string{"--tls-cert-file=x"}, "--tls-cert-file: needs --tls-private-key-file"},
		{"key alone", []string{"--tls-private-key-file=x"}, "--tls-private-key-file: needs --tls-cert-file"},
		{"no such certificate", []string{"--kubeconfig", kube, "--listen=127.0.0.1:0", "--tls-cert-file=/none", "--tls-private-key-file=/none"}, "--tls-cert-file: /none isn't there"},
		{"no such token file", []string{"--kubeconfig", kube, "--listen=127.0.0.1:0", "--auth=token", "--auth-token-file=/none"}, "--auth-token-file: /none isn't there"},
		{"broken token file", []string{"--kubeconfig", kube, "--listen=127.0.0.1:0", "--auth=token", "--auth-token-file", broken}, "--auth-token-file: " + broken + ": line 1: the token has 7 bytes, want 16 or more"},
		{"token as a file", []string{"status", "--token-file=/none"}, "--token-file: /none isn't there"},
		{"empty token file", []string{"status", "--token-file", writeFile(t, "empty", "\n")}, "--token-file: "},
		{"server's token file", []string{"status", "--token-file", tokens}, "--token-file: " + tokens + ": want one token and nothing else"},
		{"authority without TLS", []string{"wait", "--certificate-authority=x"}, "--certificate-authority: has no use with http://"},
		{"no such authority", []string{"wait", "--server=https://a", "--certificate-authority=/none"}, "--certificate-authority: /none isn't there"},
		{"authority that is none", []string{"wait", "--server=https://a", "--certificate-authority", kube}, "--certificate-authority: " + kube + " has no certificate in PEM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, stderr, err := sidemirror(t, tt.args...)
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error()+stderr, "hunter2") {
				t.Errorf("got %q and %q on stderr, want one line without credentials", err, stderr)
			}
		})
	}
}

// listening is a server as the flags have it, with one protected route.
func listening(t *testing.T, args ...string) (*lateServer, http.Handler, string) {
	t.Helper()
	var o authOptions
	cmd := &cobra.Command{}
	o.addFlags(cmd)
	listen := cmd.Flags().String("listen", "127.0.0.1:0", "")
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	if err := o.validate(*listen); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server, err := o.listen(t.Context(), *listen, &rest.Config{Host: "http://127.0.0.1:1"}, hclog.New(&hclog.LoggerOptions{Output: &log}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	return server, server.guard.Protect(ok, func(*http.Request) api.Attributes {
		return api.Attributes{Verb: "post", Path: "/api/v1/sync/pause"}
	}), log.String()
}

func TestWhoGetsInWhere(t *testing.T) {
	tokens := writeFile(t, "tokens", "control ops "+operatorToken+"\nread dash reader-0123456789abcdef")
	tests := []struct {
		name, host, token string
		args              []string
		code              int
		log               string
	}{
		{"loopback", "127.0.0.1", "", nil, 200, ""},
		{"loopback by a name", "evil.example", "", nil, 403, ""},
		{"loopback by an allowed name", "mirror.internal:80", "", []string{"--allowed-hosts=mirror.internal"}, 200, ""},
		{"localhost", "localhost", "", []string{"--listen=localhost:0"}, 200, ""},
		{"open to all", "anything", "", []string{"--listen=0.0.0.0:0", "--" + openFlag}, 200, "everybody on the network may read"},
		{"open to all by one name", "anything", "", []string{"--listen=0.0.0.0:0", "--" + openFlag, "--allowed-hosts=mirror.internal"}, 403, "everybody"},
		{"no token on loopback", "127.0.0.1", "", []string{"--auth=token", "--auth-token-file", tokens}, 401, ""},
		{"token", "anything", operatorToken, []string{"--auth=token", "--auth-token-file", tokens, "--listen=:0"}, 200, "tokens come over the network in the clear"},
		{"token of another role", "anything", "reader-0123456789abcdef", []string{"--auth=token", "--auth-token-file", tokens}, 403, ""},
		{"no cluster to ask", "anything", operatorToken, []string{"--auth=kubernetes"}, 503, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, h, log := listening(t, tt.args...)
			r := httptest.NewRequest(http.MethodPost, "/api/v1/sync/pause", nil)
			r.Host = tt.host
			if tt.token != "" {
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != tt.code {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, tt.code)
			}
			if !strings.Contains(log, tt.log) || tt.log == "" && log != "" {
				t.Errorf("log: got %q, want %q in it", log, tt.log)
			}
		})
	}
}

// asked is a Sidemirror that answers with a code, and remembers what it was sent.
type asked struct {
	*httptest.Server
	sent atomic.Value // the Authorization header of the last request
}

func newAsked(t *testing.T, secure bool, code int) *asked {
	t.Helper()
	a := &asked{}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.sent.Store(r.Header.Get("Authorization"))
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(completed())
	}))
	a.Config.ErrorLog = hclog.NewNullLogger().StandardLogger(nil)
	if secure {
		a.StartTLS()
	} else {
		a.Start()
	}
	t.Cleanup(a.Close)
	return a
}

func TestClientsSendTheirToken(t *testing.T) {
	s := newAsked(t, true, http.StatusOK)
	authority := writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	file := writeFile(t, "token", operatorToken+"\n")
	t.Setenv(tokenVariable, "token-of-the-environment")
	for want, args := range map[string][]string{
		"Bearer " + operatorToken:         {"--token-file", file},
		"Bearer token-of-the-environment": nil,
	} {
		args = append([]string{"status", "--server", s.URL, "--certificate-authority", authority}, args...)
		if _, _, err := sidemirror(t, args...); err != nil || s.sent.Load() != want {
			t.Errorf("got %v and %q, want %q", err, s.sent.Load(), want)
		}
	}
	if _, _, err := sidemirror(t, "status", "--server", s.URL); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: got %v, want an error about the certificate", err)
	}
}

func TestClientsKeepTheirTokenFromOthers(t *testing.T) {
	t.Setenv(tokenVariable, operatorToken)
	const want = "--server: the token isn't sent in the clear to another machine; use https://, or insist with --send-token-unencrypted"
	for _, url := range []string{"http://192.0.2.1:8080", "http://mirror.internal", "http://[2001:db8::1]"} {
		if _, _, err := sidemirror(t, "status", "--server", url); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %q", url, err, want)
		}
	}
	for _, url := range []string{"http://127.0.0.1", "http://[::1]:8080", "http://localhost", "https://mirror.internal"} {
		o := serverOptions{server: url, interval: 1}
		if _, err := o.client(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	o := serverOptions{server: "http://192.0.2.1", interval: 1, credentialOptions: credentialOptions{plaintext: true}}
	if _, err := o.client(); err != nil {
		t.Errorf("insisting: %v", err)
	}

	other := newAsked(t, false, http.StatusOK)
	redirecting := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer redirecting.Close()
	if _, _, err := sidemirror(t, "status", "--server", redirecting.URL); err != nil || other.sent.Load() != "" {
		t.Errorf("redirected: got %v, and %q was sent, want nothing", err, other.sent.Load())
	}
}

// The token of a service account is renewed while a command runs.
func TestClientsReadTheirTokenAgain(t *testing.T) {
	s := newAsked(t, false, http.StatusOK)
	file := writeFile(t, "token", operatorToken)
	o := serverOptions{server: s.URL, interval: 1, credentialOptions: credentialOptions{tokenFile: file}}
	client, err := o.client()
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{operatorToken, "renewed-0123456789"} {
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.get(t.Context()); err != nil || s.sent.Load() != "Bearer "+token {
			t.Errorf("got %v and %q, want %q", err, s.sent.Load(), "Bearer "+token)
		}
	}
}

func TestClientsSayHowToGetIn(t *testing.T) {
	for code, want := range map[int]string{
		401: "answered 401 Unauthorized; give a token that is valid there with --token-file or SIDEMIRROR_TOKEN",
		403: "answered 403 Forbidden; give the token of somebody who may with --token-file or SIDEMIRROR_TOKEN",
	} {
		s := newAsked(t, false, code)
		if _, _, err := sidemirror(t, "status", "--server", s.URL); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v, want %q at the end", err, want)
		}
	}
}

func TestTokenVariableIsKnown(t *testing.T) {
	if got := unknownVariables(newRootCommand(), []string{tokenVariable + "=x"}); len(got) > 0 {
		t.Errorf("got %q, want none", got)
	}
}
