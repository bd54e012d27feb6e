package controller

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const nextKey = "CUSTOMER-KEY-2"

func (n *node) enter(token, key string, use bool) int {
	n.t.Helper()
	status, _ := n.send(http.MethodPut, "/api/licence", token, strings.NewReader(fmt.Sprintf(`{"key": %q, "use": %v}`, key, use)))
	return status
}

func (n *node) waitFor(line string) {
	n.t.Helper()
	eventually(n.t, n.config.Name+" logs "+line, func() (bool, string) {
		log := n.log.String()
		return strings.Contains(log, line), log
	})
}

func TestARingIsMovedToAnotherKeyAndRefusesTheOldOneAfterItsRestart(t *testing.T) {
	net := newNetwork(t)
	first := net.admin("n1", nil)
	first.waitFor("founds ring")
	second := net.admin("n2", first)
	second.waitFor("registered with")
	member := net.member("n3", first)
	member.waitFor("registered with")
	all := []*node{first, second, member}
	if status := first.enter("a wrong key", nextKey, false); status != http.StatusUnauthorized {
		t.Fatalf("a wrong key enters another: %d", status)
	}
	for _, use := range []bool{false, true} {
		for _, one := range all {
			if status := one.enter(key, nextKey, use); status != http.StatusOK {
				t.Fatalf("%s: %d", one.config.Name, status)
			}
		}
	}
	for i, one := range all {
		one.stop()
		config := one.config
		config.Key = nextKey
		if config.Admin && config.Join == "" {
			config.Join = second.config.Address
		}
		all[i] = net.start(config)
		all[i].waitFor("registered with")
	}
	for _, one := range all {
		if status, _ := one.ask(http.MethodGet, "/api/nodes", key); status != http.StatusUnauthorized {
			t.Errorf("%s takes the old key: %d", one.config.Name, status)
		}
		if status, text := one.ask(http.MethodGet, "/api/nodes", nextKey); status != http.StatusOK || strings.Contains(text, "Inactive") {
			t.Errorf("%s: %d %s", one.config.Name, status, text)
		}
	}
	late := net.config("n4")
	late.Mesh = first.config.Address
	stranger := net.start(late)
	err := <-stranger.ended
	if err == nil {
		t.Error("a node with the old key was taken in")
	}
	stranger.ended <- err
}
