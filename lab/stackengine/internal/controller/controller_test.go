package controller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"metalswarm/lab/stackengine/internal/identity"
)

func TestRingKnowsEveryNodeInBothDirections(t *testing.T) {
	net := newNetwork(t)
	n1 := net.admin("n1", nil)
	n1.expectHealth(200, "passing")
	n2 := net.admin("n2", n1)
	n2.expectHealth(200, "passing")
	n3 := net.admin("n3", n2) // any ring member will do
	n4 := net.member("n4", n3)
	all := []string{"n1 admin Active n1", "n2 admin Active n1", "n3 admin Active n2", "n4 member Active n3"}
	for _, n := range []*node{n1, n2, n3, n4} {
		n.expect(all...)
	}
	if status, body := n1.web("/version"); status != 200 || !strings.Contains(body, "Release") {
		t.Errorf("/version: %d %s", status, body)
	}
	if status, body := n4.web("/public/signup.html"); status != 200 || !strings.Contains(body, "StackEngine Controller") {
		t.Errorf("sign-up page: %d %s", status, body)
	}
	if _, body := n2.ask("GET", "/v1/kv/stackengine/leadership-ring?recurse", key); strings.Count(body, `"Key"`) != 3 {
		t.Errorf("ring in KV: %s", body)
	}
	if status, _ := n2.ask("GET", "/v1/kv/stackengine/leadership-ring", key); status != 404 {
		t.Errorf("KV read of a prefix without recurse: %d", status)
	}
}

func TestStoppingIsNotLeaving(t *testing.T) {
	net := newNetwork(t)
	n1 := net.admin("n1", nil)
	n2 := net.admin("n2", n1)
	n4 := net.member("n4", n2)
	n1.expect("n1 admin Active n1", "n2 admin Active n1", "n4 member Active n2")
	n4.stop()
	n1.expect("n1 admin Active n1", "n2 admin Active n1", "n4 member Inactive n2")
	n2.stop()
	n1.expect("n1 admin Active n1", "n2 admin Inactive n1", "n4 member Inactive n2")
	back := net.start(n4.config) // its seed is down; the ring it knows is not
	n1.expect("n1 admin Active n1", "n2 admin Inactive n1", "n4 member Active n2")
	back.expectHealth(200, "passing")
	n1.stop()
	lone := net.start(n2.config) // a ring member restarts while the rest is away
	lone.expectHealth(200, "passing")
	lone.expect("n1 admin Inactive n1", "n2 admin Active n1", "n4 member Active n2")
	net.start(n1.config) // the founder restarts without a seed and finds its ring again
	lone.expect("n1 admin Active n1", "n2 admin Active n1", "n4 member Active n2")
}

func TestRemovalIsSeenByTheRingAndByTheNode(t *testing.T) {
	net := newNetwork(t)
	n1 := net.admin("n1", nil)
	n2 := net.admin("n2", n1)
	n4 := net.member("n4", n1)
	n2.expect("n1 admin Active n1", "n2 admin Active n1", "n4 member Active n1")
	if status, body := n1.ask("DELETE", "/api/nodes/n1", key); status != 409 {
		t.Errorf("removed itself: %d %s", status, body)
	}
	if status, _ := n4.ask("DELETE", "/api/nodes/n1", key); status != 409 {
		t.Error("a member removed a ring member")
	}
	if status, body := n2.ask("DELETE", "/api/nodes/n4", key); status != 200 {
		t.Fatalf("removal: %d %s", status, body)
	}
	n1.expect("n1 admin Active n1", "n2 admin Active n1")
	if status, _ := n2.ask("DELETE", "/api/nodes/n4", key); status != 404 {
		t.Error("a second removal found it")
	}
	n4.expectHealth(503, "removed")
	n4.stop()
	again := net.start(n4.config)
	if err := <-again.ended; err == nil || !strings.Contains(err.Error(), "removed") {
		t.Errorf("came back with its old data: %v", err)
	}
	again.ended <- nil
	fresh := n4.config
	fresh.Data = t.TempDir()
	net.start(fresh)
	n2.expect("n1 admin Active n1", "n2 admin Active n1", "n4 member Active n1")

	if status, _ := n1.ask("DELETE", "/api/nodes/n2", key); status != 200 {
		t.Fatal("removal of a ring member")
	}
	n2.expectHealth(503, "removed")
	n1.expect("n1 admin Active n1", "n4 member Active n1")
}

