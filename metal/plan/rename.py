"""Hosts that go on under another name: what a plan compares, and who may be renamed as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from metal.plan.quorum import Membership, Refusal, Rule
from metal.plan.verdict import Refuse

__all__ = ["refuse_renamed_move", "rename_refusals", "renamed_in", "under_new_names"]


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


def refuse_renamed_move(olds: Mapping[str, Any], news: Mapping[str, Any]) -> Refuse | None:
    """Refuse a new life or another home together with another name: the old life would end as that of a host that left.

    :param olds: the first link's inputs of the last run; empty for a host that was in no pool.
    :param news: its inputs now.
    """
    if not olds or olds["host"] == news["host"]:
        return None
    if (olds["life"], olds["home"]) == (news["life"], news["home"]):
        return None
    return Refuse(
        f"{olds['host']} becomes {news['host']} and is moved or reinstalled in the same update",
        "rename it in an update of its own, before or after",
    )


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
