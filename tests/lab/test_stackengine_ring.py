"""The simulated controller on hosts that really boot: ring in order, both directions, reset, removal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.api import Lab
from metal.cluster.consul import ensure_member
from metal.cluster.stackengine import (
    ensure_manager_node,
    observe_manager_node,
    read_nodes,
    remove_manager_node,
    wait_formed,
)
from metal.errors import PlanRefused
from tests.lab.members import KEY, Members, reinstall_all, within

pytestmark = pytest.mark.lab

RING = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def members(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    reinstall_all(lab, [*RING, "n4"])
    members = Members(lab, tmp_path_factory.mktemp("ring"), RING, ["n4"])
    members.together(lambda site, name: ensure_member(site, members.consul(name)), RING)
    yield members
    members.site.close()
    for name in [*RING, "n4"]:
        lab.host(name).kill()


@pytest.fixture(scope="module")
def ring(members: Members) -> Members:
    members.together(lambda site, name: ensure_manager_node(site, members.manager(name)), RING)
    assert wait_formed(members.site, "blue").admins == ("n1", "n2", "n3")
    ensure_manager_node(members.site, members.manager("n4"))
    return members


@pytest.mark.demand("E3")
def test_one_ring_came_of_three_starts_and_every_node_knows_every_other(ring: Members) -> None:
    nodes = read_nodes(ring.site, "blue")
    assert {name: (node.admin, node.active) for name, node in nodes.items()} == {
        "n1": (True, True),
        "n2": (True, True),
        "n3": (True, True),
        "n4": (False, True),
    }
    founders = [name for name, node in nodes.items() if node.registered_with == name]
    assert len(founders) == 1
    for name in [*RING, "n4"]:
        seen = observe_manager_node(ring.site, ring.manager(name))
        assert seen.registered
        assert seen.ring == ("n1", "n2", "n3")
        assert seen.admin == (name != "n4")


def test_a_second_look_restarts_nothing(ring: Members) -> None:
    names = [*RING, "n4"]
    before = [ring.main_pid(name, "stackengine.service") for name in names]
    ring.together(lambda site, name: ensure_manager_node(site, ring.manager(name)), names)
    assert [ring.main_pid(name, "stackengine.service") for name in names] == before


@pytest.mark.demand("E1")
def test_the_daemon_is_unprivileged_and_the_key_is_in_one_private_file(ring: Members) -> None:
    ssh = ring.ssh("n4")
    pid = ring.main_pid("n4", "stackengine.service").partition("=")[2]
    assert ssh.run(["ps", "-o", "user=", "-p", pid]).stdout.strip() == "stackengine"
    assert "docker" in ssh.run(["id", "-nG", "stackengine"]).stdout.split()
    assert ssh.run(["stat", "-c", "%a %U", "/etc/sysconfig/stackengine"]).stdout.strip() == "600 root"
    assert KEY not in ssh.run(["ps", "axww", "-o", "args"]).stdout
    holders = ssh.run(
        ["grep", "-rlF", KEY, "/etc", "/var/lib/stackengine", "/var/log", "/run/stackengine"], check=False
    )
    assert holders.stdout.split() == ["/etc/sysconfig/stackengine"]
    assert not any(KEY in line for line in ring.lines)


def test_a_node_that_is_reset_goes_inactive_and_is_removed_by_the_ring(ring: Members) -> None:
    wish = ring.manager("n4")
    ring.lab.host("n4").kill()
    within(30, lambda: not read_nodes(ring.site, "blue")["n4"].active)
    remove_manager_node(ring.site, wish, dissolving=False)
    assert sorted(read_nodes(ring.site, "blue")) == RING
    reinstall_all(ring.lab, ["n4"])
    ring.site.ssh.forget("n4")
    ensure_manager_node(ring.site, wish)
    assert read_nodes(ring.site, "blue")["n4"].active


def test_a_founder_that_is_reinstalled_joins_its_own_ring(ring: Members) -> None:
    nodes = read_nodes(ring.site, "blue")
    founder = next(name for name, node in nodes.items() if node.registered_with == name)
    wish = ring.manager(founder)
    ssh = ring.ssh(founder)
    ssh.run(["systemctl", "stop", "stackengine.service"])
    ssh.run(["rm", "-rf", "/var/lib/stackengine", "/etc/sysconfig/stackengine"])
    ensure_manager_node(ring.site, wish)
    again = read_nodes(ring.site, "blue")
    assert sorted(again) == [*RING, "n4"]
    assert again[founder].registered_with != founder
    assert wait_formed(ring.site, "blue").admins == ("n1", "n2", "n3")


def test_ring_members_step_down_in_place_and_the_last_stays(ring: Members) -> None:
    ring.want(["n1"], ["n2", "n3", "n4"])
    ring.together(lambda site, name: ensure_manager_node(site, ring.manager(name)), ["n2", "n3"])
    assert wait_formed(ring.site, "blue").admins == ("n1",)
    assert {name: node.admin for name, node in read_nodes(ring.site, "blue").items()} == {
        "n1": True,
        "n2": False,
        "n3": False,
        "n4": False,
    }
    with pytest.raises(PlanRefused, match="last container manager"):
        remove_manager_node(ring.site, ring.manager("n1"), dissolving=False)
