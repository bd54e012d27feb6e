"""The boot override written and read back; what counts is what the BMC shows afterwards, not what it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

from metal.bmc.failure import failure
from metal.bmc.protocol import BootDevice
from metal.bmc.quirks import Treatment
from metal.bmc.redfish.boot import encode_override, fits, refused_target
from metal.bmc.redfish.http import Answer
from metal.bmc.redfish.link import RedfishLink
from metal.bmc.redfish.messages import describe
from metal.bmc.redfish.patch import PASSING, patch
from metal.bmc.redfish.read_back import read_back
from metal.errors import BmcError, BmcFault

__all__ = ["set_override"]

_ATTEMPTS = 3


class _Boot(Protocol):
    def boot_device(self) -> BootDevice: ...

    def read_boot(self) -> tuple[dict[str, Any], str, str]: ...


def set_override(bmc: _Boot, link: RedfishLink, wanted: BootDevice, treatment: Treatment) -> None:
    """Have the override as wanted.

    :raises BmcError: NOT_APPLIED accepted and not kept; COMMAND refused, or not offered by this BMC.
    """
    tried: list[str] = []
    seen, answer = bmc.boot_device(), None
    for _ in range(_ATTEMPTS):
        if fits(seen, wanted):
            return
        answer = _write(bmc, link, wanted, treatment, tried)
        seen = read_back(
            link, "boot device", wanted, bmc.boot_device, lambda shown: fits(shown, wanted), patient=answer.ok
        )
        tried.append(f"boot override {wanted}: {describe(answer)}, read back {seen}")
        if not answer.ok and answer.status not in PASSING:
            break
    if fits(seen, wanted):
        return
    refused = answer is not None and not answer.ok
    raise failure(
        link.address,
        BmcFault.COMMAND if refused else BmcFault.NOT_APPLIED,
        f"{'refuses' if refused else 'does not keep'} boot device {wanted}",
        tried=tried,
        seen=f"boot device {seen}",
        code=answer.status if answer is not None else None,
        next_step=f"the machine's power was not touched. {_cure(seen, wanted)}",
    )


def _write(bmc: _Boot, link: RedfishLink, wanted: BootDevice, treatment: Treatment, tried: list[str]) -> Answer:
    def override() -> tuple[dict[str, Any], str, str]:
        boot, path, tag = bmc.read_boot()
        try:
            encoded = encode_override(wanted, boot, treatment)
        except ValueError as error:
            raise _not_offered(link, wanted, str(error)) from None
        if (reason := refused_target(boot, encoded)) is not None:
            raise _not_offered(link, wanted, reason)
        return {"Boot": encoded}, path, tag

    return patch(link, "boot override", override, tried)


def _cure(seen: BootDevice, wanted: BootDevice) -> str:
    by_hand = "set the boot mode in the machine's firmware and take boot_mode out for this host"
    if wanted.efi is not None and replace(seen, efi=wanted.efi) == wanted:
        return f"The boot is as asked for and its mode is not: {by_hand}"
    return (
        "Where the BMC names the mode field (BootSourceOverrideMode), "
        f"{'' if wanted.efi is None else f'{by_hand}, or '}"
        "its family wants another treatment (docs/quirks.md); else update its firmware, or use protocol: ipmi"
    )


def _not_offered(link: RedfishLink, wanted: BootDevice, reason: str) -> BmcError:
    return failure(
        link.address,
        BmcFault.COMMAND,
        f"does not offer boot device {wanted}",
        seen=reason,
        next_step="nothing was changed. Update the BMC's firmware, or use protocol: ipmi for this host",
    )
