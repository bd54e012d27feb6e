"""A BMC asked over Redfish, after a login, which machines it belongs to. Changes nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from uuid import UUID

from metal.bmc.budget import Budget
from metal.bmc.failure import failure
from metal.bmc.pace import Pace
from metal.bmc.quirks import treatment_of
from metal.bmc.redfish.http import Http
from metal.bmc.redfish.link import ROOT, RedfishLink
from metal.bmc.redfish.systems import device_of, link_to, member_paths, systems_of
from metal.bmc.redfish.trust import Trust
from metal.bmc.rmcp.wire import Unreachable, resolve
from metal.bmc.serial import own_serial
from metal.discover.sight import Machine
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress
from metal.settings.credentials import Credentials
from metal.waiting import Run

__all__ = ["Systems", "ask_redfish", "ids_of", "machine_of"]

# Some BMCs take a second or more for each resource, and have a dozen of them about network cards.
_SECONDS = 120.0
_TURN_SECONDS = 3600.0
_INTERVAL = 0.05
_MOST_CARDS = 32
_MOST_SYSTEMS = 64
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


@dataclass(frozen=True)
class Systems:
    """What a BMC shows of the systems that it names.

    :ivar machines: by the Id of each; by its path where several have one Id.
    :ivar unshown: why the others could not be read, likewise.
    """

    machines: Mapping[str, Machine] = field(default_factory=dict)
    unshown: Mapping[str, str] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        return len(self.machines) + len(self.unshown) > 1


def ask_redfish(
    address: BmcAddress, trust: Trust, *, credentials: Credentials, budget: Budget, run: Run, patience: float
) -> Systems:
    """Log in and ask for every system of the BMC; what one does not say is left empty.

    :param trust: which certificate is taken; the password goes to no other.
    :param patience: seconds that an answer is waited for.
    :raises BmcError: CERTIFICATE, nothing was sent; no login; none of its systems was shown.
    :raises SettingsError: the credential profile is missing.
    :raises Cancelled: the run was cancelled.
    """
    try:
        endpoint = resolve(address.address, address.port)
    except Unreachable as error:
        raise failure(address, BmcFault.UNREACHABLE, "its name is not known", seen=str(error)) from None
    login = credentials.bmc(address.credentials)
    with budget.hold(endpoint, address, run.deadline(_TURN_SECONDS)):
        deadline = run.deadline(_SECONDS)
        http = Http(endpoint, address.address, address.host, trust, deadline)
        link = RedfishLink(address, login, http, deadline, patience=patience, pace=Pace(_INTERVAL))
        try:
            root = link.get(ROOT, public=True).json()
            link.sessions = link_to(root, "Links", "Sessions") or link.sessions
            return _ask_each(link, root, ids_of(islice(member_paths(link, systems_of(root)), _MOST_SYSTEMS)))
        finally:
            link.close()


def _ask_each(link: RedfishLink, root: Mapping[str, Any], paths: Mapping[str, str]) -> Systems:
    machines: dict[str, Machine] = {}
    refused: dict[str, BmcError] = {}
    for name, path in paths.items():
        try:
            machines[name] = _ask(link, root, path)
        except BmcError as error:
            if error.fault is BmcFault.AUTH:
                raise
            refused[name] = error
    if refused and not machines:
        raise next(iter(refused.values()))
    host = f"BMC {link.address.host}: "
    return Systems(machines, {name: error.brief.removeprefix(host) for name, error in refused.items()})


def ids_of(paths: Iterable[str]) -> dict[str, str]:
    """The paths by Id, the last part of each; those that have it in common by the whole path."""
    known = {path.rstrip("/"): path for path in paths}
    ids = {short: short.rpartition("/")[2] for short in known}
    often = Counter(each.lower() for each in ids.values())
    return {ids[short] if often[ids[short].lower()] == 1 else short: path for short, path in known.items()}


def _ask(link: RedfishLink, root: Mapping[str, Any], path: str) -> Machine:
    system = link.get(path).json()
    manager: dict[str, Any] = {}
    cards: list[Mapping[str, Any]] = []
    own: list[Mapping[str, Any]] = []
    try:
        cards += _cards(link, system)
        if manager_path := link_to(system, "Links", "ManagedBy"):
            manager = link.get(manager_path).json()
            own += _cards(link, manager)
    except BmcError as error:
        # It has said who it is. A login that is not let in any more is another matter.
        if error.fault is BmcFault.AUTH:
            raise
    return machine_of(root, system, manager, cards, own)


def _cards(link: RedfishLink, resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    collection = link_to(resource, "EthernetInterfaces")
    if not collection:
        return
    for path in islice(member_paths(link, collection), _MOST_CARDS):
        yield link.get(path).json()


def machine_of(
    root: Mapping[str, Any],
    system: Mapping[str, Any],
    manager: Mapping[str, Any],
    cards: Sequence[Mapping[str, Any]],
    own: Sequence[Mapping[str, Any]],
) -> Machine:
    """The machine from what was read of it (DSP0268: ServiceRoot, ComputerSystem, Manager, EthernetInterface).

    :param cards: of the host.
    :param own: of the BMC.
    """
    treatment = treatment_of(device_of(root, system))
    serials = [own_serial(_text(system.get(name))) for name in (treatment.serial, "SerialNumber")]
    uuid = _uuid(_text(system.get("UUID")))
    return Machine(
        maker=_text(system.get("Manufacturer")) or _text(root.get("Vendor")),
        product=_text(system.get("Model")),
        firmware=_text(manager.get("FirmwareVersion")),
        serial=serials[0],
        serials=tuple(dict.fromkeys(serial for serial in serials if serial)),
        guid=uuid.hex if uuid else "",
        uuid=str(uuid) if uuid else "",
        uuids=(str(uuid), str(UUID(bytes=uuid.bytes_le))) if uuid else (),
        mac=next(iter(_macs(own)), ""),
        macs=_macs(cards),
        power=_text(system.get("PowerState")).lower(),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) and value.isprintable() and len(value) < 200 else ""


def _uuid(text: str) -> UUID | None:
    """None for what firmware shows where nobody has set one."""
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    return uuid if len(set(uuid.bytes)) > 1 else None


def _macs(cards: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Those that are burnt in where a card tells them, in order of the cards."""
    found = [_text(card.get("PermanentMACAddress")) or _text(card.get("MACAddress")) for card in cards]
    spelled = [mac.lower().replace("-", ":") for mac in found]
    return tuple(dict.fromkeys(mac for mac in spelled if _MAC.fullmatch(mac) and mac != "00:00:00:00:00:00"))
