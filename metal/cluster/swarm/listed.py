"""Changes to a node in the managers' list, each carried to its visible end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metal.cluster.docker.api import DockerApi, EngineRefused, EngineSilent, EngineUnready
from metal.cluster.swarm.view import Node, View, observe_view
from metal.errors import ClusterError
from metal.plan.join import Role
from metal.plan.majority import may_remove
from metal.waiting import Deadline, Pending, wait_until

__all__ = [
    "ask_role",
    "await_node",
    "change",
    "demote",
    "prune",
    "remove",
    "rewrite",
    "set_availability",
    "set_labels",
]

# While a leader is elected every call is refused; that passes or ends at the deadline.
_PASSING = (EngineSilent, EngineUnready)


def set_labels(api: DockerApi, node: Node, labels: Mapping[str, str], *, deadline: Deadline, host: str) -> None:
    """Make the node's labels exactly `labels`."""
    change(api, node.id, {"Labels": dict(labels)}, deadline=deadline, host=host)


def set_availability(api: DockerApi, node: str, availability: str, *, deadline: Deadline, host: str) -> None:
    """:param availability: active, pause or drain."""
    change(api, node, {"Availability": availability}, deadline=deadline, host=host)


def ask_role(api: DockerApi, node: str, role: Role, *, deadline: Deadline, host: str) -> None:
    """Ask for a role; the node has it later."""
    change(api, node, {"Role": role.value}, deadline=deadline, host=host)


def demote(api: DockerApi, view: View, node: str, *, deadline: Deadline, host: str) -> None:
    """Take a manager, alive or dead, out of Raft; its own engine may need longer to learn of it.

    :param view: fresh; the quorum is checked against it once more.
    :raises ClusterError: the other managers would have no majority.
    """
    if not may_remove(view.managers, view.reachable, (node,)):
        raise ClusterError(
            "its demotion would cost the quorum",
            host=host,
            seen=f"{len(view.reachable)} of {len(view.managers)} managers reachable",
            next_step="bring another manager up first, then run again",
        )
    ask_role(api, node, Role.WORKER, deadline=deadline, host=host)
    await_node(
        api,
        node,
        "out of Raft",
        lambda found: "still takes part in Raft" if found.voter else None,
        deadline=deadline,
        host=host,
    )


def await_node(
    api: DockerApi,
    node: str,
    what: str,
    missing: Callable[[Node], str | None],
    *,
    deadline: Deadline,
    host: str,
    next_step: str = "look at `docker node ls` on a manager and at `journalctl -u docker` on the host",
) -> Node:
    """Wait until a node is listed and `missing` finds nothing missing.

    :param missing: what is not yet so, or None.
    """

    def probe() -> Node | Pending:
        found = observe_view(api).node(node)
        if found is None:
            return Pending(f"not listed by the manager {api.host}")
        lacks = missing(found)
        return Pending(lacks) if lacks else found

    return wait_until(
        what,
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(late, seen=f"{node}: {seen}", next_step=next_step),
        host=host,
        passing=_PASSING,
    )


def remove(api: DockerApi, node: str, *, deadline: Deadline, host: str) -> None:
    """Make the managers forget a node that is down or has left; succeeds when they already have."""
    if observe_view(api).node(node) is None:
        return

    def probe() -> bool | Pending:
        found = observe_view(api).node(node)
        if found is not None and found.voter:
            return Pending("still takes part in Raft")
        api.node_remove(node, force=True)
        return True

    wait_until(
        f"node {node} is forgotten",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step=f"run on a manager: docker node rm --force {node}",
        ),
        host=host,
        passing=_PASSING,
    )


def prune(api: DockerApi, node: str, *, left: bool = False, deadline: Deadline, host: str) -> None:
    """Remove a former life of a host: wait until it is down, take it out of Raft, make the managers forget it.

    :param left: its own engine has confirmed that it left; the managers need some seconds to notice.
    :raises ClusterError: it is not down in time, so another machine may live under this name.
    """
    if observe_view(api).node(node) is None:
        return
    found = await_node(
        api,
        node,
        f"former node {node} is down",
        lambda found: None if left or found.down else f"it is {found.state} at {found.address}",
        deadline=deadline,
        host=host,
        next_step=f"if another machine has the host name {host}, give it another one; names must be unique in a swarm",
    )
    # Wanted as manager without a vote, it can be removed and not demoted (swarmkit, manager/controlapi/node.go).
    if found.voter:
        demote(api, observe_view(api), node, deadline=deadline, host=host)
    remove(api, node, deadline=deadline, host=host)


def change(api: DockerApi, node: str, wanted: Mapping[str, Any], *, deadline: Deadline, host: str) -> None:
    """Change some fields of a node's spec; repeats when somebody else changed it in between."""

    def as_wanted(found: Node) -> bool:
        return all(
            found.spec.get(key) == value or (not value and not found.spec.get(key)) for key, value in wanted.items()
        )

    _write(
        api,
        node,
        wanted,
        f"node {node} takes {', '.join(wanted).lower()}",
        needless=as_wanted,
        deadline=deadline,
        host=host,
    )


def rewrite(api: DockerApi, node: str, *, deadline: Deadline, host: str) -> None:
    """Write a node's spec once more as it is: an entry in Raft's log that changes nothing."""
    _write(api, node, {}, "the swarm takes a write", needless=lambda found: False, deadline=deadline, host=host)


def _write(
    api: DockerApi,
    node: str,
    wanted: Mapping[str, Any],
    what: str,
    *,
    needless: Callable[[Node], bool],
    deadline: Deadline,
    host: str,
) -> None:
    def probe() -> bool | Pending:
        found = observe_view(api).node(node)
        if found is None:
            return Pending("not listed")
        if needless(found):
            return True
        try:
            api.node_update(node, found.version, {**found.spec, **wanted})
        except EngineRefused as error:
            if "out of sequence" in (error.seen or ""):
                return Pending("somebody else changed it")
            raise
        return True

    wait_until(
        what,
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="look at `docker node ls` on a manager",
        ),
        host=host,
        passing=_PASSING,
    )
