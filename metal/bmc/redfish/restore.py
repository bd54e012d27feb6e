"""Power restore policy (DSP0268, `PowerRestorePolicy` of a ComputerSystem): read, set, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from metal.bmc.failure import failure
from metal.bmc.redfish.link import RedfishLink
from metal.bmc.redfish.messages import describe
from metal.bmc.redfish.patch import PASSING, patch
from metal.errors import BmcError, BmcFault
from metal.settings.fleet import PowerRestore
from metal.waiting import Pending, wait_until

__all__ = ["POLICY", "decode_policy", "read_restore", "set_restore"]

POLICY = "PowerRestorePolicy"

_WORDS = {PowerRestore.OFF: "AlwaysOff", PowerRestore.PREVIOUS: "LastState", PowerRestore.ON: "AlwaysOn"}
_POLICIES = {word: policy for policy, word in _WORDS.items()}
_ALLOWABLE = f"{POLICY}@Redfish.AllowableValues"
_ATTEMPTS = 3
_SHOWS_WITHIN = 3.0  # seconds for an accepted policy to be shown
_POLL = 0.5
_CURE = "set power_restore of this host to a policy that it knows, or take it out and set it in its firmware"


class _Policy(Protocol):
    def read_policy(self) -> tuple[Mapping[str, Any], str, str]:
        """The resource that takes a change of the policy, its path, and its ETag."""


def decode_policy(resource: Mapping[str, Any]) -> PowerRestore | None:
    """The policy that a resource shows; None for a word that the standard does not have."""
    return _POLICIES.get(str(resource.get(POLICY)))


def read_restore(bmc: _Policy, link: RedfishLink) -> PowerRestore | None:
    """The policy now; None where the BMC's word for it is unknown.

    :raises BmcError: COMMAND: it has none.
    """
    resource, path, _ = bmc.read_policy()
    if resource.get(POLICY) is None:
        raise failure(
            link.address,
            BmcFault.COMMAND,
            "has no power restore policy that can be set over redfish",
            tried=[f"read {path}"],
            seen=f"no {POLICY}",
            next_step="take power_restore out of the settings of this host, and set it in its firmware",
        )
    return decode_policy(resource)


def set_restore(bmc: _Policy, link: RedfishLink, policy: PowerRestore) -> None:
    """Set it; BMCs that show it a moment later are given one, and told again.

    :raises BmcError: COMMAND: it has none, refuses, or does not know this one; NOT_APPLIED: it shows another one.
    """
    tried: list[str] = []
    seen, answer = read_restore(bmc, link), None
    for _ in range(_ATTEMPTS):
        if seen is policy:
            return
        answer = patch(link, "power restore policy", lambda: _written(bmc, link, policy), tried)
        seen = _read_back(bmc, link, policy, patient=answer.ok)
        tried.append(f"power restore policy {policy}: {describe(answer)}, read back {seen or 'unknown'}")
        if not answer.ok and answer.status not in PASSING:
            break
    if seen is policy:
        return
    if answer is not None and not answer.ok:
        raise _refused(link, policy, describe(answer), tried, answer.status)
    raise failure(
        link.address,
        BmcFault.NOT_APPLIED,
        f"power restore policy is not {policy}",
        tried=tried,
        seen=f"power restore policy {seen or 'unknown'}",
        next_step="update the BMC's firmware, or take power_restore out of this host's settings and set it by hand",
    )


def _written(bmc: _Policy, link: RedfishLink, policy: PowerRestore) -> tuple[Mapping[str, Any], str, str]:
    resource, path, tag = bmc.read_policy()
    offered = resource.get(_ALLOWABLE)
    if offered and _WORDS[policy] not in offered:
        known = ", ".join(_POLICIES.get(str(word), str(word)) for word in offered)
        raise _refused(link, policy, f"it knows {known}")
    return {POLICY: _WORDS[policy]}, path, tag


def _refused(
    link: RedfishLink, policy: PowerRestore, seen: str, tried: list[str] | None = None, code: int | None = None
) -> BmcError:
    what = f"refuses the power restore policy {policy}"
    return failure(link.address, BmcFault.COMMAND, what, tried=tried or (), seen=seen, code=code, next_step=_CURE)


def _read_back(bmc: _Policy, link: RedfishLink, policy: PowerRestore, *, patient: bool) -> PowerRestore | None:
    last: list[PowerRestore | None] = []

    def probe() -> bool | Pending:
        last[:] = [read_restore(bmc, link)]
        return True if last[0] is policy or not patient else Pending(f"power restore policy {last[0] or 'unknown'}")

    with suppress(_NotYetError):
        wait_until(
            f"power restore policy is {policy}",
            probe,
            deadline=link.deadline.within(_SHOWS_WITHIN),
            fail=lambda late, seen: _NotYetError(late, fault=BmcFault.NOT_APPLIED, seen=seen),
            interval=_POLL,
            host=link.address.host,
        )
    return last[0]


class _NotYetError(BmcError):
    """An accepted policy is not shown yet."""
