"""Which of a BMC's systems is the host's: by its Id where the settings name one, else by serial or UUID."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metal.bmc.failure import failure
from metal.bmc.quirks import Device, treatment_of
from metal.bmc.redfish.link import RedfishLink
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress

__all__ = ["device_of", "find_system", "link_to", "member_paths", "same_uuid", "systems_of"]

_MOST_PAGES = 20
# In URLs; what is beyond would be a query, a fragment, another server's name, or no URL at all.
_PLAIN = re.compile(r"/(?!/)[!-~]*")
_MARKS = frozenset('#?\\"<>')


@dataclass(frozen=True)
class _Member:
    path: str
    serial: str = ""
    uuid: str = ""

    @property
    def id(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        known = [f"{what} {value}" for what, value in (("serial", self.serial), ("uuid", self.uuid)) if value]
        return self.id + (f" ({', '.join(known)})" if known else "")


def find_system(link: RedfishLink, root: Mapping[str, Any]) -> str:
    """Path of the system that belongs to the host.

    :param root: the service root.
    :raises BmcError: PROTOCOL with the list of systems: none or several could be meant; or the BMC's own refusal.
    """
    members = [_Member(path) for path in member_paths(link, systems_of(root))]
    address = link.address
    if address.system:
        # By its path where several have one Id.
        wanted = address.system.rstrip("/").lower()
        fitting = [each for each in members if wanted in (each.id.lower(), each.path.rstrip("/").lower())]
    elif len(members) == 1:
        fitting = members
    else:
        members = [_look_at(link, root, member) for member in members]
        fitting = [member for member in members if _belongs(member, address)]
    if len(fitting) != 1:
        raise _unclear(address, members)
    return fitting[0].path


def link_to(resource: Mapping[str, Any], *keys: str) -> str:
    """The path that a resource names under its keys; empty where it names none, one on another server, or no path."""
    value: Any = resource
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, list):
        value = value[0] if value else None
    path = value.get("@odata.id") if isinstance(value, dict) else None
    return path if isinstance(path, str) and _PLAIN.fullmatch(path) and not _MARKS & set(path) else ""


def same_uuid(one: str, other: str) -> bool:
    """Whether two UUIDs are one, be it that one of them is written with its first three fields turned round."""
    try:
        first, second = uuid.UUID(one), uuid.UUID(other)
    except ValueError:
        return False
    return first in (second, uuid.UUID(bytes=second.bytes_le))


def device_of(root: Mapping[str, Any], system: Mapping[str, Any]) -> Device:
    """How a BMC shows itself, for the table of quirks; without its firmware, which takes a question more.

    :param system: empty before it is known.
    """
    oem = root.get("Oem")
    makers = [system.get("Manufacturer"), root.get("Vendor"), *(oem if isinstance(oem, dict) else ())]
    return Device(maker=_words(makers), product=_words([system.get("Model"), root.get("Product")]))


def _words(values: Sequence[Any]) -> str:
    return " ".join(str(value) for value in values if value)


def systems_of(root: Mapping[str, Any]) -> str:
    """Path of a service's collection of systems."""
    return link_to(root, "Systems") or "/redfish/v1/Systems"


def member_paths(link: RedfishLink, collection: str) -> Iterator[str]:
    """Paths of what a collection holds, over all its pages.

    :raises BmcError: the BMC does not give it.
    """
    for _ in range(_MOST_PAGES):
        page = link.get(collection).json()
        members = page.get("Members")
        for member in members if isinstance(members, list) else ():
            if path := link_to({"member": member}, "member"):
                yield path
        following = page.get("Members@odata.nextLink")
        if not isinstance(following, str) or not _PLAIN.fullmatch(following):  # a query is usual here
            return
        collection = following


def _look_at(link: RedfishLink, root: Mapping[str, Any], member: _Member) -> _Member:
    system = link.get(member.path).json()
    serial = system.get(treatment_of(device_of(root, system)).serial)
    return _Member(member.path, str(serial or ""), str(system.get("UUID") or "").lower())


def _belongs(member: _Member, address: BmcAddress) -> bool:
    by_uuid = bool(address.uuid and member.uuid) and same_uuid(address.uuid, member.uuid)
    return by_uuid or bool(address.serial and member.serial.lower() == address.serial.lower())


def _unclear(address: BmcAddress, members: Sequence[_Member]) -> BmcError:
    listed = ", ".join(map(str, members)) or "none"
    if address.system:
        what = f"has no system {address.system}"
    elif not members:
        what = "has no system"
    else:
        what = f"has {len(members)} systems, and which one is this host's does not follow from its serial or uuid"
    return failure(
        address,
        BmcFault.PROTOCOL,
        what,
        seen=f"systems: {listed}",
        next_step="name the host's own at bmc.system in the inventory, or give the host its serial or uuid",
    )
