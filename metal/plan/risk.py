"""Which changes of a cluster take away something that its control plane holds, and so are worth a backup before."""

from __future__ import annotations

from metal.plan.quorum import Membership

__all__ = ["risks"]


def risks(old: Membership, new: Membership) -> tuple[str, ...]:
    """One line for each manager or Consul server that the change takes down for good; empty for a harmless one."""
    told = []
    for name, was in sorted(old.members.items()):
        if not (was.manager or was.consul_server):
            continue
        now = new.members.get(name)
        if now is None:
            told.append(f"{name} leaves")
        elif now.generation > was.generation:
            told.append(f"{name} is reinstalled")
        elif was.manager and not now.manager:
            told.append(f"{name} is no manager any more")
        elif was.consul_server and not now.consul_server:
            told.append(f"{name} is no Consul server any more")
    return tuple(told)
