"""Hosts that go on under another name: what a plan compares, and who may be renamed as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from metal.plan.quorum import Membership, Refusal, Rule

__all__ = ["rename_refusals", "renamed_in", "under_new_names"]


def renamed_in(old: Membership | None, new: Membership, was: Mapping[str, str]) -> dict[str, str]:
    """The renames that this change carries out, new name to old; one that was carried out earlier is none any more.

    :param was: former names by host.
    """
    if old is None:
        return {}
    return {
        name: former
        for name, former in sorted(was.items())
        if name in new.members and former in old.members and name not in old.members and former not in new.members
    }


def under_new_names(old: Membership | None, renamed: Mapping[str, str]) -> Membership | None:
    """The last run's membership with its hosts called as they are now."""
    if old is None or not renamed:
        return old
    heirs = {former: name for name, former in renamed.items()}
    return replace(old, members={heirs.get(name, name): member for name, member in old.members.items()})


def rename_refusals(old: Membership | None, renamed: Mapping[str, str]) -> tuple[Refusal, ...]:
    """A voter is known to the others of its group by its name; a worker may be renamed as it stands.

    :param old: under the new names.
    """
    if old is None:
        return ()
    return tuple(
        Refusal(
            Rule.IDENTITY,
            f"{former} becomes {name} and is a manager, Consul server or container manager, which the others know by "
            "name",
            "make it a plain worker first, rename it in an update of its own, and put it back",
        )
        for name, former in renamed.items()
        if old.members[name].manager or old.members[name].consul_server or old.members[name].container_manager
    )
