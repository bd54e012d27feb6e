from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from metal.cluster.swarm.entry import control_listen, join_addresses
from metal.cluster.swarm.labels import merged_labels
from metal.cluster.swarm.turn import turn
from metal.cluster.swarm.view import Local, View, _local, _node
from metal.cluster.swarm.wish import NodeWish
from metal.errors import Cancelled, ClusterError, PlanRefused
from metal.plan.join import LocalState, Role
from metal.settings.access import Access
from metal.settings.fleet import SwarmWish
from metal.waiting import Run


def entry(node: str, host: str, *, role: str = "worker", raft: str | None = None, **labels: str) -> dict[str, object]:
    status = {"ManagerStatus": {"Reachability": raft, "Addr": f"{host}.example.net:2377"}} if raft else {}
    return {
        "ID": node,
        "Version": {"Index": 7},
        "Spec": {"Role": role, "Availability": "active", "Labels": labels},
        "Description": {"Hostname": host},
        "Status": {"State": "ready", "Addr": "10.0.0.1"},
        **status,
    }


def view(*entries: dict[str, object]) -> View:
    return View("swarm", tuple(_node(one) for one in entries))


def test_who_votes_counts_as_a_manager_and_who_is_only_wanted_does_not() -> None:
    seen = view(
        entry("a", "n1", role="manager", raft="reachable"),
        entry("b", "n2", role="worker", raft="unreachable"),
        entry("c", "n3", role="manager"),
        entry("d", "n4"),
    )
    assert seen.managers == ("a", "b")
    assert seen.reachable == ("a",)
    assert [node.role for node in seen.nodes] == [Role.MANAGER, Role.MANAGER, Role.MANAGER, Role.WORKER]
    assert [node.voter for node in seen.nodes] == [True, True, False, False]


def test_lives_of_a_host_go_by_label_then_by_name() -> None:
    labelled = {"metalswarm.host": "n2"}
    seen = view(entry("a", "n1"), entry("b", "n1.example.net"), entry("c", "n1", **labelled), entry("d", "n2"))
    assert [node.id for node in seen.lives_of("n1")] == ["a", "b"]
    assert [node.id for node in seen.lives_of("n2")] == ["c", "d"]


def test_a_host_joins_through_the_first_manager_that_stays_one() -> None:
    managers = [entry(node, name, role="manager", raft="reachable") for node, name in (("a", "n1"), ("b", "n2"))]
    away = entry("c", "n3", role="manager", raft="unreachable")
    seen = view(*managers, away)
    raft = {node.name: node.raft for node in seen.nodes}
    assert join_addresses(seen, ("n3", "n2")) == [raft["n2"], raft["n1"]]
    assert join_addresses(seen, ()) == [raft["n1"], raft["n2"]]


@pytest.mark.parametrize("state", list(LocalState))
def test_every_local_state_is_read(state: LocalState) -> None:
    said = {"LocalNodeState": state.value, "NodeID": "x", "ControlAvailable": True, "Cluster": {"ID": "s"}}
    local = _local({"Name": "n1", "Swarm": said})
    assert local.state is state
    assert local.role is (Role.MANAGER if state is LocalState.ACTIVE else None)
    assert (local.swarm is None) == (state is LocalState.INACTIVE)


def node_certificate(unit: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "node1"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "swarm1"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        ]
    )
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=90))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("control", "unit", "role"),
    [
        (True, "swarm-manager", Role.MANAGER),
        (False, "swarm-worker", Role.WORKER),
        (False, "swarm-manager", None),
        (True, "swarm-worker", None),
    ],
)
def test_a_node_between_two_roles_has_none(control: bool, unit: str, role: Role | None) -> None:
    said = {"LocalNodeState": "active", "NodeID": "x", "ControlAvailable": control}
    local = _local({"Name": "n1", "Swarm": said}, certificate=node_certificate(unit))
    assert local.role is role
    assert local.swarm == "swarm1"


def test_an_engine_in_error_is_known_by_its_certificate() -> None:
    said = {"LocalNodeState": "error", "NodeID": "", "ControlAvailable": False, "Error": "no raft"}
    local = _local({"Name": "n1", "Swarm": said}, certificate=node_certificate("swarm-manager"))
    assert (local.node, local.swarm, local.role, local.error) == ("node1", "swarm1", None, "no raft")


def test_unknown_local_state_is_an_error() -> None:
    with pytest.raises(ValueError, match="sleeping"):
        _local({"Name": "n1", "Swarm": {"LocalNodeState": "sleeping"}})
    assert _local({"Name": "n1", "Swarm": None}) == Local("n1", LocalState.INACTIVE)


def test_labels_of_others_stay_and_ours_go_when_they_leave_the_settings() -> None:
    first = merged_labels({"theirs": "1"}, {"ssd": "true", "tier": "web"}, "n1")
    assert first["theirs"] == "1"
    assert first["ssd"] == "true"
    second = merged_labels(first, {"tier": "db"}, "n1")
    assert "ssd" not in second
    assert second["tier"] == "db"
    assert second["theirs"] == "1"
    assert merged_labels(second, {"tier": "db"}, "n1") == second


def test_advertised_address_is_an_interface_or_an_address() -> None:
    def wish(address: str, interface: str | None = None) -> NodeWish:
        access = Access("n1", address, 22, "root", "default", False)
        return NodeWish("n1", access, "blue", Role.WORKER, SwarmWish(interface=interface))

    assert wish("10.0.0.1").advertise == "10.0.0.1"
    assert wish("n1.example.net", "bond0").advertise == "bond0"
    with pytest.raises(PlanRefused, match="its address is a name"):
        _ = wish("n1.example.net").advertise


def test_one_turn_at_a_time_in_a_cluster_and_none_across() -> None:
    run = Run()
    with turn("p/s", "blue", host="n1", deadline=run.deadline(1)):
        with turn("p/s", "green", host="n1", deadline=run.deadline(1)):
            pass
        with (
            pytest.raises(ClusterError, match="turn"),
            turn("p/s", "blue", host="n2", deadline=run.deadline(0.1)),
        ):
            pass
        stopped = Run(cancel=threading.Event())
        stopped.cancel.set()
        with pytest.raises(Cancelled), turn("p/s", "blue", host="n2", deadline=stopped.deadline(5)):
            pass
    with turn("p/s", "blue", host="n2", deadline=run.deadline(1)):
        pass


@pytest.mark.demand("R3")
@pytest.mark.parametrize(("address", "listens"), [("10.0.0.1", "0.0.0.0:2377"), ("fd00::1", "[::]:2377")])
def test_the_control_port_of_a_host_is_open_in_the_family_of_its_address(address: str, listens: str) -> None:
    access = Access("n1", address, 22, "root", "default", False)
    wish = NodeWish("n1", access, "blue", Role.MANAGER, SwarmWish())
    assert control_listen(wish) == listens
    assert wish.advertise == address
