"""Which machines of the inventory the found ones are: by serial number or UUID, never by address. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from metal.discover.sight import Found, Machine

__all__ = ["Known", "Match", "Verdict", "match", "match_own"]


class Verdict(StrEnum):
    NEW = "new"
    KNOWN = "known"
    MOVED = "its BMC has another address"
    AT_ADDRESS = "at the address of"
    OTHER_MACHINE = "another machine"
    TWIN = "the same machine"
    UNCLEAR = "unclear"


# Something for a person to decide, or to be told to do.
_ASKS = (Verdict.MOVED, Verdict.OTHER_MACHINE, Verdict.TWIN, Verdict.UNCLEAR)


@dataclass(frozen=True)
class Known:
    """One host of the inventory.

    :ivar bmc: address as it stands there; empty for none.
    :ivar bmc_addresses: what that address means, where it is a name.
    :ivar system: Id of its system, where the BMC has several.
    :ivar fingerprint: of the certificate that its BMC is pinned to; empty for none.
    """

    host: str
    file: str
    serial: str = ""
    uuid: str = ""
    bmc: str = ""
    bmc_addresses: tuple[str, ...] = ()
    system: str = ""
    fingerprint: str = ""

    def is_at(self, found: Found) -> bool:
        """Whether the inventory has it where that was found: of a BMC with several systems, at that system."""
        there = found.slot if self.system else found.system
        return self.answers_at(found.address) and self.system.lower() == there.lower()

    def may_be_at(self, found: Found) -> bool:
        """Likewise, where one side or the other does not tell the system."""
        unsaid = not self.system or not found.slot
        return self.answers_at(found.address) and (unsaid or self.system.lower() == found.slot.lower())

    @property
    def place(self) -> str:
        """Where the inventory has it, in words."""
        return f"{self.bmc or 'none'} system {self.system}" if self.system else self.bmc or "none"

    def answers_at(self, address: str) -> bool:
        return address == self.bmc or address in self.bmc_addresses


@dataclass(frozen=True)
class Match:
    """What one found BMC is to the inventory.

    :ivar known: the host that it is, or that is at its address.
    :ivar words: one line about it.
    """

    found: Found
    verdict: Verdict
    known: Known | None = None
    words: str = ""

    @property
    def asks(self) -> bool:
        return self.verdict in _ASKS


def match(found: Sequence[Found], known: Sequence[Known]) -> tuple[Match, ...]:
    """One match for each found BMC, in their order."""
    found = _without_shared_macs(_without_shared_serials(found))
    first: dict[str, Found] = {}
    matches: list[Match] = []
    for each in found:
        twin = next((first[mark] for mark in _marks(each.machine) if mark in first), None)
        for mark in _marks(each.machine):
            first.setdefault(mark, each)
        if twin is not None:
            words = f"the machine that answers at {twin.address} too; written once"
            matches.append(Match(each, Verdict.TWIN, words=words))
            continue
        matches.append(_one(each, known))
    return tuple(matches)


def _one(found: Found, known: Sequence[Known]) -> Match:
    machine = found.machine
    here = next((each for each in known if each.is_at(found)), None)
    same = [each for each in known if machine is not None and _is(machine, each)]
    if len(same) > 1:
        names = " and ".join(each.host for each in same)
        words = f"the inventory gives its serial number and UUID to {names}: correct one of them"
        return Match(found, Verdict.UNCLEAR, same[0], words)
    if same and machine is not None:
        if contradiction := _contradicts(machine, same[0]):
            words = f"{contradiction}: correct the inventory if its board was replaced"
            return Match(found, Verdict.UNCLEAR, same[0], words)
        return _known(found, same[0], here)
    if here is None:
        return _beside(found, [each for each in known if each.system and each.answers_at(found.address)])
    if machine is None or not _comparable(machine, here):
        words = f"at the address of {here.host}; whether it is that machine was not told"
        return Match(found, Verdict.AT_ADDRESS, here, words)
    words = f"another machine than {here.host}, whose BMC the inventory has here: {_differs(machine, here)}"
    return Match(found, Verdict.OTHER_MACHINE, here, words)


def _beside(found: Found, others: Sequence[Known]) -> Match:
    """What is at nobody's place.

    :param others: hosts that the inventory has at systems of the same BMC.
    """
    if found.system or not others:
        return Match(found, Verdict.NEW)
    names = ", ".join(f"{each.host} (system {each.system})" for each in others)
    machine = found.machine
    if machine is None or not all(_comparable(machine, each) for each in others):
        words = f"at the address of {names}; whether it is one of them was not told"
        return Match(found, Verdict.AT_ADDRESS, others[0], words)
    words = f"none of those that the inventory has at systems of this BMC: {names}"
    if found.sole:
        words += f"; it shows one system now, {found.sole}"
    return Match(found, Verdict.UNCLEAR, others[0], f"{words}: correct the inventory")


def match_own(found: Found, host: Known, known: Sequence[Known]) -> Match:
    """What a BMC is to the inventory that was found from inside this very host, and so is its own.

    :param known: the inventory; others may be at that address.
    """
    here = next((each for each in known if each.host != host.host and each.answers_at(found.address)), None)
    machine = found.machine
    if machine is not None and _comparable(machine, host):
        if not _is(machine, host):
            words = f"another machine than {host.host} of the inventory: {_differs(machine, host)}"
            return Match(found, Verdict.OTHER_MACHINE, host, words)
        if contradiction := _contradicts(machine, host):
            words = f"{contradiction}: correct the inventory if its board was replaced"
            return Match(found, Verdict.UNCLEAR, host, words)
    return _known(found, host, here)


def _known(found: Found, same: Known, here: Known | None) -> Match:
    if same.may_be_at(found):
        return Match(found, Verdict.KNOWN, same, f"{same.host}, as in {same.file}")
    words = f"{same.host}, whose BMC {same.file} has at {same.place}"
    if same.system and found.slot:
        words += f"; it is system {found.slot} here"
    if here is not None:
        words += f"; that file's {here.host} is at this {'system' if here.system else 'address'}: change both by hand"
        return Match(found, Verdict.UNCLEAR, same, words)
    return Match(found, Verdict.MOVED, same, words)


def _marks(machine: Machine | None) -> tuple[str, ...]:
    """What no two machines share."""
    if machine is None:
        return ()
    return tuple(mark for mark in (machine.serial and f"serial {machine.serial.lower()}", machine.guid) if mark)


def _without_shared_serials(found: Sequence[Found]) -> tuple[Found, ...]:
    """The nodes of one chassis may all show its serial number: told apart by GUID, none of them keeps it.

    The systems of one BMC are no two looks at the same machine: what they share, GUID or serial number, none keeps.
    """
    guids: dict[str, set[str]] = {}
    slots: dict[tuple[str, str], set[str]] = {}
    for each in found:
        if each.machine is not None:
            for serial in each.machine.serials if each.machine.guid else ():
                guids.setdefault(serial.lower(), set()).add(each.machine.guid)
            for mark in {each.machine.guid, *map(str.lower, each.machine.serials)} if each.system else ():
                slots.setdefault((each.address, mark), set()).add(each.system)
    shared = {serial for serial, owners in guids.items() if len(owners) > 1}
    shared |= {mark for (_, mark), owners in slots.items() if len(owners) > 1}

    def own(machine: Machine) -> Machine:
        kept = tuple(serial for serial in machine.serials if serial.lower() not in shared)
        machine = replace(machine, serials=kept, serial=machine.serial if machine.serial in kept else "")
        return replace(machine, guid="", uuid="", uuids=()) if machine.guid in shared else machine

    return tuple(replace(each, machine=own(each.machine)) if each.machine else each for each in found)


def _without_shared_macs(found: Sequence[Found]) -> tuple[Found, ...]:
    """A network card that several machines show is no one's own: none of them keeps it."""
    owners: dict[str, set[str]] = {}
    for each in found:
        if each.machine is not None:
            owner = (*_marks(each.machine), each.place)[0]
            for mac in each.machine.macs:
                owners.setdefault(mac, set()).add(owner)

    def own(machine: Machine) -> Machine:
        return replace(machine, macs=tuple(mac for mac in machine.macs if len(owners[mac]) == 1))

    return tuple(replace(each, machine=own(each.machine)) if each.machine else each for each in found)


