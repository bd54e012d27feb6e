"""Changes the role of a node whose host answers, seen from both sides."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.cluster.swarm.listed import ask_role
from metal.cluster.swarm.own import OwnEngine
from metal.cluster.swarm.view import observe_view
from metal.errors import ClusterError
from metal.plan.join import ERROR_LASTS, Role
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["change_role"]


def change_role(own: OwnEngine, manager: DockerApi, node: str, role: Role, *, deadline: Deadline) -> bool:
    """Ask for a role, and wait until the managers' list and the node's own certificate both say it.

    An engine keeps the one address that it joined through until it is restarted, and goes there whenever its manager
    part starts. When that address is no manager any more, a promotion ends in error, and so does a demotion whose
    worker certificate takes longer than half a minute. The engine then goes on asking that address only.

    :param manager: API of another manager.
    :returns: False when the engine fell into error and stays there; only leaving and joining anew helps then.
    :raises ClusterError: not in time.
    Source: swarmkit, node/node.go (runManager, superviseManager); moby, daemon/cluster/noderunner.go.
    """
    host = own.ssh.access.host
    ask_role(manager, node, role, deadline=deadline, host=host)

    def probe() -> bool | Pending:
        local = own.look()
        if own.error_seconds >= ERROR_LASTS:
            return False
        found = observe_view(manager).node(node)
        if found is None:
            return Pending(f"not listed by the manager {manager.host}")
        if role is Role.WORKER and found.voter:
            return Pending("still takes part in Raft")
        if role is Role.MANAGER and not found.reachable:
            return Pending(" ".join(filter(None, ("not yet reachable as a manager", local.error))))
        if local.role is not role:
            return Pending(" ".join(filter(None, ("its engine has another role still:", local.state, local.error))))
        return True

    return wait_until(
        f"{role} for the managers and for its own engine",
        probe,
        deadline=deadline,
        fail=lambda late, seen: ClusterError(
            late,
            seen=seen,
            next_step="look at `docker node ls` on a manager and at `journalctl -u docker` on the host, then run again",
        ),
        host=host,
        passing=(EngineSilent, EngineUnready),
    )
