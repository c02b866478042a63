package api

import (
	"crypto/tls"
	"fmt"

	"github.com/hashicorp/go-hclog"
)

// Certificate is what a server shows to its clients. It is read again when its
// files change, at most once a second; while they don't fit together, which is so
// for a moment when they are replaced, those of before stay in force.
type Certificate struct {
	pair *reread[*tls.Certificate]
}

// OpenCertificate reads a certificate, with its chain behind it, and its private
// key, both PEM.
func OpenCertificate(certFile, keyFile string, log hclog.Logger) (*Certificate, error) {
	pair := &reread[*tls.Certificate]{
		what: "TLS certificate", paths: []string{certFile, keyFile}, private: keyFile, log: log,
		parse: func(contents [][]byte) (*tls.Certificate, error) {
			pair, err := tls.X509KeyPair(contents[0], contents[1])
			if err != nil {
				return nil, fmt.Errorf("%s with %s: %w", certFile, keyFile, err)
			}
			return &pair, nil
		},
	}
	if err := pair.open(); err != nil {
		return nil, err
	}
	return &Certificate{pair: pair}, nil
}

// config is how a server with this certificate speaks TLS.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.pair.get(), nil
		},
	}
}
