"""What was seen from inside a host, against its inventory entry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.discover.inside.judge import Outcome, State, judge
from metal.discover.inside.sight import InsideSight, Lan, OwnBmc, Surroundings
from metal.discover.match import Known, Verdict
from metal.doctor.sight import Trouble

UUID = "4c4c4544-0042-4b10-8056-b7c04f4a3132"
AS_READ, AS_SMBIOS, AS_IPMI = (
    bytes.fromhex(text)
    for text in (
        "4c4c454400424b108056b7c04f4a3132",
        "44454c4c4200104b8056b7c04f4a3132",
        "32314a4fc0b75680104b420044454c4c",
    )
)
TOOL = Surroundings(declared=True, device="/dev/ipmi0", tool="/usr/bin/ipmitool", maker="ACME", product="Server 1")
LAN = Lan(1, "10.9.1.11", "DHCP", "06:00:00:00:60:09", is_open=True)
NONE = Known("n1", "rack1.yaml")


def known(host: str, bmc: str = "", **what: str) -> Known:
    return Known(host, "rack1.yaml", bmc=bmc, bmc_addresses=(bmc,) if bmc else (), **what)


def seen(*lans: Lan, guid: bytes = b"", **what: str) -> InsideSight:
    return InsideSight(TOOL, bmc=OwnBmc(674, "4.40", guid, lans), **what)  # type: ignore[arg-type]


def without(**around: object) -> Outcome:
    return judge(NONE, InsideSight(replace(TOOL, **around), silence="it hangs"))  # type: ignore[arg-type]


@pytest.mark.demand("H3")
@pytest.mark.parametrize(
    ("around", "state", "cure"),
    [
        ({"root": False}, State.NOT_ROOT, "sudo without a password"),
        ({"device": "", "declared": False}, State.NO_BMC, ""),
        ({"tool": ""}, State.NO_TOOL, "install the package ipmitool"),
        ({"device": ""}, State.NO_DRIVER, "modprobe -a ipmi_si ipmi_devintf"),
        ({"device": "", "declared": None, "modules": ("ipmi_si",)}, State.NO_DRIVER, "modprobe -a"),
        ({}, State.SILENT, "ipmitool mc reset cold"),
    ],
)
def test_a_bmc_that_cannot_be_asked_has_a_reason_and_a_cure(around: dict[str, object], state: State, cure: str) -> None:
    outcome = without(**around)
    assert outcome.state is state
    assert cure in outcome.cure
    assert outcome.asks == (state is not State.NO_BMC), "a host that has none is as the inventory says"
    assert outcome.to_dict()["address"] is None


def test_reasons_in_words() -> None:
    assert without().words == "its BMC does not answer inside: it hangs"
    assert "(IPMI modules loaded: only ipmi_si)" in without(device="", modules=("ipmi_si",)).words
    assert "tables cannot be read" in without(device="", declared=None).words
    sight = InsideSight(replace(TOOL, device="", declared=False))
    there = judge(known("n1", "10.9.1.11"), sight)
    assert (there.state, there.asks) == (State.NO_BMC, True)
    assert "rack1.yaml has a BMC for it at 10.9.1.11" in there.words
    away = judge(NONE, InsideSight(trouble=Trouble("host key does not match", "compare", "host key")))
    assert (away.state, away.words, away.cure, away.asks) == (State.AWAY, "host key does not match", "compare", True)


def test_found_against_the_inventory() -> None:
    new = judge(NONE, seen(LAN), [NONE], port=6230)
    assert (new.state, new.asks) == (State.FOUND, True)
    assert new.match is not None
    assert (new.match.verdict, new.match.found.address, new.match.found.port) == (Verdict.MOVED, "10.9.1.11", 6230)
    assert new.words == "its BMC is at 10.9.1.11, and rack1.yaml has none"
    assert new.cure == "--update writes it there"

    same = judge(known("n1", "10.9.1.11"), seen(LAN))
    assert (same.words, same.asks, same.cure) == ("its BMC is at 10.9.1.11, as in rack1.yaml", False, "")

    moved = judge(known("n1", "10.9.1.99"), seen(LAN))
    assert (moved.words, moved.asks) == ("its BMC is at 10.9.1.11, and rack1.yaml has it at 10.9.1.99", True)
    assert "--update changes it there" in moved.cure

    taken = judge(NONE, seen(LAN), [NONE, known("n2", "10.9.1.11")])
    assert taken.match is not None
    assert (taken.match.verdict, taken.asks) == (Verdict.UNCLEAR, True)
    assert "n2 is at this address" in taken.words


def test_another_machine_is_never_written_down() -> None:
    other = judge(known("n1", serial="A1"), seen(LAN, serial="B2"))
    assert other.match is not None
    assert (other.match.verdict, other.asks) == (Verdict.OTHER_MACHINE, True)
    board = judge(known("n1", serial="A1", uuid=UUID), seen(LAN, serial="A1", uuid=UUID.replace("4c", "5c")))
    assert board.match is not None
    assert board.match.verdict is Verdict.UNCLEAR


@pytest.mark.parametrize("guid", [AS_READ, AS_SMBIOS, AS_IPMI])
def test_the_systems_uuid_tells_the_order_of_the_guids_bytes(guid: bytes) -> None:
    outcome = judge(known("n1", uuid=UUID), seen(LAN, guid=guid, uuid=UUID))
    assert outcome.match is not None
    machine = outcome.match.found.machine
    assert machine is not None
    assert (outcome.match.verdict, machine.uuid, machine.guid) == (Verdict.MOVED, UUID, guid.hex())
    assert outcome.notes == ()


def test_a_guid_that_is_not_the_systems_uuid_is_told() -> None:
    outcome = judge(NONE, seen(LAN, guid=AS_READ[::-1][:-1] + b"\x77", uuid=UUID))
    assert outcome.state is State.FOUND
    assert f"is not the system's UUID {UUID} in any order of its bytes" in outcome.notes[0]


def test_a_lan_without_an_address_is_none() -> None:
    unset = judge(NONE, seen(Lan(1, is_open=True), Lan(8, source="DHCP")))
    assert (unset.state, unset.asks, unset.match) == (State.NO_ADDRESS, True, None)
    assert unset.words == "its BMC has no address on channel 1 and 8; channel 8 waits for DHCP"
    assert "ipmitool lan set 1 ipsrc static" in unset.cure
    inner = judge(NONE, seen(Lan(3, "169.254.0.3", "static")))
    assert (inner.state, inner.match) == (State.NO_ADDRESS, None)
    assert "169.254.0.3, which nobody outside can reach" in inner.words
    assert judge(NONE, seen()).words == "its BMC has no LAN channel"


def test_of_several_addresses_that_of_the_inventory_counts() -> None:
    lans = (Lan(1, "169.254.0.3"), replace(LAN, channel=2), Lan(8, "10.9.2.11", "static", "06:00:00:00:60:0a", vlan=12))
    first = judge(NONE, seen(*lans))
    assert first.match is not None
    assert (first.match.found.address, first.notes) == ("10.9.1.11", ("also at 10.9.2.11 (channel 8)",))
    kept = judge(known("n1", "10.9.2.11"), seen(*lans))
    assert kept.match is not None
    assert (kept.match.verdict, kept.asks) == (Verdict.KNOWN, False)
    assert kept.notes == ("it speaks in VLAN 12", "also at 10.9.1.11 (channel 2)")


def test_one_on_ipv6_alone_is_found() -> None:
    six = Lan(1, addresses6=(("fe80::1", "static"), ("fd00::9:11", "SLAAC")), is_open=True)
    outcome = judge(NONE, seen(six))
    assert outcome.match is not None
    assert outcome.match.found.address == "fd00::9:11"
    assert six.source_of("fd00::9:11") == "SLAAC"


def test_ipmi_over_lan_that_is_off_is_told_and_not_written() -> None:
    shut = replace(LAN, is_open=False)
    outcome = judge(NONE, seen(shut))
    assert outcome.match is not None
    assert (outcome.state, outcome.match.verdict, outcome.asks) == (State.SHUT, Verdict.UNCLEAR, True)
    assert "ipmitool lan set 1 access on" in outcome.cure
    other = judge(known("n1", serial="A1"), seen(shut, serial="B2"))
    assert other.match is not None
    assert other.match.verdict is Verdict.OTHER_MACHINE
    assert "serial B2, not A1; IPMI over LAN is off there" in other.words
    assert not judge(known("n1", "10.9.1.11"), seen(shut)).asks, "the inventory has it already, for Redfish it may be"


@pytest.mark.parametrize(
    "address", ["0.0.0.5", "127.0.0.1", "224.0.0.1", "240.1.1.1", "255.255.255.255", "169.254.0.3"]
)
def test_an_address_that_is_no_bmcs_is_none(address: str) -> None:
    for lan in (Lan(1, address, "static"), Lan(1, addresses6=((f"::ffff:{address}", "static"),))):
        outcome = judge(NONE, seen(lan))
        assert (outcome.state, outcome.match) == (State.NO_ADDRESS, None), lan


@pytest.mark.parametrize("address", ["::1", "::", "ff02::1", "fe80::1"])
def test_nor_is_one_of_ipv6(address: str) -> None:
    assert judge(NONE, seen(Lan(1, addresses6=((address, "static"),)))).state is State.NO_ADDRESS
