package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	certutil "k8s.io/client-go/util/cert"
)

// identity is what makes a cluster the same one after a restart: clients that
// hold its kubeconfig stay valid.
type identity struct {
	certFile       string // the server's certificate, followed by its CA
	keyFile        string
	serviceAccount string // key file that signs and verifies service account tokens
	tokenFile      string
	caBundle       []byte
	adminToken     string
}

// loadIdentity reads the identity in dir, and makes what is missing. The users
// are written anew at every start.
func loadIdentity(dir string, users []user) (identity, error) {
	pki := filepath.Join(dir, "pki")
	if err := os.MkdirAll(pki, 0o700); err != nil {
		return identity{}, fmt.Errorf("make %s: %w", pki, err)
	}
	id := identity{
		certFile:       filepath.Join(pki, "apiserver.crt"),
		keyFile:        filepath.Join(pki, "apiserver.key"),
		serviceAccount: filepath.Join(pki, "service-account.key"),
		tokenFile:      filepath.Join(pki, "tokens.csv"),
	}
	token, err := readOrMake(filepath.Join(pki, "admin.token"), func() ([]byte, error) {
		return []byte(rand.Text()), nil
	})
	if err != nil {
		return identity{}, err
	}
	id.adminToken = strings.TrimSpace(string(token))
	if _, err := readOrMake(id.serviceAccount, newSigningKey); err != nil {
		return identity{}, err
	}
	if id.caBundle, err = serverCertificate(id.certFile, id.keyFile); err != nil {
		return identity{}, err
	}
	admin := user{name: "admin", token: id.adminToken, groups: []string{"system:masters"}}
	return id, writeTokenFile(id.tokenFile, append([]user{admin}, users...))
}

// serverCertificate returns the PEM bundle that clients trust. The certificate
// and key are made together or not at all: the certificate is written last.
func serverCertificate(certFile, keyFile string) ([]byte, error) {
	return readOrMake(certFile, func() ([]byte, error) {
		cert, key, err := certutil.GenerateSelfSignedCertKey("127.0.0.1", nil,
			[]string{"localhost", "kubernetes.default.svc"})
		if err != nil {
			return nil, err
		}
		return cert, os.WriteFile(keyFile, key, 0o600)
	})
}

// newSigningKey returns a P-256 key in PEM.
func newSigningKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// readOrMake returns the content of a file, which it makes when it is missing.
func readOrMake(path string, content func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = content(); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return data, writeAtomic(path, data)
}

// writeAtomic writes a file that only its owner can read; a reader sees all of
// it or what was there before.
func writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
