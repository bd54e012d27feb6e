"""Which machines the found ones are, by what they say of themselves."""

from __future__ import annotations

import pytest

from metal.bmc.ipmi.guid import likely_uuid, readings
from metal.discover.match import Known, Verdict, match
from metal.discover.sight import Found, Machine

UUID = "4c4c4544-0042-4b10-8056-b7c04f4a3132"
AS_READ, AS_SMBIOS, AS_IPMI = (
    "4c4c454400424b108056b7c04f4a3132",
    "44454c4c4200104b8056b7c04f4a3132",
    "32314a4fc0b75680104b420044454c4c",
)


def machine(serial: str = "", guid: str = "", **more: object) -> Machine:
    wire = bytes.fromhex(guid)
    return Machine(
        serial=serial,
        serials=(serial,) if serial else (),
        guid=guid,
        uuid=likely_uuid(wire) if guid else "",
        uuids=readings(wire) if guid else (),
        **more,  # type: ignore[arg-type]
    )


def known(host: str, bmc: str, **what: str) -> Known:
    return Known(host, "rack1.yaml", bmc=bmc, bmc_addresses=(bmc,), **what)


def verdicts(found: list[Found], inventory: list[Known]) -> list[tuple[Verdict, str]]:
    return [(each.verdict, each.known.host if each.known else "") for each in match(found, inventory)]


def test_new_where_nothing_fits() -> None:
    inventory = [known("r1", "10.9.1.1", serial="A1")]
    assert verdicts([Found("10.9.1.2", machine=machine("B2"))], inventory) == [(Verdict.NEW, "")]
    assert verdicts([Found("10.9.1.2")], inventory) == [(Verdict.NEW, "")]


def test_known_by_its_serial_number_where_it_was_and_elsewhere() -> None:
    inventory = [known("r1", "10.9.1.1", serial="a1")]
    at_home, moved = (match([Found(ip, machine=machine("A1"))], inventory)[0] for ip in ("10.9.1.1", "10.9.1.9"))
    assert (at_home.verdict, at_home.asks) == (Verdict.KNOWN, False)
    assert (moved.verdict, moved.asks) == (Verdict.MOVED, True)
    assert moved.words == "r1, whose BMC rack1.yaml has at 10.9.1.1"


@pytest.mark.parametrize("guid", [AS_READ, AS_SMBIOS, AS_IPMI])
def test_known_by_its_uuid_in_whatever_order_the_bmc_sends_it(guid: str) -> None:
    inventory = [known("r1", "10.9.1.1", uuid=UUID)]
    assert verdicts([Found("10.9.1.9", machine=machine(guid=guid))], inventory) == [(Verdict.MOVED, "r1")]


def test_a_host_without_a_bmc_gets_to_know_it() -> None:
    inventory = [Known("r1", "rack1.yaml", serial="A1")]
    only = match([Found("10.9.1.9", machine=machine("A1"))], inventory)[0]
    assert (only.verdict, only.words) == (Verdict.MOVED, "r1, whose BMC rack1.yaml has at none")


def test_an_address_alone_tells_nothing() -> None:
    here = [known("r1", "10.9.1.1", serial="A1")]
    assert verdicts([Found("10.9.1.1")], here) == [(Verdict.AT_ADDRESS, "r1")]
    assert verdicts([Found("10.9.1.1", machine=machine(guid=AS_READ))], here) == [(Verdict.AT_ADDRESS, "r1")]
    other = match([Found("10.9.1.1", machine=machine("B2"))], here)[0]
    assert (other.verdict, other.asks) == (Verdict.OTHER_MACHINE, True)
    assert "serial B2, not A1" in other.words


def test_two_machines_that_changed_places_are_for_a_person() -> None:
    inventory = [known("r1", "10.9.1.1", serial="A1"), known("r2", "10.9.1.2", serial="B2")]
    found = [Found("10.9.1.1", machine=machine("B2")), Found("10.9.1.2", machine=machine("A1"))]
    assert verdicts(found, inventory) == [(Verdict.UNCLEAR, "r2"), (Verdict.UNCLEAR, "r1")]


def test_a_serial_number_and_a_uuid_that_contradict_each_other_are_for_a_person() -> None:
    other = "11111111-2222-4333-8444-555555555555"
    board = match(
        [Found("10.9.1.1", machine=machine("A1", AS_READ))], [known("r1", "10.9.1.1", serial="A1", uuid=other)]
    )
    label = match(
        [Found("10.9.1.9", machine=machine("B2", AS_READ))], [known("r1", "10.9.1.1", serial="A1", uuid=UUID)]
    )
    assert (board[0].verdict, label[0].verdict) == (Verdict.UNCLEAR, Verdict.UNCLEAR)
    assert f"the serial number of r1, and the UUID {UUID} in place of {other}" in board[0].words
    assert "the UUID of r1, and the serial number B2 in place of A1" in label[0].words


