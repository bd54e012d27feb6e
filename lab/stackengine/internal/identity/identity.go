// Package identity turns the licence key into what nodes prove to each other and to API clients.
package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ErrOtherKey means that the other end of a connection holds another licence key.
var ErrOtherKey = errors.New("the other node holds another licence key")

// Key is a licence key; it never prints itself.
type Key struct{ text string }

// New refuses an empty key and the installer's placeholder.
func New(text string) (Key, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "unset" {
		return Key{}, errors.New("no licence key: set ID in the environment (/etc/sysconfig/stackengine)")
	}
	return Key{text}, nil
}

func (Key) String() string   { return "<licence key>" }
func (Key) GoString() string { return "<licence key>" }

// Matches compares in constant time.
func (k Key) Matches(token string) bool {
	ours, theirs := sha256.Sum256([]byte(k.text)), sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(ours[:], theirs[:]) == 1
}

// certificate is what a holder of the key shows to other nodes. All nodes of a customer derive the same signing key from
// the licence key, so that a connection exists only between two holders of it, and nothing replayed is of use.
func (k Key) certificate() (*tls.Certificate, ed25519.PublicKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(k.text), nil, "stackengine peer signing key", ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("peer key: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, _ := private.Public().(ed25519.PublicKey)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "stackengine peer"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, nil, fmt.Errorf("peer certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, public, nil
}
