package controller

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// servers are the listeners of a node; the first that fails ends it.
type servers struct {
	log     *log.Logger
	end     context.CancelCauseFunc
	running []*http.Server
}

// start serves handler on one address, with TLS when settings are given.
func (s *servers) start(address string, port int, handler http.Handler, settings *tls.Config) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	if settings != nil {
		listener = tls.NewListener(listener, settings)
	}
	server := &http.Server{
		Handler:           handler,
		ErrorLog:          s.log,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      15 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	s.running = append(s.running, server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.end(fmt.Errorf("listener %s: %w", listener.Addr(), err))
		}
	}()
	return nil
}

func (s *servers) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, server := range s.running {
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	}
}

// apiCertificate returns the self-signed certificate of the HTTPS API, made once per data folder.
func apiCertificate(folder, name, address string) (*tls.Config, error) {
	path := filepath.Join(folder, "api.pem")
	bundle, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if bundle, err = newAPICertificate(name, address); err == nil {
			err = os.WriteFile(path, bundle, 0o600)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("API certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		return nil, fmt.Errorf("API certificate %s: %w", path, err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, nil
}

func newAPICertificate(name, address string) ([]byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name, "localhost"},
		IPAddresses:  []net.IP{net.ParseIP(address), net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(bundle, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}
