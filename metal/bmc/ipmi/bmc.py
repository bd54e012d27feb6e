"""A BMC over IPMI: the `Bmc` protocol on one link."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from metal.bmc.failure import failure
from metal.bmc.ipmi import bootflags
from metal.bmc.ipmi.chassis import GET_CHASSIS_STATUS, ChassisControl, chassis_control, decode_power
from metal.bmc.ipmi.completion import describe, require
from metal.bmc.ipmi.device import GET_DEVICE_ID, GET_DEVICE_ID_BYTES, DeviceId, decode_device_id
from metal.bmc.ipmi.guid import spell_guid
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.ipmi.restore import read_restore, set_restore
from metal.bmc.power import Outcome, switch_cycle, switch_off, switch_on
from metal.bmc.protocol import BmcIdentity, BootDevice, BootTarget, Power
from metal.bmc.quirks import Device, Treatment, manufacturer_name, treatment_of
from metal.errors import BmcError, BmcFault
from metal.settings.fleet import PowerRestore

if TYPE_CHECKING:
    from pyghmi.ipmi.command import Command

__all__ = ["IpmiBmc"]

_BOOT_ATTEMPTS = 3
_PRIVILEGE = 0xD4


class IpmiBmc:
    """See :class:`metal.bmc.protocol.Bmc`. Made by the pool; used by one thread at a time.

    :param link: opened by :meth:`open`.
    """

    def __init__(self, link: IpmiLink) -> None:
        self._link = link
        self.address = link.address
        self._device: DeviceId | None = None

    def open(self) -> None:
        """Log in.

        :raises BmcError: see :meth:`IpmiLink.open`.
        """
        self._link.open()

    def power(self) -> Power:
        return self.read()

    def power_on(self) -> None:
        switch_on(self, self._link.deadline)

    def power_off(self, *, soft: float) -> None:
        switch_off(self, self._link.deadline, soft=soft)

    def power_cycle(self) -> None:
        switch_cycle(self, self._link.deadline)

    def read(self) -> Power:
        """Power now, as the power switch of this BMC."""
        what = "Get Chassis Status"
        return decode_power(require(self.address, what, self._link.request(GET_CHASSIS_STATUS, what), 1))

    def send(self, action: ChassisControl) -> Outcome:
        """Send one chassis control, as the power switch of this BMC.

        :raises BmcError: PRIVILEGE, UNREACHABLE, or what a login raises; never for a lost answer.
        """
        request = chassis_control(action)
        try:
            reply = self._link.request(request, str(action))
        except BmcError as error:
            if error.fault is BmcFault.TIMEOUT and not self._link.deadline.passed:
                return Outcome("no answer", None)
            raise
        if reply.code == _PRIVILEGE:
            require(self.address, str(action), reply)
        return Outcome("accepted" if reply.code == 0 else f"refused: {describe(reply.code)}", reply.code)

    def boot_device(self) -> BootDevice:
        what = "Get System Boot Options"
        reply = self._link.request(bootflags.GET_BOOT_FLAGS, what)
        data = require(self.address, what, reply, bootflags.GET_BOOT_FLAGS_BYTES)
        try:
            return bootflags.decode_boot_flags(data, self._treatment())
        except ValueError as error:
            raise failure(
                self.address, BmcFault.PROTOCOL, "boot flags make no sense", seen=f"{error}: {data.hex(' ')}"
            ) from None

    def set_boot_device(self, target: BootTarget, *, once: bool, efi: bool | None) -> None:
        # One bit says UEFI; without it the book means legacy, and there is no third word for "either".
        wanted = BootDevice(target) if target is BootTarget.DEFAULT else BootDevice(target, once, bool(efi))
        flags = bootflags.encode_boot_flags(wanted, self._treatment())
        tried: list[str] = []
        seen = wanted
        for _ in range(_BOOT_ATTEMPTS):
            for name, request in bootflags.preparations():
                reply = self._link.request(request, f"Set System Boot Options ({name})")
                if reply.code:  # optional parameters; what counts is read back below
                    tried.append(f"{name}: {describe(reply.code)}")
            what = "Set System Boot Options (boot flags)"
            require(self.address, what, self._link.request(bootflags.set_boot_flags(flags), what))
            seen = self.boot_device()
            if seen == wanted:
                return
            tried.append(f"boot flags {flags.hex(' ')}: accepted, read back {seen}")
        raise failure(
            self.address,
            BmcFault.NOT_APPLIED,
            f"boot device is not {wanted}",
            tried=tried,
            seen=f"boot device {seen}",
            next_step=_next_step(seen, wanted),
        )

    def power_restore(self) -> PowerRestore | None:
        return read_restore(self._link)

    def set_power_restore(self, policy: PowerRestore) -> None:
        set_restore(self._link, policy)

    def identity(self) -> BmcIdentity:
        device = self._device_id()
        return BmcIdentity(manufacturer_name(device.manufacturer), f"{device.product:#06x}", device.firmware)

    def guid(self) -> str:
        return spell_guid(self._link.guid)

    def command_set(self) -> Command:
        """pyghmi's command set on this BMC's session: sensors, inventory, users, network settings.

        Reading only; power and boot device go through the methods above, which confirm.
        """
        from metal.bmc.ipmi.command_set import SessionCommand  # pyghmi takes 0.2 s to import, and few callers want it

        return SessionCommand(self._link)

    def _device_id(self) -> DeviceId:
        if self._device is None:
            what = "Get Device ID"
            reply = self._link.request(GET_DEVICE_ID, what)
            self._device = decode_device_id(require(self.address, what, reply, GET_DEVICE_ID_BYTES))
        return self._device

    def _treatment(self) -> Treatment:
        device = self._device_id()
        return treatment_of(
            Device(enterprise=device.manufacturer, product=f"{device.product:#06x}", firmware=device.firmware)
        )

    def close(self) -> None:
        self._link.close()


def _next_step(seen: BootDevice, wanted: BootDevice) -> str:
    """What to do about flags that are not kept; where all but the mode is, it is about the mode."""
    if replace(seen, efi=wanted.efi) != wanted:
        return (
            "the machine's power was not touched. Set the boot device by hand to see what the BMC accepts "
            "(ipmitool chassis bootparam get 5), update its firmware, then run again"
        )
    if wanted.efi:
        return (
            "the machine's power was not touched. This BMC drops the UEFI flag: set the boot mode to UEFI in the "
            "machine's firmware and take boot_mode out for this host, or use protocol: redfish"
        )
    return (
        "the machine's power was not touched. This BMC shows UEFI all the same: where the machine is to boot by UEFI, "
        "set boot_mode: uefi for this host; else set the boot mode to legacy in its firmware, then run again"
    )
