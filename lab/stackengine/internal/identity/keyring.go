package identity

import (
	"crypto/ed25519"
	"crypto/tls"
	"slices"
	"sync"
)

// Keyring is what one node knows of licence keys: the one that it shows to other nodes, and all that it accepts. A node
// starts with one key; another one is entered while it runs, so that a ring can be moved to it without being taken apart.
type Keyring struct {
	mu       sync.RWMutex
	accepted []entry // the first is shown
}

type entry struct {
	key    Key
	own    *tls.Certificate
	public ed25519.PublicKey
}

// NewKeyring holds one key.
func NewKeyring(key Key) (*Keyring, error) {
	ring := &Keyring{}
	return ring, ring.Accept(key)
}

func (*Keyring) String() string   { return "<licence keys>" }
func (*Keyring) GoString() string { return "<licence keys>" }

// Accept takes a further key; nothing changes when it is known already.
func (r *Keyring) Accept(key Key) error {
	own, public, err := key.certificate()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at(key) < 0 {
		r.accepted = append(r.accepted, entry{key, own, public})
	}
	return nil
}

// Use shows a key to other nodes from now on; false when it was never accepted.
func (r *Keyring) Use(key Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.at(key)
	if at < 0 {
		return false
	}
	used := r.accepted[at]
	r.accepted = append([]entry{used}, slices.Delete(slices.Clone(r.accepted), at, at+1)...)
	return true
}

// Matches tells whether a token is one of the accepted keys.
func (r *Keyring) Matches(token string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	found := false
	for _, one := range r.accepted {
		found = one.key.Matches(token) || found
	}
	return found
}

// PeerTLS returns server and client settings for traffic between nodes; they follow every change of the keyring.
func (r *Keyring) PeerTLS() (server, client *tls.Config) {
	server = &tls.Config{
		MinVersion:       tls.VersionTLS13,
		GetCertificate:   func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return r.own(), nil },
		ClientAuth:       tls.RequireAnyClientCert,
		VerifyConnection: r.Verify,
	}
	client = &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.own(), nil },
		InsecureSkipVerify:   true, // names and chains mean nothing here; Verify demands a public key of ours
		VerifyConnection:     r.Verify,
	}
	return server, client
}

// Verify refuses a connection whose other end holds none of the accepted keys.
func (r *Keyring) Verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return ErrOtherKey
	}
	shown, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !ok || !slices.ContainsFunc(r.accepted, func(one entry) bool { return shown.Equal(one.public) }) {
		return ErrOtherKey
	}
	return nil
}

func (r *Keyring) own() *tls.Certificate {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.accepted[0].own
}

func (r *Keyring) at(key Key) int {
	return slices.IndexFunc(r.accepted, func(one entry) bool { return one.key.Matches(key.text) })
}
