// Package controller is one node of the simulated StackEngine: its state, its listeners and its main loop.
package controller

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net"
	"sync"
	"time"

	"metalswarm/lab/stackengine/internal/identity"
	"metalswarm/lab/stackengine/internal/roster"
)

// VersionLine is what /version answers; probes look for "Release".
const VersionLine = "StackEngine Release 1.0.0 (simulated)"

// Ports of a node; all nodes of a ring use the same ones.
type Ports struct{ Web, Peer, API int }

// Timing of a ring. A node is inactive when nobody has heard of it for Inactive.
type Timing struct{ Beat, Inactive, Call time.Duration }

var (
	DefaultPorts  = Ports{Web: 8000, Peer: 8001, API: 8443}
	DefaultTiming = Timing{Beat: 2 * time.Second, Inactive: 8 * time.Second, Call: 3 * time.Second}
)

// Config is what the flags and the environment say.
type Config struct {
	Name, Address string
	Admin         bool
	Join, Mesh    string // at most one; address of a ring member
	Data          string
	Key           string
	Ports         Ports
	Timing        Timing
	Local         bool // also serve the web port on 127.0.0.1
	Log           *log.Logger
	Debug         bool
}

func (c Config) role() roster.Role {
	if c.Admin {
		return roster.Admin
	}
	return roster.Member
}

func (c Config) seed() string { return c.Join + c.Mesh }

// Controller is one node.
type Controller struct {
	config Config
	keys   *identity.Keyring
	store  roster.Store
	peers  *peerClient
	end    context.CancelCauseFunc

	mu      sync.Mutex
	state   roster.State
	beats   map[string]time.Time // when a node was last heard of, by us or by another ring member
	removed bool
}

// New checks the configuration and opens the data folder; nothing is served yet.
func New(config Config) (*Controller, error) {
	switch {
	case config.Admin && config.Mesh != "":
		return nil, errors.New("-mesh makes a member, -admin a ring member: give one of them")
	case !config.Admin && config.Join != "":
		return nil, errors.New("-join needs -admin; a member registers with -mesh")
	case !config.Admin && config.Mesh == "":
		return nil, errors.New("a member needs a ring member to register with: -mesh=<address>")
	case config.seed() == config.Address:
		return nil, errors.New("a node cannot join itself")
	case config.seed() != "" && net.ParseIP(config.seed()) == nil:
		return nil, fmt.Errorf("%q is not an IP address", config.seed())
	}
	key, err := identity.New(config.Key)
	if err != nil {
		return nil, err
	}
	config.Key = ""
	keys, err := identity.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	store, err := roster.Open(config.Data)
	if err != nil {
		return nil, err
	}
	state, known, err := store.Load()
	if err != nil {
		return nil, err
	}
	if !known {
		state = roster.State{ID: rand.Text()}
		if err := store.Save(state); err != nil {
			return nil, err
		}
	}
	return &Controller{config: config, keys: keys, store: store, state: state, beats: map[string]time.Time{}}, nil
}

// Run serves until ctx ends. Ending is not deregistering: the ring sees the node as inactive until it is back or removed.
func (c *Controller) Run(ctx context.Context) error {
	ctx, c.end = context.WithCancelCause(ctx)
	defer c.end(nil)
	serverTLS, clientTLS := c.keys.PeerTLS()
	c.peers = newPeerClient(clientTLS, c.config.Ports.Peer, c.config.Timing.Call)
	defer c.peers.close()
	apiTLS, err := apiCertificate(c.config.Data, c.config.Name, c.config.Address)
	if err != nil {
		return err
	}
	servers := &servers{log: c.config.Log, end: c.end}
	defer servers.close()
	web, api := c.webHandler(), c.apiHandler()
	if err := servers.start(c.config.Address, c.config.Ports.Peer, c.peerHandler(), serverTLS); err != nil {
		return err
	}
	if err := servers.start(c.config.Address, c.config.Ports.API, api, apiTLS); err != nil {
		return err
	}
	if err := servers.start(c.config.Address, c.config.Ports.Web, web, nil); err != nil {
		return err
	}
	if c.config.Local {
		if err := servers.start("127.0.0.1", c.config.Ports.Web, web, nil); err != nil {
			return err
		}
	}
	c.logf("%s serves on %s as %s", VersionLine, c.config.Address, c.config.role())
	c.enter(ctx)
	c.keepUp(ctx)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	c.logf("stopped; stays registered")
	return nil
}

func (c *Controller) logf(format string, args ...any) { c.config.Log.Printf(format, args...) }

func (c *Controller) debugf(format string, args ...any) {
	if c.config.Debug {
		c.logf(format, args...)
	}
}

// change runs act on the state and saves what came out; on failure the old state stays.
func (c *Controller) change(act func(state *roster.State) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := roster.State{ID: c.state.ID, Roster: c.state.Roster.Clone()}
	if err := act(&next); err != nil {
		return err
	}
	if err := c.store.Save(next); err != nil {
		return err
	}
	c.state = next
	if own, ok := next.Roster.Nodes[c.config.Name]; ok && (own.Removed || own.ID != next.ID) && !c.removed {
		c.removed = true
		c.logf("removed from the ring by another ring member; to register again, clear %s", c.config.Data)
	}
	return nil
}

// view returns a copy of the records and the names heard of lately.
func (c *Controller) view() (roster.Roster, map[string]time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ages := map[string]time.Duration{}
	for name, at := range c.beats {
		ages[name] = time.Since(at)
	}
	if !c.removed {
		ages[c.config.Name] = 0
	}
	return c.state.Roster.Clone(), ages
}

// heard notes that a node was alive age ago, unless something later is known.
func (c *Controller) heard(name string, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := time.Now().Add(-age); at.After(c.beats[name]) {
		c.beats[name] = at
	}
}

func (c *Controller) active(name string, ages map[string]time.Duration) bool {
	age, ok := ages[name]
	return ok && age < c.config.Timing.Inactive
}

// condition is "joining" before the first registration, "passing" in a ring, "removed" after a removal.
func (c *Controller) condition() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.removed:
		return "removed"
	case c.state.Roster.Ring == "":
		return "joining"
	default:
		return "passing"
	}
}
