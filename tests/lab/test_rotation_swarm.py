"""A living swarm with new join tokens, a new root, and engines of another authority: nobody leaves, old is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from lab.bmc.client import PowerAct
from metal.cluster.docker import DockerApi, EngineRefused, observe_engine
from metal.cluster.docker.tls import tls_context
from metal.cluster.swarm import ensure_node, rotate_swarm
from metal.pki.authority import BOTH, Authority
from metal.pki.succession import trusted
from tests.lab.engines import SEED, MemoryRecord, Rack, reinstall, together
from tests.lab.members import within
from tests.lab.ready_stack import small_lab

pytestmark = pytest.mark.lab

MANAGERS = ("n1", "n2", "n3")
ALL = (*MANAGERS, "n4")


@pytest.fixture(scope="module")
def rack() -> Iterator[Rack]:
    with small_lab("rotswarm", 51, hosts=4) as lab:
        together(*(lambda name=name: reinstall(lab, name) for name in ALL))
        rack = Rack(lab, MANAGERS, ["n4"])
        limits = replace(rack.site.fleet.deadlines, swarm=180, engine=180, packages=300)
        rack.site = replace(rack.site, fleet=replace(rack.site.fleet, deadlines=limits))
        together(*(lambda name=name: rack.engine(name) for name in ALL))
        record = MemoryRecord()
        together(*(lambda name=name: ensure_node(rack.site, rack.node_wish(name), record) for name in MANAGERS))
        rack.record = record  # type: ignore[attr-defined]
        yield rack
        rack.site.close()


def tokens(rack: Rack) -> set[str]:
    with DockerApi(rack.ssh("n1")) as api:
        return set(api.swarm()["JoinTokens"].values())


def roots(rack: Rack) -> dict[str, str]:
    with DockerApi(rack.ssh("n1")) as api:
        nodes = api.nodes()
        shared = api.swarm()["TLSInfo"]["TrustRoot"]
    return {
        "": shared,
        **{node["Description"]["Hostname"]: node["Description"]["TLSInfo"]["TrustRoot"] for node in nodes},
    }


def ready(rack: Rack) -> list[str]:
    lines = rack.docker("n1", "node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines()
    return sorted(line.split()[0] for line in lines if line.endswith(" Ready"))


def refused(rack: Rack, host: str, token: str) -> str:
    """What the engine says to a join with this token; it is in no swarm afterwards."""
    with DockerApi(rack.ssh(host)) as api:
        body = {
            "ListenAddr": "0.0.0.0:2377",
            "AdvertiseAddr": rack.access(host).address,
            "RemoteAddrs": [f"{rack.access('n1').address}:2377"],
            "JoinToken": token,
        }
        with pytest.raises(EngineRefused) as error:
            api.swarm_join(body)
        if api.info()["Swarm"]["LocalNodeState"] != "inactive":
            api.swarm_leave(force=True)
    return str(error.value)


@pytest.mark.demand("U61")
def test_join_tokens_are_rotated_once_and_the_old_ones_are_refused(rack: Rack) -> None:
    before, nodes = tokens(rack), ready(rack)
    assert rotate_swarm(rack.site, "blue", join=2) == ""
    after = tokens(rack)
    assert not before & after
    assert ready(rack) == nodes == list(MANAGERS)
    assert rotate_swarm(rack.site, "blue", join=2) == ""
    assert tokens(rack) == after
    for token in before:
        assert "join token" in refused(rack, "n4", token)
    assert not [line for line in rack.lines if "SWMTKN" in line]
    ensure_node(rack.site, rack.node_wish("n4"), rack.record)  # type: ignore[attr-defined]
    assert ready(rack) == list(ALL)


def test_the_swarms_root_is_rotated_once_and_every_node_takes_the_new_one(rack: Rack) -> None:
    before, old = roots(rack), tokens(rack)
    assert len(set(before.values())) == 1
    ids = rack.docker("n1", "node", "ls", "--quiet")
    assert rotate_swarm(rack.site, "blue", join=2, ca=2) == ""
    after = roots(rack)
    assert len(set(after.values())) == 1
    assert set(after.values()) != set(before.values())
    assert sorted(rack.docker("n1", "node", "ls", "--quiet").split()) == sorted(ids.split())
    assert rotate_swarm(rack.site, "blue", join=2, ca=2) == ""
    assert roots(rack) == after
    # The digest of the root is part of a token.
    assert not old & tokens(rack)
    labels = json.loads(rack.docker("n1", "info", "--format", "{{json .Swarm.Cluster.Spec.Labels}}"))
    assert labels == {"metalswarm.join": "2", "metalswarm.ca": "2"}


class Client(threading.Thread):
    """Asks every manager on the swarm's port all the time, with a certificate of the next authority."""

    def __init__(self, rack: Rack) -> None:
        super().__init__()
        self.context = tls_context(Authority.of(SEED, "blue", 2), with_certificate=True)
        self.context.load_verify_locations(cadata=trusted(SEED, "blue", 1))
        # What an engine answers by itself: a list of nodes needs a leader, and one that restarts is voted for anew.
        self.urls = [f"https://{rack.access(name).address}:2475/info" for name in MANAGERS]
        self.rounds, self.failures, self.stop = 0, [], threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.2):
            said = []
            for url in self.urls:
                try:
                    with httpx.Client(verify=self.context, timeout=10, trust_env=False) as http:
                        if http.get(url).is_success:
                            break
                        said.append("refused")
                except httpx.TransportError as error:
                    said.append(repr(error))
            else:
                self.failures.append(said)
            self.rounds += 1


