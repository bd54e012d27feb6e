"""Every named host asked at once for its own BMC, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from metal.discover.discover import Discovery
from metal.discover.inside.judge import Outcome, State, judge, unclear
from metal.discover.inside.observe import observe_inside
from metal.discover.match import Known
from metal.doctor.examine import named
from metal.errors import Cancelled, SettingsError
from metal.settings.fleet import HostFacts
from metal.site import Site

__all__ = ["Inside", "look_inside"]

_AT_ONCE = 64


@dataclass(frozen=True)
class Inside:
    """What came of every host.

    :ivar outcomes: in the order of the hosts.
    :ivar known: the whole inventory.
    """

    outcomes: tuple[Outcome, ...]
    known: tuple[Known, ...] = field(default=(), repr=False)

    @property
    def found(self) -> Discovery:
        """The BMCs that were found, for :func:`metal.discover.write_down`."""
        return Discovery(tuple(each.match for each in self.outcomes if each.match), known=self.known)

    def left(self, moved: Sequence[str] = ()) -> tuple[Outcome, ...]:
        """Where something is left to a person.

        :param moved: hosts whose entries have got the address meanwhile.
        """
        return tuple(each for each in self.outcomes if each.asks and each.host not in moved)

    def to_dict(self, moved: Sequence[str] = ()) -> dict[str, Any]:
        return {
            "good": not self.left(moved),
            "hosts": [each.to_dict() | {"written": each.host in moved} for each in self.outcomes],
        }


def look_inside(site: Site, names: Sequence[str], known: Sequence[Known], *, port: int = 623) -> Inside:
    """Ask the named hosts; every host in a pool where none is named. A host on hold or lost is not dialled.

    Nothing is changed anywhere.

    :param known: the whole inventory.
    :param port: UDP port of IPMI, which no BMC tells.
    :raises SettingsError: a name that the inventory does not have.
    :raises Cancelled: the run was cancelled.
    """
    hosts = named(site, names)
    by_name: Mapping[str, Known] = {each.host: each for each in known}

    def one(facts: HostFacts) -> Outcome:
        if facts.hold or facts.lost:
            why = f"on hold: {facts.hold}" if facts.hold else "given up (lost: true)"
            return Outcome(facts.name, State.UNTOUCHED, why, asks=False)
        try:
            return judge(by_name[facts.name], observe_inside(site, facts.name), known, port=port)
        except (Cancelled, SettingsError):
            raise
        except Exception as error:  # whatever one host says is its own trouble, and none of the others'
            return unclear(facts.name, error)

    site.run.progress(f"asks {len(hosts)} hosts for their BMCs")
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="inside") as threads:
        return Inside(tuple(threads.map(one, hosts)), tuple(known))
