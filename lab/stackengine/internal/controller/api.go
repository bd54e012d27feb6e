package controller

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"time"

	"metalswarm/lab/stackengine/internal/identity"
	"metalswarm/lab/stackengine/internal/roster"
)

// nodeView is a node as the API shows it.
type nodeView struct {
	Name           string      `json:"name"`
	Address        string      `json:"address"`
	Role           roster.Role `json:"role"`
	State          string      `json:"state"` // Active or Inactive
	RegisteredWith string      `json:"registered_with"`
	RegisteredAt   time.Time   `json:"registered_at"`
}

// kvEntry has the fields of Consul's KV answers.
type kvEntry struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       string
	CreateIndex uint64
	ModifyIndex uint64
	Session     string
}

// webHandler serves pages and probes to everybody, and the API to clients on the same host; the key never crosses the
// network unencrypted.
func (c *Controller) webHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, "text/plain; charset=utf-8", VersionLine+"\n")
	})
	mux.HandleFunc("GET /public/signup.html", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, "text/html; charset=utf-8", signupPage)
	})
	mux.HandleFunc("GET /health", c.serveHealth)
	api := c.apiHandler()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok || !local.IP.IsLoopback() {
			writeError(w, http.StatusForbidden, "from other hosts the API is served over HTTPS only")
			return
		}
		api.ServeHTTP(w, r)
	})
	return mux
}

const signupPage = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>StackEngine Controller</title></head>
<body><h1>StackEngine Controller</h1><p>This is the lab's simulated controller. Its API takes the licence key as bearer token.</p></body></html>
`

// apiHandler serves the API; every request needs the licence key as bearer token.
func (c *Controller) apiHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/nodes", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, c.nodeViews())
	})
	mux.HandleFunc("GET /api/nodes/{name}", func(w http.ResponseWriter, r *http.Request) {
		for _, node := range c.nodeViews() {
			if node.Name == r.PathValue("name") {
				writeJSON(w, http.StatusOK, node)
				return
			}
		}
		writeError(w, http.StatusNotFound, "no node "+r.PathValue("name"))
	})
	mux.HandleFunc("DELETE /api/nodes/{name}", c.serveRemoval)
	mux.HandleFunc("PUT /api/licence", c.serveLicence)
	mux.HandleFunc("GET /v1/kv/{key...}", c.serveKV)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || !c.keys.Matches(token) {
			writeError(w, http.StatusUnauthorized, "the licence key is needed as bearer token")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (c *Controller) nodeViews() []nodeView {
	records, ages := c.view()
	views := []nodeView{}
	for _, node := range records.Live() {
		state := "Inactive"
		if c.active(node.Name, ages) {
			state = "Active"
		}
		views = append(views, nodeView{node.Name, node.Address, node.Role, state, node.RegisteredWith, node.RegisteredAt})
	}
	return views
}

func (c *Controller) serveHealth(w http.ResponseWriter, _ *http.Request) {
	records, _ := c.view()
	condition := c.condition()
	status := http.StatusOK
	if condition != "passing" {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, map[string]any{
		"status": condition, "name": c.config.Name, "role": c.config.role(), "ring": records.Ring,
	})
}

// serveRemoval takes a node out of the ring and tells the other ring members before it answers.
func (c *Controller) serveRemoval(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !c.config.Admin || c.condition() != "passing" {
		writeError(w, http.StatusConflict, c.config.Name+" is not an active ring member")
		return
	}
	if name == c.config.Name {
		writeError(w, http.StatusConflict, "a ring member is removed through another one")
		return
	}
	found := false
	err := c.change(func(state *roster.State) error {
		found = state.Roster.Remove(name)
		return nil
	})
	switch {
	case err != nil:
		writeError(w, http.StatusInternalServerError, err.Error())
	case !found:
		writeError(w, http.StatusNotFound, "no node "+name)
	default:
		c.logf("removed %s", name)
		c.replicate(r.Context(), name)
		writeJSON(w, http.StatusOK, map[string]string{"removed": name})
	}
}

// serveLicence enters another licence key into the running node: accepted beside the ones it knows, and with use also shown
// to other nodes. It lasts until the node is started again, with the key of its configuration.
func (c *Controller) serveLicence(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		Key string `json:"key"`
		Use bool   `json:"use"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&ask); err != nil {
		writeError(w, http.StatusBadRequest, "no licence key in the request")
		return
	}
	key, err := identity.New(ask.Key)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := c.keys.Accept(key); err != nil {
		writeError(w, http.StatusInternalServerError, err.Error())
		return
	}
	if ask.Use {
		c.keys.Use(key)
		c.peers.close()
	}
	c.logf("a licence key was entered (in use: %v)", ask.Use)
	writeJSON(w, http.StatusOK, map[string]bool{"in_use": ask.Use})
}

// serveKV answers reads in Consul's form: stackengine/nodes/<name> and stackengine/leadership-ring/<name> hold addresses.
func (c *Controller) serveKV(w http.ResponseWriter, r *http.Request) {
	key, recurse := r.PathValue("key"), r.URL.Query().Has("recurse")
	entries := []kvEntry{}
	add := func(name string, node roster.Node) {
		if name == key || (recurse && strings.HasPrefix(name, key)) {
			entries = append(entries, kvEntry{Key: name, Value: base64.StdEncoding.EncodeToString([]byte(node.Address)),
				CreateIndex: node.Version, ModifyIndex: node.Version})
		}
	}
	records, _ := c.view()
	for _, node := range records.Admins("") {
		add("stackengine/leadership-ring/"+node.Name, node)
	}
	for _, node := range records.Live() {
		add("stackengine/nodes/"+node.Name, node)
	}
	if len(entries) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, entries)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the client is gone; there is nobody to tell
}

func writeError(w http.ResponseWriter, status int, reason string) {
	writeJSON(w, status, map[string]string{"error": reason})
}

func writeText(w http.ResponseWriter, kind, text string) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write([]byte(text))
}
