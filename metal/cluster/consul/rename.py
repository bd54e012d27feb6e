"""A member under another name: Consul knows agents by name, so the old one leaves and the new one is made."""

from __future__ import annotations

import json

from metal.cluster.consul import paths
from metal.cluster.consul.remove import remove_member
from metal.cluster.consul.wish import MemberWish
from metal.cluster.renamed import before_rename
from metal.site import Site

__all__ = ["leave_old_name"]


def leave_old_name(site: Site, old: MemberWish, new: MemberWish) -> None:
    """Have the host no member under its old name; nothing where its agent has the new one already.

    :param old: as of the last run, with the host's old name.
    :param new: as of now.
    :raises PlanRefused: it is the only server.
    """
    ssh = site.ssh.connect(new.access, deadline=site.run.deadline(site.fleet.deadlines.ssh))
    content = ssh.read(paths.CONFIG)
    if content is not None and json.loads(content).get("node_name") == new.host:
        return
    site.run.progress(f"{new.host}: leaves Consul as {old.host}")
    remove_member(before_rename(site, new.cluster, new.host), old, dissolving=False)
