package controller

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"metalswarm/lab/stackengine/internal/identity"
	"metalswarm/lab/stackengine/internal/roster"
)

// enter brings the node into its ring: the one its data names, the seed's, or, for a ring member without a seed, a new one.
// With a seed it waits for that ring and never founds another. A wrong key, another ring, a taken name end the node.
func (c *Controller) enter(ctx context.Context) {
	for ctx.Err() == nil {
		records, _ := c.view()
		candidates := c.candidates(records)
		if len(candidates) == 0 {
			c.found()
			return
		}
		for _, address := range candidates {
			err := c.register(ctx, address)
			if err == nil {
				return
			}
			if c.fatal(err) {
				c.end(fmt.Errorf("registration with %s: %w", address, err))
				return
			}
			c.logf("registration with %s: %v", address, err)
		}
		if records.Ring != "" {
			c.logf("no ring member answers; goes on with the records it has")
			return
		}
		c.sleep(ctx)
	}
}

// candidates are the addresses to register with: the seed, then the ring members in the records.
func (c *Controller) candidates(records roster.Roster) []string {
	var addresses []string
	if seed := c.config.seed(); seed != "" {
		addresses = append(addresses, seed)
	}
	for _, admin := range records.Admins(c.config.Name) {
		if !slices.Contains(addresses, admin.Address) {
			addresses = append(addresses, admin.Address)
		}
	}
	return addresses
}

// found starts a ring with this node alone, or resumes the one it is alone in.
func (c *Controller) found() {
	err := c.change(func(state *roster.State) error {
		old, known := state.Roster.Find(c.config.Name)
		if state.Roster.Ring == "" {
			state.Roster.Ring = rand.Text()
			c.logf("founds ring %s", state.Roster.Ring)
		}
		if known && old.ID == state.ID && old.Address == c.config.Address && old.Role == roster.Admin {
			return nil
		}
		state.Roster.Put(roster.Node{Name: c.config.Name, ID: state.ID, Address: c.config.Address, Role: roster.Admin,
			RegisteredWith: c.config.Name, RegisteredAt: time.Now().UTC().Truncate(time.Second)})
		return nil
	})
	if err != nil {
		c.end(err)
	}
}

func (c *Controller) register(ctx context.Context, address string) error {
	c.mu.Lock()
	ask := message{Ring: c.state.Roster.Ring, ID: c.state.ID, Name: c.config.Name, Address: c.config.Address,
		Role: c.config.role()}
	c.mu.Unlock()
	answer, err := c.peers.call(ctx, address, "/peer/register", ask)
	if err != nil {
		return err
	}
	err = c.change(func(state *roster.State) error {
		state.Roster.Ring = answer.Ring
		state.Roster.Merge(roster.Roster{Nodes: answer.Nodes})
		return nil
	})
	if err == nil {
		c.logf("registered with %s at %s", answer.Name, address)
		err = c.merge(answer)
	}
	return err
}

// fatal tells that no retry can help.
func (c *Controller) fatal(err error) bool {
	var refused refusal
	return errors.Is(err, identity.ErrOtherKey) || (errors.As(err, &refused) && refused.final())
}

// keepUp beats until ctx ends: ring members exchange their copies, members tell one ring member that they live.
func (c *Controller) keepUp(ctx context.Context) {
	for ctx.Err() == nil {
		if c.condition() == "passing" {
			if c.config.Admin {
				c.replicate(ctx, "")
			} else {
				c.beat(ctx)
			}
		}
		c.sleep(ctx)
	}
}

func (c *Controller) sleep(ctx context.Context) {
	timer := time.NewTimer(c.config.Timing.Beat)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// replicate exchanges copies with all other ring members at once, except the one named; one that is away catches up later.
func (c *Controller) replicate(ctx context.Context, except string) {
	records, ages := c.view()
	var group sync.WaitGroup
	for _, admin := range records.Admins(c.config.Name) {
		if admin.Name == except {
			continue
		}
		group.Add(1)
		go func() {
			defer group.Done()
			answer, err := c.peers.call(ctx, admin.Address, "/peer/sync", message{Ring: records.Ring, ID: c.ownID(),
				Name: c.config.Name, Nodes: records.Nodes, Ages: ages})
			if err == nil {
				err = c.merge(answer)
			}
			c.noteRemoval(err)
			c.debugf("sync with %s: %v", admin.Name, err)
		}()
	}
	group.Wait()
}

// beat tells one ring member that this node lives: the one it registered with, or else any other.
func (c *Controller) beat(ctx context.Context) {
	records, _ := c.view()
	own := records.Nodes[c.config.Name]
	admins := records.Admins(c.config.Name)
	slices.SortStableFunc(admins, func(a, b roster.Node) int {
		return boolOrder(b.Name == own.RegisteredWith) - boolOrder(a.Name == own.RegisteredWith)
	})
	for _, admin := range admins {
		ask := message{Ring: records.Ring, ID: c.ownID(), Name: c.config.Name}
		answer, err := c.peers.call(ctx, admin.Address, "/peer/beat", ask)
		var refused refusal
		if errors.As(err, &refused) && refused.status == http.StatusNotFound {
			err = c.register(ctx, admin.Address)
		} else if err == nil {
			err = c.merge(answer)
		}
		c.debugf("beat to %s: %v", admin.Name, err)
		if c.noteRemoval(err) || err == nil {
			return
		}
	}
	c.logf("no ring member takes the beat")
}

// noteRemoval records that the ring does not know this node any more; true when that is what err says.
func (c *Controller) noteRemoval(err error) bool {
	var refused refusal
	if !errors.As(err, &refused) || refused.status != http.StatusGone {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.removed {
		c.removed = true
		c.logf("%v", err)
	}
	return true
}

func (c *Controller) ownID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.ID
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}