def test_one_machine_that_answers_twice_is_one() -> None:
    found = [Found("10.9.1.1", machine=machine("A1", AS_READ)), Found("10.9.1.2", machine=machine("A1", AS_READ))]
    first, second = match(found, [])
    assert (first.verdict, second.verdict) == (Verdict.NEW, Verdict.TWIN)
    assert "10.9.1.1" in second.words


def test_nodes_that_share_their_chassis_serial_number_are_told_by_guid() -> None:
    other = "00112233445566778899aabbccddeeff"
    first, second = match(
        [Found("10.9.1.1", machine=machine("CH1", AS_READ)), Found("10.9.1.2", machine=machine("CH1", other))], []
    )
    assert (first.verdict, second.verdict) == (Verdict.NEW, Verdict.NEW)
    assert first.found.machine is not None
    assert (first.found.machine.serial, first.found.machine.serials) == ("", ())


def blade(slot: str, serial: str, *, address: str = "10.9.1.1", sole: bool = False) -> Found:
    where = {"sole": slot} if sole else {"system": slot}
    return Found(address, machine=machine(serial), **where)  # type: ignore[arg-type]


SLOTS = [known("n1", "10.9.1.1", serial="S2", system="slot1"), known("n2", "10.9.1.1", serial="S1", system="slot2")]


def test_two_blades_that_changed_slots_are_for_a_person() -> None:
    first, second = match([blade("slot1", "S1"), blade("slot2", "S2")], SLOTS)
    assert [(each.verdict, each.known and each.known.host) for each in (first, second)] == [
        (Verdict.UNCLEAR, "n2"),
        (Verdict.UNCLEAR, "n1"),
    ]
    assert first.words == (
        "n2, whose BMC rack1.yaml has at 10.9.1.1 system slot2; it is system slot1 here; "
        "that file's n1 is at this system: change both by hand"
    )
    assert verdicts([blade("SLOT1", "S2"), blade("slot2", "S1")], SLOTS) == [
        (Verdict.KNOWN, "n1"),
        (Verdict.KNOWN, "n2"),
    ]


@pytest.mark.parametrize("sole", [False, True])
def test_a_blade_in_another_slot_has_moved(sole: bool) -> None:
    moved = match([blade("slot4", "S1", sole=sole)], SLOTS)[0]
    assert (moved.verdict, moved.words) == (
        Verdict.MOVED,
        "n2, whose BMC rack1.yaml has at 10.9.1.1 system slot2; it is system slot4 here",
    )


def test_a_host_that_is_told_by_its_serial_number_may_be_in_any_slot() -> None:
    assert verdicts([blade("slot4", "S1")], [known("n1", "10.9.1.1", serial="S1")]) == [(Verdict.KNOWN, "n1")]
    assert verdicts([Found("10.9.1.1", machine=machine("S1"))], SLOTS) == [(Verdict.KNOWN, "n2")], "seen over IPMI"


def test_a_bmc_whose_systems_are_known_is_no_new_one() -> None:
    unasked = match([Found("10.9.1.1")], SLOTS)[0]
    assert (unasked.verdict, unasked.asks) == (Verdict.AT_ADDRESS, False)
    assert "n1 (system slot1), n2 (system slot2); whether it is one of them was not told" in unasked.words
    assert verdicts([blade("slot1", "S9", sole=True)], SLOTS) == [(Verdict.OTHER_MACHINE, "n1")]
    left = match([blade("slot9", "S9", sole=True)], SLOTS)[0]
    assert (left.verdict, left.asks) == (Verdict.UNCLEAR, True)
    assert "it shows one system now, slot9" in left.words
    assert verdicts([Found("10.9.1.1", machine=machine("S9"))], SLOTS) == [(Verdict.UNCLEAR, "n1")]
    assert verdicts([blade("slot3", "S9"), blade("slot4", "S8")], SLOTS) == [(Verdict.NEW, ""), (Verdict.NEW, "")]


def test_systems_of_one_bmc_are_never_one_machine() -> None:
    """A chassis that shows its own serial number, or its own UUID, for each of its blades."""
    for one, two in ((machine("CH1"), machine("CH1")), (machine("A1", AS_READ), machine("B2", AS_READ))):
        first, second = match(
            [Found("10.9.1.1", machine=one, system="1"), Found("10.9.1.1", machine=two, system="2")], []
        )
        assert (first.verdict, second.verdict) == (Verdict.NEW, Verdict.NEW)
        assert first.found.machine is not None
        assert (first.found.machine.serial, first.found.machine.uuid) == ("A1" if one.guid else "", "")
    twice = [Found(address, machine=machine("A1"), system="1") for address in ("10.9.1.1", "10.9.1.2")]
    assert [each.verdict for each in match(twice, [])] == [Verdict.NEW, Verdict.TWIN], "two BMCs of one chassis"
