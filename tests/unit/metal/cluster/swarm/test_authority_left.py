"""What a rotation of the swarm's own root still waits for."""

from __future__ import annotations

from typing import Any

from metal.cluster.swarm.rotate import authority_left
from metal.waiting import Pending


def swarm(*, rotating: bool, root: str = "old") -> dict[str, Any]:
    return {"RootRotationInProgress": rotating, "TLSInfo": {"TrustRoot": root, "CertIssuerPublicKey": "new"}}


def node(name: str, *, root: str, issuer: str, state: str = "ready") -> dict[str, Any]:
    told = {"Hostname": name, "TLSInfo": {"TrustRoot": root, "CertIssuerPublicKey": issuer}}
    return {"ID": f"id-{name}", "Description": told, "Status": {"State": state}}


def test_while_it_goes_on_those_with_a_certificate_of_the_old_root_are_waited_for() -> None:
    nodes = [node("n1", root="old", issuer="new"), node("n2", root="old", issuer="old")]
    assert authority_left(swarm(rotating=True), nodes) == Pending("not yet: n2")
    assert authority_left(swarm(rotating=True), nodes[:1]) == Pending("the managers agree on the new root")


def test_nodes_that_are_down_are_named_and_not_waited_for() -> None:
    nodes = [node("n1", root="old", issuer="new"), node("n2", root="old", issuer="old", state="down")]
    assert authority_left(swarm(rotating=True), nodes) == "the swarm's old root is trusted until n2 is back or removed"


def test_it_is_done_when_every_node_trusts_the_new_root() -> None:
    done = [node("n1", root="new", issuer="new"), node("n2", root="new", issuer="new")]
    assert authority_left(swarm(rotating=False, root="new"), done) == ""
    late = [done[0], node("n2", root="old", issuer="new")]
    assert authority_left(swarm(rotating=False, root="new"), late) == Pending("not yet: n2")
