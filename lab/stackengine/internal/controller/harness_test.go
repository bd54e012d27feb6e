package controller

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const key = "CUSTOMER-KEY-1"

var (
	quick    = Timing{Beat: 30 * time.Millisecond, Inactive: 400 * time.Millisecond, Call: 2 * time.Second}
	lastHost atomic.Int32
)

// network gives each test its own loopback addresses; all its nodes share ports that are free on them.
type network struct {
	t     *testing.T
	ports Ports
}

func newNetwork(t *testing.T) *network {
	free := func() int {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		return listener.Addr().(*net.TCPAddr).Port
	}
	return &network{t, Ports{Web: free(), Peer: free(), API: free()}}
}

// node is one running controller of a test.
type node struct {
	t      *testing.T
	config Config
	log    *lockedBuffer
	stop   func()
	ended  chan error
}

func (n *network) config(name string) Config {
	return Config{Name: name, Address: fmt.Sprintf("127.0.1.%d", lastHost.Add(1)), Data: n.t.TempDir(), Key: key,
		Ports: n.ports, Timing: quick}
}

func (n *network) start(config Config) *node {
	n.t.Helper()
	out := &lockedBuffer{}
	config.Log = log.New(out, "", 0)
	c, err := New(config)
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	started := &node{t: n.t, config: config, log: out, ended: make(chan error, 1)}
	go func() { started.ended <- c.Run(ctx) }()
	var once sync.Once
	started.stop = func() {
		once.Do(func() {
			cancel()
			select {
			case <-started.ended:
			case <-time.After(5 * time.Second):
				n.t.Errorf("%s did not stop", config.Name)
			}
		})
	}
	n.t.Cleanup(started.stop)
	return started
}

func (n *network) admin(name string, seed *node) *node {
	config := n.config(name)
	config.Admin = true
	if seed != nil {
		config.Join = seed.config.Address
	}
	return n.start(config)
}

func (n *network) member(name string, seed *node) *node {
	config := n.config(name)
	config.Mesh = seed.config.Address
	return n.start(config)
}

func (n *node) ask(method, path, token string) (int, string) { return n.send(method, path, token, nil) }

func (n *node) send(method, path, token string, content io.Reader) (int, string) {
	n.t.Helper()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	request, err := http.NewRequest(method, fmt.Sprintf("https://%s:%d%s", n.config.Address, n.config.Ports.API, path), content)
	if err != nil {
		n.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

func (n *node) web(path string) (int, string) {
	response, err := http.Get(fmt.Sprintf("http://%s:%d%s", n.config.Address, n.config.Ports.Web, path))
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// sees returns the node's view as "name role state registered-with" lines.
func (n *node) sees() string {
	status, body := n.ask("GET", "/api/nodes", key)
	if status != http.StatusOK {
		return body
	}
	var views []nodeView
	if err := json.Unmarshal([]byte(body), &views); err != nil {
		n.t.Fatal(err)
	}
	lines := []string{}
	for _, v := range views {
		lines = append(lines, fmt.Sprintf("%s %s %s %s", v.Name, v.Role, v.State, v.RegisteredWith))
	}
	return strings.Join(lines, "\n")
}

func eventually(t *testing.T, what string, probe func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		ok, seen := probe()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: last seen %q", what, seen)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (n *node) expect(lines ...string) {
	n.t.Helper()
	want := strings.Join(lines, "\n")
	eventually(n.t, n.config.Name+" sees\n"+want, func() (bool, string) {
		got := n.sees()
		return got == want, got
	})
}

func (n *node) expectHealth(status int, word string) {
	n.t.Helper()
	eventually(n.t, n.config.Name+" is "+word, func() (bool, string) {
		got, body := n.web("/health")
		return got == status && strings.Contains(body, word), body
	})
}

type statusRecorder struct {
	bytes.Buffer
	status int
}

func (*statusRecorder) Header() http.Header      { return http.Header{} }
func (s *statusRecorder) WriteHeader(status int) { s.status = status }

// lockedBuffer takes log lines of many goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
