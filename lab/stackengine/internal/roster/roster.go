// Package roster holds the ring's records of its nodes and merges the copies that ring members keep.
package roster

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Role is what a node is in the ring.
type Role string

const (
	Admin  Role = "admin"  // ring member: holds the records, serves the API
	Member Role = "member" // registered with a ring member over the mesh
)

// Node is one node's record. A removal is a record too, so that a copy that missed it cannot bring the node back.
type Node struct {
	Name           string    `json:"name"`
	ID             string    `json:"id"` // made with the data folder; a reinstalled host has another
	Address        string    `json:"address"`
	Role           Role      `json:"role"`
	RegisteredWith string    `json:"registered_with"`
	RegisteredAt   time.Time `json:"registered_at"`
	Removed        bool      `json:"removed,omitempty"`
	Version        uint64    `json:"version"`
}

// newer orders two records of one name: version first, then an arbitrary but everywhere equal order.
func (n Node) newer(old Node) bool {
	if n.Version != old.Version {
		return n.Version > old.Version
	}
	if n.Removed != old.Removed {
		return n.Removed
	}
	return n.ID > old.ID
}

// Roster is one ring's records by node name.
type Roster struct {
	Ring  string          `json:"ring"`
	Nodes map[string]Node `json:"nodes"`
}

// Clone returns a copy that shares nothing.
func (r Roster) Clone() Roster {
	return Roster{Ring: r.Ring, Nodes: maps.Clone(r.Nodes)}
}

// Put stores a record with a version above all others and returns it.
func (r *Roster) Put(node Node) Node {
	node.Version = r.version() + 1
	if r.Nodes == nil {
		r.Nodes = map[string]Node{}
	}
	r.Nodes[node.Name] = node
	return node
}

// Remove marks a node as removed; false when it is not there.
func (r *Roster) Remove(name string) bool {
	node, ok := r.Find(name)
	if !ok {
		return false
	}
	node.Removed = true
	r.Put(node)
	return true
}

// Find returns the record of a node that is there.
func (r Roster) Find(name string) (Node, bool) {
	node, ok := r.Nodes[name]
	return node, ok && !node.Removed
}

// Live returns the nodes that are there, by name.
func (r Roster) Live() []Node {
	live := []Node{}
	for _, node := range r.Nodes {
		if !node.Removed {
			live = append(live, node)
		}
	}
	slices.SortFunc(live, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	return live
}

// Admins returns the ring members other than the one named.
func (r Roster) Admins(except string) []Node {
	return slices.DeleteFunc(r.Live(), func(n Node) bool { return n.Role != Admin || n.Name == except })
}

// Merge takes over every newer record of another copy of the same ring; true when something changed.
func (r *Roster) Merge(other Roster) bool {
	changed := false
	for name, theirs := range other.Nodes {
		if ours, ok := r.Nodes[name]; !ok || theirs.newer(ours) {
			if r.Nodes == nil {
				r.Nodes = map[string]Node{}
			}
			r.Nodes[name] = theirs
			changed = true
		}
	}
	return changed
}

func (r Roster) version() uint64 {
	var highest uint64
	for _, node := range r.Nodes {
		highest = max(highest, node.Version)
	}
	return highest
}