func TestOtherKeyIsRefusedOnBothSides(t *testing.T) {
	net := newNetwork(t)
	n1 := net.admin("n1", nil)
	n1.expectHealth(200, "passing")
	config := net.config("n2")
	config.Admin, config.Join, config.Key = true, n1.config.Address, "ANOTHER-KEY"
	stranger := net.start(config)
	select {
	case err := <-stranger.ended:
		if !errors.Is(err, identity.ErrOtherKey) {
			t.Errorf("ended with %v", err)
		}
		stranger.ended <- nil
	case <-time.After(5 * time.Second):
		t.Error("a stranger goes on")
	}
	for _, token := range []string{"", "ANOTHER-KEY", key + "x"} {
		if status, _ := n1.ask("GET", "/api/nodes", token); status != 401 {
			t.Errorf("token %q: %d", token, status)
		}
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if _, err := client.Post(fmt.Sprintf("https://%s:%d/peer/sync", n1.config.Address, n1.config.Ports.Peer), "", nil); err == nil {
		t.Error("a peer without a certificate was served")
	}
	if strings.Contains(n1.log.String()+stranger.log.String(), "KEY") {
		t.Error("a licence key is in the log")
	}
	n1.expect("n1 admin Active n1")
}

func TestASeedIsWaitedForAndNeverReplacedByAnOwnRing(t *testing.T) {
	net := newNetwork(t)
	founder := net.config("n1")
	founder.Admin = true
	config := net.config("n2")
	config.Admin, config.Join = true, founder.Address
	n2 := net.start(config)
	eventually(t, "n2 has tried", func() (bool, string) {
		return strings.Count(n2.log.String(), "registration with") > 2, n2.log.String()
	})
	n2.expectHealth(503, "joining")
	n1 := net.start(founder)
	n2.expectHealth(200, "passing")
	n1.expect("n1 admin Active n1", "n2 admin Active n1")

	other := net.admin("x1", nil)
	other.expectHealth(200, "passing")
	n2.stop()
	moved := n2.config
	moved.Join = other.config.Address
	astray := net.start(moved)
	if err := <-astray.ended; err == nil || !strings.Contains(err.Error(), "another ring") {
		t.Errorf("data of one ring entered another: %v", err)
	}
	astray.ended <- nil
}

func TestANameOfALiveNodeIsNotTakenOver(t *testing.T) {
	net := newNetwork(t)
	n1 := net.admin("n1", nil)
	n4 := net.member("n4", n1)
	n1.expect("n1 admin Active n1", "n4 member Active n1")
	twin := net.config("n4")
	twin.Mesh = n1.config.Address
	second := net.start(twin)
	if err := <-second.ended; err == nil || !strings.Contains(err.Error(), "taken by the active node") {
		t.Errorf("twin: %v", err)
	}
	second.ended <- nil
	n4.expectHealth(200, "passing")
}

func TestConfigurationIsChecked(t *testing.T) {
	good := Config{Name: "n", Address: "127.0.0.1", Admin: true, Key: key, Data: t.TempDir(), Log: log.New(io.Discard, "", 0)}
	for reason, spoil := range map[string]func(*Config){
		"licence key": func(c *Config) { c.Key = "unset" },
		"itself":      func(c *Config) { c.Join = c.Address },
		"-mesh":       func(c *Config) { c.Mesh = "127.0.0.9" },
		"needs":       func(c *Config) { c.Admin = false },
		"not an IP":   func(c *Config) { c.Join = "ring" },
	} {
		config := good
		spoil(&config)
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	if c, err := New(good); err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v", c.keys, c.keys, c.config), key) {
		t.Errorf("good configuration: %v", err)
	}
}

func TestWebPortKeepsTheAPIOnTheHost(t *testing.T) {
	handler := (&Controller{}).webHandler()
	for address, want := range map[string]int{"127.0.0.1": 401, "10.0.0.1": 403} {
		recorder := &statusRecorder{}
		request, _ := http.NewRequest("GET", "/api/nodes", nil)
		local := &net.TCPAddr{IP: net.ParseIP(address)}
		handler.ServeHTTP(recorder, request.WithContext(context.WithValue(context.Background(), http.LocalAddrContextKey, local)))
		if recorder.status != want {
			t.Errorf("%s: %d", address, recorder.status)
		}
	}
}
