"""Power restore policy (IPMI 2.0 sections 28.2 and 28.8): read from the chassis status, set, and read back."""

from __future__ import annotations

from metal.bmc.failure import failure
from metal.bmc.ipmi.chassis import GET_CHASSIS_STATUS
from metal.bmc.ipmi.completion import NO_COMMAND, describe, require
from metal.bmc.ipmi.link import IpmiLink
from metal.bmc.rmcp.frames import Request
from metal.errors import BmcFault
from metal.settings.fleet import PowerRestore

__all__ = ["decode_restore", "decode_supported", "read_restore", "set_restore", "set_restore_request"]

_SET_POLICY = 0x06
# As they are set, and as bits 6:5 of the chassis status show them.
_NUMBERS = {PowerRestore.OFF: 0, PowerRestore.PREVIOUS: 1, PowerRestore.ON: 2}
_POLICIES = {number: policy for policy, number in _NUMBERS.items()}
_ATTEMPTS = 3
_SETTLE = 1.0


def decode_restore(data: bytes) -> PowerRestore | None:
    """The policy in the data of Get Chassis Status; None where the BMC calls it unknown."""
    return _POLICIES.get(data[0] >> 5 & 0x03)


def set_restore_request(policy: PowerRestore) -> Request:
    return Request(0x00, _SET_POLICY, bytes((_NUMBERS[policy],)))


def decode_supported(data: bytes) -> tuple[PowerRestore, ...]:
    """The policies that a BMC knows, from the answer to a set."""
    return tuple(policy for policy, number in _NUMBERS.items() if data[0] >> number & 1)


def read_restore(link: IpmiLink) -> PowerRestore | None:
    """The policy now.

    :raises BmcError: what a command raises.
    """
    what = "Get Chassis Status"
    return decode_restore(require(link.address, what, link.request(GET_CHASSIS_STATUS, what), 1))


def set_restore(link: IpmiLink, policy: PowerRestore) -> None:
    """Set it; BMCs that show it a moment later are given one, and told again.

    :raises BmcError: COMMAND: it has none, refuses, or does not know this one; NOT_APPLIED: it shows another one.
    """
    what = "Set Power Restore Policy"
    tried: list[str] = []
    seen = None
    for _ in range(_ATTEMPTS):
        reply = link.request(set_restore_request(policy), what)
        supported = decode_supported(reply.data) if reply.data and not reply.code else ()
        if reply.code in NO_COMMAND:
            raise failure(
                link.address,
                BmcFault.COMMAND,
                "has no power restore policy that can be set over ipmi",
                tried=[*tried, what],
                seen=describe(reply.code),
                code=reply.code,
                next_step="take power_restore out of the settings of this host, and set it in its firmware; or reach "
                "its BMC with protocol: redfish, if it speaks that",
            )
        if reply.code or (supported and policy not in supported):
            known = f"; it knows {', '.join(supported)}" if supported else ""
            raise failure(
                link.address,
                BmcFault.COMMAND,
                f"refuses the power restore policy {policy}",
                tried=[*tried, what],
                seen=f"{describe(reply.code)}{known}",
                code=reply.code or None,
                next_step="set power_restore of this host to a policy that it knows, or take it out and set it in its "
                "firmware",
            )
        seen = read_restore(link)
        if seen is policy:
            return
        tried.append(f"{what} {policy}: accepted, read back {seen or 'unknown'}")
        link.deadline.run.pause(min(_SETTLE, max(0.0, link.deadline.remaining)), host=link.address.host)
    raise failure(
        link.address,
        BmcFault.NOT_APPLIED,
        f"power restore policy is not {policy}",
        tried=tried,
        seen=f"power restore policy {seen or 'unknown'}",
        next_step="set it by hand to see what the BMC accepts (ipmitool chassis policy list), update its firmware, or "
        "take power_restore out of the settings of this host",
    )
