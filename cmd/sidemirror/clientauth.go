package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// tokenVariable has the token itself, for which there is no flag: command lines are
// seen by every user of a machine.
const tokenVariable = envPrefix + "TOKEN"

// answerTimeout is how long a server may take until it begins to answer. A list
// itself takes as long as it is.
const answerTimeout = 60 * time.Second

// credentialOptions are the flags that say how a command shows who sends its
// requests, and how it knows the server, as given.
type credentialOptions struct {
	tokenFile string
	plaintext bool
	authority string
}

func (o *credentialOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` with the token to send (default the variable "+tokenVariable+")")
	f.BoolVar(&o.plaintext, "send-token-unencrypted", false, "send the token over http:// to other machines too")
	f.StringVar(&o.authority, "certificate-authority", "", "`FILE` with the certificates that the server's is checked against (default the system's)")
}

// transport returns what requests to server go through, with the token if there is one.
func (o *credentialOptions) transport(server *url.URL) (http.RoundTripper, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	if err := o.trust(server, transport); err != nil {
		return nil, err
	}
	token, err := o.token()
	if err != nil || token == "" {
		return transport, err
	}
	if server.Scheme != "https" && !o.plaintext && !isLoopback(withPort(server)) {
		return nil, errors.New("--server: the token isn't sent in the clear to another machine; use https://, or insist with --send-token-unencrypted")
	}
	return &bearer{next: transport, server: server, token: o.token}, nil
}

// trust makes transport check the server's certificate as the flags say.
func (o *credentialOptions) trust(server *url.URL, transport *http.Transport) error {
	switch {
	case o.authority == "":
		return nil
	case server.Scheme != "https":
		return errors.New("--certificate-authority: has no use with http://")
	}
	text, err := os.ReadFile(o.authority)
	if err != nil {
		return fmt.Errorf("--certificate-authority: %w", notThere(o.authority, err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return fmt.Errorf("--certificate-authority: %s has no certificate in PEM", o.authority)
	}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	return nil
}

// token is what to send; "" is none. Its errors don't repeat it.
func (o *credentialOptions) token() (string, error) {
	source, text := tokenVariable, os.Getenv(tokenVariable)
	if o.tokenFile != "" {
		content, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", notThere(o.tokenFile, err))
		}
		source, text = "--token-file: "+o.tokenFile, string(content)
		if strings.TrimSpace(text) == "" {
			return "", fmt.Errorf("%s is empty", source)
		}
	}
	text = strings.TrimSpace(text)
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return "", fmt.Errorf("%s: want one token and nothing else", source)
		}
	}
	return text, nil
}

// withPort is the host of u as isLoopback takes it.
func withPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return u.Host + ":80"
}

// bearer adds the token to what goes to the server, and to nothing else: not to
// where the server redirects. The token is read for each request, because those of
// service accounts are renewed within the hour.
type bearer struct {
	next   http.RoundTripper
	server *url.URL
	token  func() (string, error)
}

// RoundTrip implements [http.RoundTripper].
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != b.server.Scheme || r.URL.Host != b.server.Host {
		return b.next.RoundTrip(r)
	}
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return b.next.RoundTrip(r)
}

// hint says what to do about an answer that is a matter of who asks.
func hint(code int) string {
	switch code {
	case http.StatusUnauthorized:
		return "; give a token that is valid there with --token-file or " + tokenVariable
	case http.StatusForbidden:
		return "; give the token of somebody who may with --token-file or " + tokenVariable
	default:
		return ""
	}
}
