"""The boot override in the BMC's own words, kept and written back as it was; a target of ours stands for several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from metal.bmc.failure import failure
from metal.bmc.quirks import BootMode, Treatment
from metal.bmc.redfish.boot import PLAIN_TARGETS, Override, refused_target
from metal.bmc.redfish.link import RedfishLink
from metal.bmc.redfish.messages import describe
from metal.bmc.redfish.patch import patch
from metal.bmc.redfish.read_back import read_back
from metal.errors import BmcFault

__all__ = ["Overtaken", "Standing", "put_back", "why_not_kept"]

_ALLOWABLE = "BootSourceOverrideTarget@Redfish.AllowableValues"
# What these boot is named by another property, which a BMC may drop with them (DSP0268, `Boot`).
_COMPANIONS = {
    "UefiTarget": "UefiTargetBootSourceOverride",
    "UefiBootNext": "BootNext",
    "UefiHttp": "HttpBootUri",
}


@dataclass(frozen=True)
class Standing:
    """What `Boot` shows; each as the BMC spells it, empty where it shows none."""

    enabled: str
    target: str
    mode: str

    @classmethod
    def of(cls, boot: Mapping[str, Any]) -> Standing:
        def word(key: str) -> str:
            return str(boot.get(f"BootSourceOverride{key}") or "")

        return cls(word("Enabled") or "Disabled", word("Target") or "None", word("Mode"))

    @property
    def in_force(self) -> bool:
        return self.enabled != "Disabled" and self.target != "None"

    def __str__(self) -> str:
        """In the BMC's words, but for a target that is not in force."""
        override = f"{self.enabled} {self.target}" if self.in_force else "no override"
        return f"{override}, mode {self.mode}" if self.mode else override

    def same(self, other: Standing) -> bool:
        """Whether the next boots are the same; a target that is not in force may be any."""
        if self.in_force or other.in_force:
            return self == other
        return self.mode == other.mode


class Overtaken(Exception):
    """What stands is neither what was kept nor what was set after it: somebody else's; it is left alone."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(str(standing))
        self.standing = standing


class _Boot(Protocol):
    def read_boot(self) -> tuple[dict[str, Any], str, str]: ...


def why_not_kept(boot: Mapping[str, Any]) -> str:
    """Why the override that stands could not be written back as it is; empty where it can be."""
    standing = Standing.of(boot)
    if not standing.in_force:
        return ""
    if companion := _COMPANIONS.get(standing.target):
        return f"{standing} stands, whose {companion} might not come back with it"
    offered = boot.get(_ALLOWABLE)
    if standing.target not in PLAIN_TARGETS and not (isinstance(offered, list) and standing.target in offered):
        return f"{standing} stands, which the BMC does not say that it takes"
    if reason := refused_target(boot, _override(standing.enabled, standing.target, "")):
        return f"{standing} stands, which could not be put back: {reason}"
    return ""


def put_back(
    bmc: _Boot, link: RedfishLink, before: Standing, ours: Standing, treatment: Treatment, *, refused: bool
) -> Standing:
    """Write what was kept, and have what stands then, which is something else where the BMC takes no such words.

    :param ours: what was set after it.
    :param refused: the BMC refused that one: nothing is written where what was kept stands.
    :raises Overtaken: something else stands; nothing was written.
    :raises BmcError: what a request raises; COMMAND: the BMC refuses it in each way.
    """
    tried: list[str] = []

    def own(boot: Mapping[str, Any]) -> Standing:
        now = Standing.of(boot)
        # Whatever its mode: there are BMCs that drop it.
        if now.in_force and all((now.enabled, now.target) != (one.enabled, one.target) for one in (before, ours)):
            raise Overtaken(now)
        return now

    def look() -> Standing:
        return Standing.of(bmc.read_boot()[0])

    now, status = own(bmc.read_boot()[0]), None
    if refused and now.same(before):
        return now
    for body in _ways(before, now, treatment):

        def write(body: Override = body) -> tuple[Mapping[str, Any], str, str]:
            boot, path, tag = bmc.read_boot()
            own(boot)
            return {"Boot": body}, path, tag

        answer = patch(link, "boot override", write, tried)
        tried.append(f"boot override {', '.join(body.values())}: {describe(answer)}")
        now = read_back(link, "boot override", before, look, before.same, patient=answer.ok)
        if now.same(before):
            return now
        status = None if answer.ok else answer.status
    if status is not None:
        raise failure(
            link.address,
            BmcFault.COMMAND,
            "refuses the boot override that it had before",
            tried=tried,
            seen=str(now),
            code=status,
        )
    return now


def _ways(before: Standing, now: Standing, treatment: Treatment) -> Iterator[Override]:
    """What to write, one after the other, until what was kept stands again.

    The mode goes along at once only where it has to change: some BMCs refuse to be told of it, some want it always.
    """
    enabled, target = before.enabled, before.target
    if not before.in_force:
        enabled, target = "Disabled", treatment.cleared_target
    without, along = _override(enabled, target, ""), _override(enabled, target, before.mode)
    if not before.mode or treatment.boot_mode is BootMode.OMIT:
        yield without
    elif now.mode != before.mode or treatment.boot_mode is BootMode.SEND:
        yield from (along, without)
    else:
        yield from (without, along)


def _override(enabled: str, target: str, mode: str) -> Override:
    override = {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideTarget": target}
    return override | ({"BootSourceOverrideMode": mode} if mode else {})