def _is(machine: Machine, known: Known) -> bool:
    return _has_serial(machine, known) or _has_uuid(machine, known)


def _has_serial(machine: Machine, known: Known) -> bool:
    return bool(known.serial) and known.serial.lower() in {serial.lower() for serial in machine.serials}


def _has_uuid(machine: Machine, known: Known) -> bool:
    """In either order of its first fields: which of them the inventory has depends on who read it."""
    if not known.uuid:
        return False
    swapped = str(UUID(bytes_le=UUID(known.uuid).bytes))
    return bool({known.uuid.lower(), swapped} & set(machine.uuids))


def _contradicts(machine: Machine, known: Known) -> str:
    """What else it says of itself, where one half fits and the other, which both sides know, does not."""
    if _has_serial(machine, known) and known.uuid and machine.uuid and not _has_uuid(machine, known):
        return f"has the serial number of {known.host}, and the UUID {machine.uuid} in place of {known.uuid}"
    if _has_uuid(machine, known) and known.serial and machine.serials and not _has_serial(machine, known):
        return f"has the UUID of {known.host}, and the serial number {machine.serials[0]} in place of {known.serial}"
    return ""


def _comparable(machine: Machine, known: Known) -> bool:
    return bool((known.serial and machine.serials) or (known.uuid and machine.uuids))


def _differs(machine: Machine, known: Known) -> str:
    parts = []
    if known.serial and machine.serials:
        parts.append(f"serial {', '.join(machine.serials)}, not {known.serial}")
    if known.uuid and machine.uuids:
        parts.append(f"UUID {machine.uuid or machine.uuids[0]}, not {known.uuid}")
    return "; ".join(parts)
