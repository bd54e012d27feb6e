"""Waits until a drained node is empty."""

from __future__ import annotations

from metal.cluster.docker.api import DockerApi, EngineSilent, EngineUnready
from metal.errors import ClusterError
from metal.waiting import Deadline, Pending, wait_until

__all__ = ["TasksLeft", "await_empty"]

# A task in one of these holds nothing on its node any more.
# Source: swarmkit, design/task_model.md; API reference, TaskState.
_FINISHED = frozenset({"complete", "failed", "shutdown", "rejected", "orphaned", "remove"})


class TasksLeft(ClusterError):
    """A drained node still had tasks at the deadline."""


def await_empty(manager: DockerApi, node: str, *, deadline: Deadline, host: str) -> None:
    """Wait until no task of any service holds anything on a node.

    :param manager: API of a manager of the swarm.
    :raises TasksLeft: not in time; names the services.
    """
    names: dict[str, str] = {}

    def probe() -> bool | Pending:
        left = [task for task in manager.tasks(node) if task["Status"]["State"] not in _FINISHED]
        if not left:
            return True
        shown = []
        for task in left:
            service = str(task.get("ServiceID", ""))
            if service and service not in names:
                names[service] = manager.service_name(service)
            shown.append(f"{names.get(service, task['ID'])} ({task['Status']['State']})")
        return Pending(f"{len(left)} tasks: " + ", ".join(sorted(shown)[:10]))

    wait_until(
        "no task runs here any more",
        probe,
        deadline=deadline,
        fail=lambda what, seen: TasksLeft(
            f"not so within {deadline.seconds:.0f} s: {what}",
            tried=["set the node's availability to drain"],
            seen=seen,
            next_step="give these services another node they may run on, or remove them; then run again",
        ),
        host=host,
        passing=(EngineSilent, EngineUnready),
    )
