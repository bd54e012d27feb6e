"""What a BMC shows after a change that it has accepted; many show it a moment later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from metal.bmc.redfish.link import RedfishLink
from metal.errors import BmcError, BmcFault
from metal.waiting import Pending, wait_until

__all__ = ["read_back"]

T = TypeVar("T")

_SHOWS_WITHIN = 3.0  # seconds for an accepted change to be shown
_POLL = 0.5


def read_back(
    link: RedfishLink, name: str, wanted: object, look: Callable[[], T], fits: Callable[[T], bool], *, patient: bool
) -> T:
    """What is shown: what fits, or what is still shown when the time for it is over.

    :param name: of what was changed, in field terms.
    :param patient: without, the first look counts.
    """
    last: list[T] = []

    def probe() -> T | Pending:
        last[:] = [look()]
        return last[0] if fits(last[0]) or not patient else Pending(f"{name} {last[0]}")

    try:
        return wait_until(
            f"{name} is {wanted}",
            probe,
            deadline=link.deadline.within(_SHOWS_WITHIN),
            fail=lambda late, seen: _NotYetError(late, fault=BmcFault.NOT_APPLIED, seen=seen),
            interval=_POLL,
            host=link.address.host,
        )
    except _NotYetError:
        return last[0]


class _NotYetError(BmcError):
    """An accepted change is not shown yet."""
