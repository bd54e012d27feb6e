"""Former names of hosts: `was` in the inventory."""

from __future__ import annotations

from collections.abc import Mapping

from metal.settings.fleet import HostFacts
from metal.settings.problems import Problems

__all__ = ["check_former_names"]


def check_former_names(facts: Mapping[str, HostFacts], files: Mapping[str, str], problems: Problems) -> None:
    """Add what is wrong with a former name: it must be free now, and one host's only.

    :param facts: the sound hosts by name.
    :param files: the inventory file of every host, sound or not.
    """
    heirs: dict[str, str] = {}
    for name, host in facts.items():
        if host.was is None:
            continue
        heir = heirs.setdefault(host.was, name)
        if host.was in files:
            problems.add(
                ("hosts", name, "was"),
                "is the name of a host of its own",
                "a name that the inventory no longer has; names are exchanged over a third one, in two updates",
                value=host.was,
                file=files[name],
            )
        elif heir != name:
            problems.add(
                ("hosts", name, "was"), f"is also what {heir} was", "one heir", value=host.was, file=files[name]
            )
