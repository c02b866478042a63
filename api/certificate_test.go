package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidemirror/sidemirror/api"
)

// pair is a new key with a certificate of its own for 127.0.0.1, as PEM.
func pair(t *testing.T, name string) map[string]string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

func serveTLS(t *testing.T, v *secretVolume) *api.Server {
	t.Helper()
	c, err := api.OpenCertificate(v.path("tls.crt"), v.path("tls.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := api.NewServer("127.0.0.1:0", newHandler(completed()), nil)
	s.UseTLS(c)
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestServerSpeaksHTTP2OverTLS(t *testing.T) {
	s := serveTLS(t, newSecretVolume(t, pair(t, "first")))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + s.Addr() + statusPath)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.ProtoMajor != 2 || res.Header.Get(api.HeaderStatus) != "completed" {
		t.Errorf("got %s %s, want HTTP/2 and the status", res.Proto, res.Status)
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", s.Addr(), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was accepted")
	}
	plain, err := http.Get("http://" + s.Addr() + statusPath)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Body.Close()
	if plain.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: got %s, want 400", plain.Status)
	}
}

// A renewed certificate is shown without a restart; one that doesn't fit its key,
// as while the two are replaced, isn't.
func TestCertificateIsRereadWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newSecretVolume(t, pair(t, "first"))
		c, err := api.OpenCertificate(v.path("tls.crt"), v.path("tls.key"), nil)
		if err != nil {
			t.Fatal(err)
		}
		mismatched := pair(t, "mismatched")
		mismatched["tls.key"] = pair(t, "other")["tls.key"]
		for _, tt := range []struct {
			files map[string]string
			want  string
		}{{mismatched, "first"}, {pair(t, "second"), "second"}, {map[string]string{}, "second"}} {
			before := api.ShownBy(c)
			v.swap(tt.files)
			if got := api.ShownBy(c); got != before {
				t.Errorf("within the second: got %q, want %q", got, before)
			}
			time.Sleep(time.Second)
			if got := api.ShownBy(c); got != tt.want {
				t.Errorf("a second later: got %q, want %q", got, tt.want)
			}
		}
	})
}

func TestCertificateMistakes(t *testing.T) {
	good, other, dir := pair(t, "a"), pair(t, "b"), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert, key := write("tls.crt", good["tls.crt"]), write("tls.key", good["tls.key"])
	tests := []struct{ name, cert, key, want string }{
		{"no certificate", filepath.Join(dir, "none"), key, "none isn't there"},
		{"no key", cert, filepath.Join(dir, "none"), "none isn't there"},
		{"another key", cert, write("other.key", other["tls.key"]), "tls: private key does not match public key"},
		{"the wrong way round", key, cert, "tls.key with " + cert + ": tls: "},
		{"no PEM", write("text", "hunter2"), key, "tls: "},
	}
	for _, tt := range tests {
		_, err := api.OpenCertificate(tt.cert, tt.key, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q in it", tt.name, err, tt.want)
		}
	}
	if _, err := api.OpenCertificate(cert, key, nil); err != nil {
		t.Errorf("a good one: %v", err)
	}
}
