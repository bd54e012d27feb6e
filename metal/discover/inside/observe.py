"""One host asked over SSH where its own BMC is. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from metal.bmc.ipmi.channel import get_access, get_medium, is_lan, is_open
from metal.bmc.ipmi.device import GET_DEVICE_ID, GET_DEVICE_ID_BYTES, decode_device_id
from metal.bmc.ipmi.guid import GET_SYSTEM_GUID, spell_guid
from metal.bmc.ipmi.lan import (
    decode_address,
    decode_address6,
    decode_mac,
    decode_source,
    decode_vlan,
    get_address,
    get_address6,
    get_mac,
    get_source,
    get_vlan,
)
from metal.bmc.rmcp.frames import Reply, Request
from metal.discover.inside.ask import ask, look_around
from metal.discover.inside.sight import InsideSight, Lan, OwnBmc, Surroundings
from metal.doctor.sight import Trouble
from metal.errors import HostError, SettingsError
from metal.host.facts import observe_facts
from metal.host.ssh import Ssh
from metal.site import Site
from metal.waiting import LOOK_SECONDS

__all__ = ["FIRST", "about_lan", "ask_bmc", "observe_inside"]

# 0 is the bus inside the machine, 0xC and above stand for others (IPMI 2.0 table 6-1).
_CHANNELS = range(1, 0x0C)

FIRST = (GET_DEVICE_ID, GET_SYSTEM_GUID, *(get_medium(channel) for channel in _CHANNELS))
"""What is asked of every BMC."""

# A BMC may have more IPv6 addresses; the first of each kind, and the one after a link-local one.
_NUMBERS6 = (0, 1)


def observe_inside(site: Site, host: str, *, timeout: float = LOOK_SECONDS) -> InsideSight:
    """Look at a host without raising for what is wrong with it.

    :param timeout: seconds that a silent host is given.
    :raises Cancelled: the run was cancelled.
    """
    try:
        ssh = site.ssh.connect(site.access(host), deadline=site.run.deadline(timeout), auth_grace=0)
        around = look_around(ssh)
        if not around.root:
            return InsideSight(around)
        facts = observe_facts(ssh)
        bmc, silence = ask_bmc(ssh, around)
    except (HostError, SettingsError) as error:
        return InsideSight(trouble=Trouble.of(error))
    return InsideSight(around, _serial(facts.serial or ""), _uuid(facts.uuid or ""), bmc, silence)


def _serial(text: str) -> str:
    return text if text.isprintable() else ""


def _uuid(text: str) -> str:
    """Empty for what is none: firmware may have anything in its place."""
    try:
        return str(UUID(text))
    except ValueError:
        return ""


def ask_bmc(ssh: Ssh, around: Surroundings) -> tuple[OwnBmc | None, str]:
    """The BMC by its own word; None with the reason.

    :raises HostError: the host could not be asked.
    """
    if not around.tool:
        return None, ""
    replies, silence = ask(ssh, around.tool, FIRST)
    device = _data(replies, GET_DEVICE_ID)
    if len(device) < GET_DEVICE_ID_BYTES:
        return None, silence or "the BMC does not tell its device id"
    lans = [channel for channel in _CHANNELS if is_lan(_data(replies, get_medium(channel)))]
    if lans:
        more, silence = ask(ssh, around.tool, [request for channel in lans for request in about_lan(channel)])
        replies = {**replies, **more}
    if silence:
        return None, silence
    seen = decode_device_id(device)
    guid = _data(replies, GET_SYSTEM_GUID)[:16]
    return OwnBmc(
        manufacturer=seen.manufacturer,
        firmware=seen.firmware,
        guid=guid if spell_guid(guid) else b"",
        lans=tuple(_lan(channel, replies) for channel in lans),
    ), ""


def about_lan(channel: int) -> tuple[Request, ...]:
    """What is asked about one LAN channel."""
    return (
        get_address(channel),
        get_source(channel),
        get_mac(channel),
        get_vlan(channel),
        get_access(channel),
        *_six(channel),
    )


def _six(channel: int) -> tuple[Request, ...]:
    return tuple(get_address6(channel, number, dynamic=dynamic) for dynamic in (False, True) for number in _NUMBERS6)


def _lan(channel: int, replies: Mapping[Request, Reply]) -> Lan:
    six = (decode_address6(_data(replies, request)) for request in _six(channel))
    return Lan(
        channel,
        address=decode_address(_data(replies, get_address(channel))),
        source=decode_source(_data(replies, get_source(channel))),
        mac=decode_mac(_data(replies, get_mac(channel))),
        vlan=decode_vlan(_data(replies, get_vlan(channel))),
        addresses6=tuple(dict.fromkeys(found for found in six if found[0])),
        is_open=is_open(_data(replies, get_access(channel))),
    )


def _data(replies: Mapping[Request, Reply], request: Request) -> bytes:
    """Empty where it was refused, or not put."""
    reply = replies.get(request)
    return reply.data if reply is not None and reply.code == 0 else b""
