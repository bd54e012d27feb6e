"""The boot override of a ComputerSystem (DSP0268, `Boot`): what to write for a wanted one, what a read one means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metal.bmc.protocol import BootDevice, BootTarget
from metal.bmc.quirks import BootMode, Treatment

__all__ = ["PLAIN_TARGETS", "Override", "decode_override", "encode_override", "fits", "refused_target"]

_TARGETS = {
    BootTarget.PXE: "Pxe",
    BootTarget.DISK: "Hdd",
    BootTarget.SAFE: "Utilities",
    BootTarget.DIAGNOSTICS: "Diags",
    BootTarget.OPTICAL: "Cd",
    BootTarget.SETUP: "BiosSetup",
    BootTarget.USB: "Usb",
}
PLAIN_TARGETS = frozenset(_TARGETS.values())
"""The words that are written for the targets that can be asked for."""

_MEANINGS = {word: target for target, word in _TARGETS.items()} | {
    "None": BootTarget.DEFAULT,
    "UsbCd": BootTarget.OPTICAL,
    "Floppy": BootTarget.USB,
    "UefiHttp": BootTarget.PXE,
    "UefiShell": BootTarget.SAFE,
    "RemoteDrive": BootTarget.REMOTE,
    "UefiTarget": BootTarget.REMOTE,
    "UefiBootNext": BootTarget.REMOTE,
    "SDCard": BootTarget.REMOTE,
    "Recovery": BootTarget.REMOTE,
}
_ALLOWABLE = "BootSourceOverrideTarget@Redfish.AllowableValues"
_ENABLED_ALLOWABLE = "BootSourceOverrideEnabled@Redfish.AllowableValues"
_MODE = "BootSourceOverrideMode"
_MODE_ALLOWABLE = "BootSourceOverrideMode@Redfish.AllowableValues"
_UEFI, _LEGACY = "UEFI", "Legacy"

Override = dict[str, str]


def refused_target(boot: Mapping[str, Any], override: Override) -> str | None:
    """Why this BMC will not take an override, by its own lists; None where nothing speaks against it."""
    for key, listed in (
        ("BootSourceOverrideTarget", _ALLOWABLE),
        ("BootSourceOverrideEnabled", _ENABLED_ALLOWABLE),
        (_MODE, _MODE_ALLOWABLE),
    ):
        offered, wanted = boot.get(listed), override.get(key)
        # What ends an override need not be listed as something to boot from.
        if isinstance(offered, list) and offered and wanted and wanted not in ("None", "Disabled", *map(str, offered)):
            return f"{key} {wanted} is not among {', '.join(map(str, offered))}"
    return None


def encode_override(device: BootDevice, boot: Mapping[str, Any], treatment: Treatment) -> Override:
    """The properties to write.

    :param boot: what the BMC shows now: the mode that stays, and whether it knows one at all.
    :raises ValueError: a target that cannot be asked for.
    """
    if device.target is BootTarget.DEFAULT:
        override = {
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideTarget": treatment.cleared_target,
        }
    elif device.target not in _TARGETS:
        raise ValueError(f"boot target {device.target} cannot be set; allowed: default, {', '.join(_TARGETS)}")
    else:
        word = _TARGETS[device.target]
        offered = boot.get(_ALLOWABLE)
        if device.target is BootTarget.OPTICAL and isinstance(offered, list) and treatment.optical in offered:
            word = treatment.optical
        override = {
            "BootSourceOverrideEnabled": "Once" if device.once else "Continuous",
            "BootSourceOverrideTarget": word,
        }
    asked = _asked_mode(device)
    if treatment.boot_mode is BootMode.SEND and boot.get(_MODE):
        override[_MODE] = asked or str(boot[_MODE])
    elif treatment.boot_mode is BootMode.WHEN_ASKED and asked:
        override[_MODE] = asked
    return override


def decode_override(boot: Mapping[str, Any]) -> BootDevice:
    """The override that is set.

    :raises ValueError: a word that the standard does not have.
    """
    enabled, word = str(boot.get("BootSourceOverrideEnabled") or "Disabled"), boot.get("BootSourceOverrideTarget")
    if enabled not in ("Disabled", "Once", "Continuous"):
        raise ValueError(f"BootSourceOverrideEnabled is {enabled!r}")
    if enabled == "Disabled" or word in (None, "None"):
        return BootDevice(BootTarget.DEFAULT)
    target = _MEANINGS.get(str(word))
    if target is None:
        raise ValueError(f"BootSourceOverrideTarget is {word!r}")
    return BootDevice(target, once=enabled == "Once", efi=boot[_MODE] == _UEFI if boot.get(_MODE) else None)


def fits(seen: BootDevice, wanted: BootDevice) -> bool:
    """Whether what was read back is what was wanted. A mode that was not asked for may be any: it stays as it was."""
    if wanted.target is BootTarget.DEFAULT:
        return seen.target is BootTarget.DEFAULT
    return (seen.target, seen.once) == (wanted.target, wanted.once) and wanted.efi in (None, seen.efi)


def _asked_mode(device: BootDevice) -> str | None:
    """The mode to ask for; None where any will do, and where nothing is overridden."""
    if device.target is BootTarget.DEFAULT or device.efi is None:
        return None
    return _UEFI if device.efi else _LEGACY
