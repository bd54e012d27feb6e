"""System boot options (IPMI 2.0 sections 28.12 to 28.14): the boot override as bytes. No I/O."""

from __future__ import annotations

from metal.bmc.protocol import BootDevice, BootTarget
from metal.bmc.quirks import Treatment
from metal.bmc.rmcp.frames import Request

__all__ = [
    "GET_BOOT_FLAGS",
    "GET_BOOT_FLAGS_BYTES",
    "decode_boot_flags",
    "encode_boot_flags",
    "preparations",
    "set_boot_flags",
]

_SET_OPTIONS = 0x08
_GET_OPTIONS = 0x09
_BOOT_FLAGS = 5
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_LOCKED = 0x80

GET_BOOT_FLAGS = Request(0x00, _GET_OPTIONS, bytes((_BOOT_FLAGS, 0, 0)))
GET_BOOT_FLAGS_BYTES = 7  # parameter version, parameter number, five bytes

_DEVICES = {
    BootTarget.PXE: 1,
    BootTarget.DISK: 2,
    BootTarget.SAFE: 3,
    BootTarget.DIAGNOSTICS: 4,
    BootTarget.OPTICAL: 5,
    BootTarget.SETUP: 6,
    BootTarget.USB: 15,
}
_TARGETS = {number: target for target, number in _DEVICES.items()} | {
    0: BootTarget.DEFAULT,
    7: BootTarget.REMOTE,
    8: BootTarget.REMOTE,
    9: BootTarget.REMOTE,
    11: BootTarget.REMOTE,
}


def preparations() -> tuple[tuple[str, Request], ...]:
    """What to write before the boot flags; a BMC may lack any of it.

    Set-in-progress back to 0: a writer that died half-way may have left it. Valid-bit clearing 0x08: else the BMC drops
    the flags 60 s after they were set if no chassis control came. Boot info acknowledge: firmware has not seen them.
    """
    return (
        ("set in progress", Request(0x00, _SET_OPTIONS, bytes((0, 0x00)))),
        ("valid bit clearing", Request(0x00, _SET_OPTIONS, bytes((3, 0x08)))),
        ("boot info acknowledge", Request(0x00, _SET_OPTIONS, bytes((4, 0x01, 0x01)))),
    )


def encode_boot_flags(device: BootDevice, treatment: Treatment) -> bytes:
    """The five bytes of parameter 5.

    :raises ValueError: a target that cannot be asked for.
    """
    if device.target is BootTarget.DEFAULT:
        return bytes(5)
    if device.target not in _DEVICES:
        raise ValueError(f"boot target {device.target} cannot be set; allowed: default, {', '.join(_DEVICES)}")
    flags = _VALID | (0 if device.once else _PERSISTENT) | (_EFI if device.efi else 0)
    selector = _DEVICES[device.target] << 2
    if device.target is BootTarget.DISK and device.efi and treatment.efi_disk:
        selector = treatment.efi_disk
    return bytes((flags, selector, 0, 0, 0))


def set_boot_flags(flags: bytes) -> Request:
    return Request(0x00, _SET_OPTIONS, bytes((_BOOT_FLAGS,)) + flags)


def decode_boot_flags(data: bytes, treatment: Treatment) -> BootDevice:
    """The override in the data of Get System Boot Options.

    :param data: parameter version, parameter number (bit 7: invalid or locked), five bytes of flags.
    :raises ValueError: another parameter, or a device number that the book reserves.
    """
    if data[1] & 0x7F != _BOOT_FLAGS:
        raise ValueError(f"answer holds boot option {data[1] & 0x7F}, not {_BOOT_FLAGS}")
    flags, selector = data[2], data[3] & 0x3C
    if data[1] & _LOCKED or not flags & _VALID:
        return BootDevice(BootTarget.DEFAULT)
    once, efi = not flags & _PERSISTENT, bool(flags & _EFI)
    if efi and treatment.efi_disk and selector == treatment.efi_disk:
        return BootDevice(BootTarget.DISK, once, efi)
    target = _TARGETS.get(selector >> 2)
    if target is None:
        raise ValueError(f"boot device number {selector >> 2} is reserved")
    return BootDevice(target) if target is BootTarget.DEFAULT else BootDevice(target, once, efi)
