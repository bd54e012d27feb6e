"""Everything that a cluster shares, rotated in one `up` of the real engine while clients use it."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lab.api import Lab
from metal.pki.authority import Authority
from metal.pki.secrets import ClusterSecrets
from metal.pki.succession import trusted
from metal.settings.fleet import Identity
from tests.lab.ready_stack import small_lab
from tests.lab.stack import MANAGER_KEY, ApiRefusedError, LabStack
from toolchain.pulumi import pulumi

pytestmark = [pytest.mark.lab, pytest.mark.engine]

HOSTS = ["n1", "n2", "n3", "n4"]
MANAGERS = HOSTS[:3]
NEXT_KEY = "tests-only-stackengine-key-8822"
SEED = bytes(range(32))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("rotstack", 52, hosts=4) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    stack = LabStack(tmp_path_factory.mktemp("stack") / "project", pulumi(), lab)
    stack.fleet.pop("hosts", None)
    stack.fleet["pools"]["web"]["hosts"] = ["n4"]
    del stack.fleet["pools"]["spare"]
    stack.project.environment["METALSWARM_MANAGER_NEXT"] = NEXT_KEY
    stack.up().expect()
    return stack


def context(stack: LabStack, folder: Path) -> ssl.SSLContext:
    """What `metalswarm context` gives a person, as a client uses it."""
    done = stack.metalswarm("context", "blue", "--certs", str(folder), "--stack", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    made = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    made.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return made


def answers(stack: LabStack, host: str, client: ssl.SSLContext) -> bool:
    try:
        with httpx.Client(verify=client, timeout=10, trust_env=False) as http:
            # What an engine answers by itself: a list of nodes needs a leader, and one that restarts is voted for anew.
            return http.get(f"https://{stack.address(host)}:2475/info").json()["Swarm"]["ControlAvailable"] is True
    except (httpx.TransportError, ssl.SSLError):
        return False


def consul_answers(stack: LabStack, host: str, acl: int) -> bool:
    token = ClusterSecrets.derive(SEED, "blue", Identity(acl=acl)).management_token
    try:
        return bool(stack.consul("/v1/status/leader", host=host)) and bool(
            stack.consul("/v1/catalog/nodes", host=host, token=token)
        )
    except (ApiRefusedError, subprocess.TimeoutExpired):
        return False


class Clients(threading.Thread):
    """Uses the swarm's port and Consul all the time, with what was given out before or with what comes next."""

    def __init__(self, stack: LabStack, old: ssl.SSLContext, new: ssl.SSLContext) -> None:
        super().__init__()
        self.stack, self.old, self.new = stack, old, new
        self.rounds, self.failures, self.stop = 0, [], threading.Event()

    def run(self) -> None:
        while not self.stop.wait(0.2):
            if not any(answers(self.stack, host, self.new) for host in MANAGERS):
                self.failures.append(f"round {self.rounds}: no manager answers on 2475")
            if not any(consul_answers(self.stack, host, acl) for host in MANAGERS for acl in (1, 2)):
                self.failures.append(f"round {self.rounds}: no Consul server answers")
            self.rounds += 1


@pytest.mark.demand("U39", "U40", "U53", "U60", "U61")
def test_one_up_rotates_everything_under_clients_and_what_was_given_out_before_is_void(
    stack: LabStack, tmp_path: Path
) -> None:
    old = context(stack, tmp_path / "old")
    assert all(answers(stack, host, old) for host in MANAGERS)
    tokens = set(stack.docker("/swarm")["JoinTokens"].values())
    nodes = {name: node["id"] for name, node in stack.swarm_nodes().items()}
    agents = [stack.ssh(host, "systemctl show -P InvocationID consul") for host in HOSTS]

    # A certificate of the next authority, which every manager takes ahead of its rotation.
    authority = Authority.of(SEED, "blue", 2)
    stack.fleet["clusters"]["blue"]["identity"] = {"ca": 2, "gossip": 2, "acl": 2, "join": 2}
    stack.fleet["clusters"]["blue"]["manager"]["key"] = "next"
    shown = stack.preview().expect().output
    for line in ("rotates ca: 1 -> 2", "rotates gossip: 1 -> 2", "rotates acl: 1 -> 2", "rotates join: 1 -> 2"):
        assert f"blue: {line}" in shown
    new = stack.tls()
    new.load_verify_locations(cadata=trusted(SEED, "blue", 1))
    clients = Clients(stack, old, new)
    clients.start()
    try:
        outcome = stack.up().expect()
    finally:
        clients.stop.set()
        clients.join()
    assert clients.failures == []
    assert clients.rounds > 5
    assert not {operation for operation, _, _ in stack.links(outcome)} - {"update"}

    assert not any(answers(stack, host, old) for host in MANAGERS)
    fresh = context(stack, tmp_path / "fresh")
    assert all(answers(stack, host, fresh) for host in MANAGERS)
    assert authority.certificate in (tmp_path / "fresh" / "ca.pem").read_text()
    for host in MANAGERS:
        assert not consul_answers(stack, host, 1)
        assert consul_answers(stack, host, 2)
        with pytest.raises(ApiRefusedError, match="401"):
            stack.stackengine("/api/nodes", host=host, key=MANAGER_KEY)
        assert sorted(node["name"] for node in stack.stackengine("/api/nodes", host=host, key=NEXT_KEY)) == HOSTS
    assert not tokens & set(stack.docker("/swarm")["JoinTokens"].values())
    assert {name: node["id"] for name, node in stack.swarm_nodes().items()} == nodes
    assert {node["state"] for node in stack.swarm_nodes().values()} == {"ready"}
    assert [stack.ssh(host, "systemctl show -P InvocationID consul") for host in HOSTS] == agents
    held = [MANAGER_KEY, NEXT_KEY, *tokens, *stack.docker("/swarm")["JoinTokens"].values(), *stack.derived_secrets()]
    state, said = str(stack.project.export()), "".join(stack.said)
    assert not [secret for secret in held if secret in state or secret in said]
    for host in HOSTS:
        processes = stack.ssh(host, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
        assert not [secret for secret in held if secret in processes]
        assert stack.readable_by_all(host, [*held, "PRIVATE KEY-----"]) == []


def test_the_next_up_and_a_refresh_change_nothing(stack: LabStack) -> None:
    assert set(stack.up().expect().changes) == {"same"}
    assert set(stack.refresh("--expect-no-changes").expect().changes) == {"same"}


def test_a_number_that_goes_down_is_refused_at_preview(stack: LabStack) -> None:
    stack.fleet["clusters"]["blue"]["identity"]["acl"] = 1
    refused = stack.preview()
    assert not refused.ok
    assert "identity.acl = 1: what was shut out would be let in again; allowed: 2 or more" in refused.output
    stack.fleet["clusters"]["blue"]["identity"]["acl"] = 2
