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