def ping(rack: Rack, host: str, generation: int) -> bool:
    context = tls_context(Authority.of(SEED, "blue", generation), with_certificate=True)
    context.load_verify_locations(cadata=trusted(SEED, "blue", 1))
    try:
        with httpx.Client(verify=context, timeout=10, trust_env=False) as http:
            return http.get(f"https://{rack.access(host).address}:2376/_ping").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.demand("U39", "U40")
def test_engines_are_moved_to_another_authority_with_one_restart_each_under_a_client(rack: Rack) -> None:
    assert ping(rack, "n4", 1)
    units = [rack.ssh(name).run(["systemctl", "show", "-P", "InvocationID", "docker"]).stdout for name in ALL]
    client = Client(rack)
    client.start()
    try:
        together(*(lambda name=name: rack.engine(name, ca=2) for name in ALL))
    finally:
        client.stop.set()
        client.join()
    assert client.failures == []
    assert client.rounds > 5
    after = [rack.ssh(name).run(["systemctl", "show", "-P", "InvocationID", "docker"]).stdout for name in ALL]
    assert not set(units) & set(after)
    within(60, lambda: ready(rack) == list(ALL))
    for name in ALL:
        assert not ping(rack, name, 1)
        assert ping(rack, name, 2)
        bundle = rack.ssh(name).read("/etc/docker/metalswarm/ca.pem")
        assert bundle == trusted(SEED, "blue", 2).encode()
    again = together(*(lambda name=name: rack.engine(name, ca=2) for name in ALL))
    assert [report.restarted for report in again] == [()] * 4  # type: ignore[attr-defined]


@pytest.mark.demand("U39")
def test_an_engines_certificate_near_its_end_is_renewed(rack: Rack) -> None:
    ssh, folder = rack.ssh("n4"), "/etc/docker/metalswarm"
    request = ssh.run(["openssl", "req", "-new", "-key", f"{folder}/key.pem", "-subj", "/CN=x"]).stdout
    names, addresses = rack.engine_wish("n4").subjects()
    near = Authority.of(SEED, "blue", 2).sign(request, names=names, addresses=addresses, usages=BOTH, days=20)
    ssh.write(f"{folder}/cert.pem", near, mode=0o644)
    assert observe_engine(rack.site, rack.access("n4")).renewal_due(datetime.now(UTC))
    assert rack.engine("n4", ca=2).restarted == ("certificate changed",)
    assert not observe_engine(rack.site, rack.access("n4")).renewal_due(datetime.now(UTC))
    assert ping(rack, "n4", 2)


@pytest.mark.full
def test_a_node_that_is_down_keeps_the_old_root_and_is_named(rack: Rack) -> None:
    rack.lab.host("n4").kill()
    assert "n4" in rotate_swarm(rack.site, "blue", join=2, ca=3)
    rack.lab.host("n4").power(PowerAct.ON)
    rack.lab.host("n4").wait_for_ssh()
    assert rotate_swarm(rack.site, "blue", join=2, ca=3) == ""
    assert len(set(roots(rack).values())) == 1
