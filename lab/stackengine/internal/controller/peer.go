package controller

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"metalswarm/lab/stackengine/internal/identity"
	"metalswarm/lab/stackengine/internal/roster"
)

const maxBody = 8 << 20

// message is every request and answer between nodes.
type message struct {
	Ring    string                   `json:"ring,omitempty"`
	ID      string                   `json:"id,omitempty"`
	Name    string                   `json:"name,omitempty"`
	Address string                   `json:"address,omitempty"`
	Role    roster.Role              `json:"role,omitempty"`
	Nodes   map[string]roster.Node   `json:"nodes,omitempty"`
	Ages    map[string]time.Duration `json:"ages,omitempty"`
	Error   string                   `json:"error,omitempty"`
}

// refusal is an answer that asking again will not change.
type refusal struct {
	status int
	reason string
}

func (r refusal) Error() string { return r.reason }

// final tells that the node asking has to give up: another ring, a taken name, a removal.
func (r refusal) final() bool { return r.status == http.StatusConflict || r.status == http.StatusGone }

type peerClient struct {
	client *http.Client
	port   int
}

func newPeerClient(settings *tls.Config, port int, timeout time.Duration) *peerClient {
	return &peerClient{
		client: &http.Client{
			Timeout:   timeout,
			Transport: &http.Transport{TLSClientConfig: settings, IdleConnTimeout: 30 * time.Second},
		},
		port: port,
	}
}

func (p *peerClient) close() { p.client.CloseIdleConnections() }

// call asks the node at address; errors are identity.ErrOtherKey, a refusal, or the network's.
func (p *peerClient) call(ctx context.Context, address, path string, ask message) (message, error) {
	var answer message
	body, err := json.Marshal(ask)
	if err != nil {
		return answer, err
	}
	url := "https://" + net.JoinHostPort(address, strconv.Itoa(p.port)) + path
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	response, err := p.client.Do(request)
	if errors.Is(err, identity.ErrOtherKey) {
		return answer, identity.ErrOtherKey
	}
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxBody)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("answer of %s: %w", address, err)
	}
	if response.StatusCode != http.StatusOK {
		return answer, refusal{response.StatusCode, answer.Error}
	}
	return answer, nil
}

// peerHandler serves other nodes; TLS has proven that they hold the licence key.
func (c *Controller) peerHandler() http.Handler {
	mux := http.NewServeMux()
	serve := func(path string, act func(context.Context, message) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			var ask message
			err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&ask)
			if err != nil {
				err = refusal{http.StatusBadRequest, err.Error()}
			} else if err = c.manages(ask); err == nil {
				err = act(r.Context(), ask)
			}
			answer, status := message{}, http.StatusOK
			var refused refusal
			if errors.As(err, &refused) {
				answer.Error, status = refused.reason, refused.status
			} else if err != nil {
				answer.Error, status = err.Error(), http.StatusInternalServerError
			} else {
				records, ages := c.view()
				answer = message{Ring: records.Ring, Name: c.config.Name, Nodes: records.Nodes, Ages: ages}
			}
			writeJSON(w, status, answer)
		})
	}
	serve("/peer/register", c.serveRegister)
	serve("/peer/beat", c.serveBeat)
	serve("/peer/sync", c.serveSync)
	return mux
}

// manages refuses what only a ring member of the asker's ring can serve.
func (c *Controller) manages(ask message) error {
	if !c.config.Admin {
		return refusal{http.StatusMisdirectedRequest, c.config.Name + " is not a ring member"}
	}
	if condition := c.condition(); condition != "passing" {
		return refusal{http.StatusServiceUnavailable, c.config.Name + " is in no ring yet (" + condition + ")"}
	}
	records, _ := c.view()
	if ask.Ring != "" && ask.Ring != records.Ring {
		return refusal{http.StatusConflict, "its data belongs to another ring than that of " + c.config.Name}
	}
	return nil
}

// serveRegister takes a node into the ring and tells the other ring members before it answers.
func (c *Controller) serveRegister(ctx context.Context, ask message) error {
	if ask.Name == "" || ask.ID == "" || net.ParseIP(ask.Address) == nil ||
		(ask.Role != roster.Admin && ask.Role != roster.Member) {
		return refusal{http.StatusBadRequest, "incomplete registration"}
	}
	_, ages := c.view()
	err := c.change(func(state *roster.State) error {
		for _, other := range state.Roster.Live() {
			if other.ID != ask.ID && c.active(other.Name, ages) && (other.Name == ask.Name) != (other.Address == ask.Address) {
				return refusal{http.StatusConflict, fmt.Sprintf("%s at %s is taken by the active node %s at %s",
					ask.Name, ask.Address, other.Name, other.Address)}
			}
		}
		old, known := state.Roster.Nodes[ask.Name]
		if known && old.Removed && old.ID == ask.ID {
			return removedRefusal(ask.Name)
		}
		if known && !old.Removed && old.ID == ask.ID && old.Address == ask.Address && old.Role == ask.Role {
			return nil
		}
		state.Roster.Put(roster.Node{Name: ask.Name, ID: ask.ID, Address: ask.Address, Role: ask.Role,
			RegisteredWith: c.config.Name, RegisteredAt: time.Now().UTC().Truncate(time.Second)})
		c.logf("registered %s at %s as %s", ask.Name, ask.Address, ask.Role)
		return nil
	})
	if err != nil {
		return err
	}
	c.heard(ask.Name, 0)
	c.replicate(ctx, ask.Name)
	return nil
}

// serveBeat notes that a member is alive; the answer gives it the ring's records.
func (c *Controller) serveBeat(_ context.Context, ask message) error {
	return c.alive(ask)
}

// serveSync merges another ring member's copy.
func (c *Controller) serveSync(_ context.Context, ask message) error {
	if err := c.merge(ask); err != nil {
		return err
	}
	return c.alive(ask)
}

func (c *Controller) alive(ask message) error {
	records, _ := c.view()
	node, known := records.Nodes[ask.Name]
	switch {
	case !known:
		return refusal{http.StatusNotFound, ask.Name + " is not registered"}
	case node.Removed || node.ID != ask.ID:
		return removedRefusal(ask.Name)
	}
	c.heard(ask.Name, 0)
	return nil
}

func removedRefusal(name string) error {
	return refusal{http.StatusGone, name + " was removed from this ring; clear its data folder to register it again"}
}

// merge takes over what another copy of the ring's records has newer.
func (c *Controller) merge(theirs message) error {
	c.mu.Lock()
	ours := c.state.Roster.Clone()
	c.mu.Unlock()
	if ours.Merge(roster.Roster{Nodes: theirs.Nodes}) {
		err := c.change(func(state *roster.State) error {
			state.Roster.Merge(roster.Roster{Nodes: theirs.Nodes})
			return nil
		})
		if err != nil {
			return err
		}
	}
	for name, age := range theirs.Ages {
		c.heard(name, age)
	}
	return nil
}
