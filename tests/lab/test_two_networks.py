"""A cluster whose own traffic takes another network than SSH and the users."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address

import pytest

from lab.api import Lab
from metal.cluster.swarm import NodeReport, ensure_node
from metal.settings.fleet import SwarmWish
from tests.lab.engines import MemoryRecord, Rack, reinstall, together
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.full]

HOSTS = ("n1", "n2")
BACK = IPv4Network("10.96.0.0/24")
SWARM = SwarmWish(address_pool="172.30.0.0/16", interface="back0")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("nets", 95, hosts=2) as lab:
        yield lab


@pytest.fixture(scope="module")
def rack(lab: Lab) -> Iterator[Rack]:
    """Hosts with a second interface, on the same wire and with addresses of its own."""
    together(*(lambda name=name: reinstall(lab, name) for name in HOSTS))
    rack = Rack(lab, HOSTS[:1], HOSTS[1:])
    for number, name in enumerate(HOSTS, start=1):
        front = rack.access(name).address
        rack.ssh(name).script(
            'device=$(ip -br -4 addr | awk -v a="$1/" \'index($3, a) == 1 {sub(/@.*/, "", $1); print $1}\')\n'
            'ip link add link "$device" name back0 type macvlan mode bridge\n'
            'ip addr add "$2" dev back0\n'
            "ip link set back0 up\n",
            front,
            f"{BACK[number]}/{BACK.prefixlen}",
        )
    together(*(lambda name=name: rack.engine(name) for name in HOSTS))
    yield rack
    rack.site.close()


@pytest.mark.demand("W10", "E6")
def test_the_swarm_talks_over_the_interface_of_the_settings(rack: Rack) -> None:
    record = MemoryRecord()
    acts = [lambda name=name: ensure_node(rack.site, rack.node_wish(name, swarm=SWARM), record) for name in HOSTS]
    for report in together(*acts):
        assert isinstance(report, NodeReport)
        assert ip_address(report.address) in BACK
    nodes = json.loads(rack.docker("n1", "node", "inspect", *rack.docker("n1", "node", "ls", "-q").split()))
    assert {ip_address(node["Status"]["Addr"]) for node in nodes} == {BACK[1], BACK[2]}
    (manager,) = [node["ManagerStatus"]["Addr"] for node in nodes if "ManagerStatus" in node]
    assert manager == f"{BACK[1]}:2377"

    def peers() -> set[str]:
        """Whom the worker's engine talks to: managers for control, all for gossip."""
        lines = rack.ssh("n2").run(["ss", "-Htn", "state", "established", "dport = :2377"]).stdout.splitlines()
        return {line.split()[3].rsplit(":", 1)[0] for line in lines}

    wait_for("the worker's sessions are on that network", lambda: peers() == {str(BACK[1])})
    again = [ensure_node(rack.site, rack.node_wish(name, swarm=SWARM), record) for name in HOSTS]
    assert {report.node for report in again} == {node["ID"] for node in nodes}
