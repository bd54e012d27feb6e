"""What was found, as files that `metalswarm validate` takes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from metal.discover import Discovery, left, write_down
from metal.discover.discover import known_hosts
from metal.discover.entries import HOLD, Scheme, name_of, placeholder
from metal.discover.match import Known, match
from metal.discover.sight import Found, Machine, RedfishRoot
from metal.errors import SettingsError
from metal.settings.fleet import HostFacts
from metal.settings.inventory import read_inventory
from metal.settings.problems import Problems
from metal.settings.validate import validate_files

R640 = Machine(
    "Dell Inc.", "PowerEdge R640", "4.40", "7XK2PQ1", ("7XK2PQ1",), "ab" * 15 + "01",
    "4c4c4544-0042-4b10-8056-b7c04f4a3132", ("4c4c4544-0042-4b10-8056-b7c04f4a3132",), "00:25:b5:aa:01:13", "on",
)  # fmt: skip
FOUND = [
    Found("10.9.1.11", ipmi=True, machine=R640, redfish=RedfishRoot("1.15.0", "Dell", "iDRAC", "sha256:" + "0a" * 32)),
    Found("10.9.1.12", ipmi=True),
    Found("10.9.1.13", redfish=RedfishRoot("1.6.0", fingerprint="sha256:" + "0b" * 32), redfish_port=8443),
    Found("10.9.1.14", ipmi=True, port=6230, trouble="wrong password (credential profile 'dell')"),
    Found("10.9.1.15", ipmi=True, machine=Machine(serial="0012345", serials=("0012345",), maker='A "quoted": {maker}')),
    Found("fd00::9:16", ipmi=True),
    Found("10.9.1.17", ipmi=True, port=6230),
]
WRITTEN = [each for each in FOUND if not each.trouble]


def read(*files: Path) -> dict[str, HostFacts]:
    problems = Problems()
    found = read_inventory([str(file) for file in files], Path(), problems)
    problems.raise_if_any()
    return found.facts


def known_in(*files: Path) -> tuple[Known, ...]:
    facts = read(*files)
    names = {name: str(file) for file in files for name in read(file)}
    return known_hosts(facts, names)


def discovery(found: list[Found], known: tuple[Known, ...] = ()) -> Discovery:
    return Discovery(match(found, known), 254, 508, known)


def test_new_entries_validate(tmp_path: Path) -> None:
    file = tmp_path / "rack" / "found.yaml"
    written = write_down(discovery(FOUND), to=file, profile="dell")
    checked, _ = validate_files([file])
    assert (checked[0].error, checked[0].says) == (None, f"valid: an inventory of {len(WRITTEN)} hosts")
    hosts = read(file)
    first = hosts["7xk2pq1"]
    assert (first.serial, first.uuid, first.hold, first.macs) == ("7XK2PQ1", R640.uuid, HOLD, ())
    assert first.bmc is not None
    assert (first.bmc.address, first.bmc.port, first.bmc.credentials) == ("10.9.1.11", 623, "dell")
    assert first.access.address == placeholder("10.9.1.11") == "2001:db8::a09:10b"
    assert {facts.hold for facts in hosts.values()} == {HOLD}, "nobody dials a placeholder"
    assert (first.bmc.protocol, first.bmc.fingerprint) == ("ipmi", ""), "its certificate is in the comment"
    redfish = hosts["bmc-10-9-1-13"].bmc
    assert redfish is not None
    assert (redfish.protocol, redfish.port, redfish.fingerprint) == ("redfish", 8443, "sha256:" + "0b" * 32)
    assert hosts["bmc-10-9-1-17"].bmc.port == 6230  # type: ignore[union-attr]
    assert "10.9.1.14" not in written.names, "after a failed login it is not known whether the machine is new"
    assert hosts["0012345"].serial == "0012345"
    assert written.names["fd00::9:16"] == "bmc-fd00-9-16"
    text = file.read_text(encoding="utf-8")
    assert "# Dell Inc. PowerEdge R640, BMC firmware 4.40, BMC MAC 00:25:b5:aa:01:13, power on" in text
    assert "sha256:" + "0a" * 32 in text


def test_defaults_of_the_file_are_not_those_of_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "rack1.yaml"
    file.write_text(
        "defaults: {bmc: {protocol: redfish, port: 8443, credentials: hpe}}\n"
        "hosts:\n"
        "  r1-01: {address: 10.77.1.99, bmc: 10.9.1.99}\n"
    )
    write_down(discovery(FOUND[:2], known_in(file)), to=file, inventories=[file], profile="dell")
    found = [facts.bmc for name, facts in read(file).items() if name != "r1-01"]
    assert [(bmc.protocol, bmc.port, bmc.credentials) for bmc in found if bmc] == [("ipmi", 623, "dell")] * 2


def test_without_a_file_they_are_a_document_that_validates(tmp_path: Path) -> None:
    written = write_down(discovery(FOUND), to=None)
    assert list(written.texts) == [Path("-")]
    (tmp_path / "x.yaml").write_text(written.texts[Path("-")], encoding="utf-8")
    assert len(read(tmp_path / "x.yaml")) == len(WRITTEN)
    assert write_down(discovery([]), to=None).texts == {}


def test_host_addresses_follow_from_those_of_their_bmcs_where_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "found.yaml"
    write_down(discovery(FOUND[:3]), to=file, profile="dell", hosts=Scheme("10.77.1.0/24"))
    hosts = read(file)
    assert [(facts.access.address, facts.hold) for facts in hosts.values()] == [
        ("10.77.1.11", None),
        ("10.77.1.12", None),
        ("10.77.1.13", None),
    ]
    with pytest.raises(SettingsError, match=r"--hosts = 10\.77\.1\.5/24"):
        Scheme("10.77.1.5/24")


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "found.yaml"
    found = [FOUND[0], FOUND[4]]
    write_down(discovery(found), to=file, profile="dell")
    before = file.read_bytes()
    again = discovery(found, known_in(file))
    written = write_down(again, to=file, inventories=[file], profile="dell", update=True)
    assert left(again, written, to=file) == ()
    assert (written.texts, file.read_bytes()) == ({}, before)


def test_a_known_machine_that_moved_is_changed_in_its_own_file_and_only_if_asked(tmp_path: Path) -> None:
    rack = tmp_path / "rack1.yaml"
    rack.write_text(
        "defaults: {bmc: {credentials: dell}}\n"
        "hosts:\n"
        "  # by the door\n"
        "  r1-01: {address: 10.77.1.11, bmc: 10.9.1.99, serial: 7XK2PQ1} # new disks in March\n"
    )
    rack.chmod(0o640)
    before = rack.read_text()
    found = discovery(FOUND[:2], known_in(rack))
    new = tmp_path / "found.yaml"
    assert write_down(found, to=new, inventories=[rack]).moved == ()
    assert rack.read_text() == before
    new.unlink()
    assert write_down(found, to=new, inventories=[rack], update=True).moved == ("r1-01",)
    assert rack.read_text() == before.replace("10.9.1.99", "10.9.1.11")
    assert rack.stat().st_mode & 0o777 == 0o640
    assert list(read(new)) == ["bmc-10-9-1-12"]


def test_what_would_not_be_valid_is_not_written(tmp_path: Path) -> None:
    rack, target = tmp_path / "rack1.yaml", tmp_path / "rack2.yaml"
    rack.write_text("hosts:\n  r1: {address: 10.77.1.12, bmc: none}\n")
    target.write_text("hosts:\n  r2: {address: 10.77.1.50, bmc: none} # here\n")
    before = target.read_text()
    found = discovery(FOUND[1:2], known_in(rack, target))
    written = write_down(found, to=target, inventories=[rack, target], hosts=Scheme("10.77.1.0/24"))
    assert re.search(r"rack2\.yaml: hosts\.bmc-10-9-1-12\.address.*also that of r1", written.refused["10.9.1.12"]), (
        written.refused
    )
    assert left(found, written, to=target) == found.matches
    assert target.read_text() == before
    rack.write_text("hosts: 5\n")
    with pytest.raises(SettingsError, match="hosts"):
        write_down(found, to=target, inventories=[rack, target], hosts=Scheme("10.77.1.0/24"))
    assert target.read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rack1.yaml", "rack2.yaml"]


def test_names_are_never_taken_twice() -> None:
    assert name_of(FOUND[0], {"7xk2pq1", "7xk2pq1-2"}) == "7xk2pq1-3"
    odd = Found("10.9.1.9", machine=Machine(serial="--/A b/--"))
    assert name_of(odd, set()) == "a-b"


def seen(address: str, serial: str, system: str = "", macs: tuple[str, ...] = ()) -> Found:
    machine = Machine(serial=serial, serials=(serial,) if serial else (), macs=macs)
    return Found(address, redfish=RedfishRoot(), machine=machine, system=system)


def test_one_entry_that_cannot_be_valid_stops_no_other(tmp_path: Path) -> None:
    file, mac = tmp_path / "rack1.yaml", "00:25:b5:aa:01:01"
    file.write_text(f'hosts:\n  n1: {{address: 10.77.1.1, bmc: none, macs: ["{mac}"]}}\n')
    found = discovery([seen(f"10.9.1.{number}", f"S{number}", macs=(mac,) * (number == 4)) for number in range(2, 9)])
    written = write_down(found, to=file, inventories=[file])
    assert list(written.refused) == ["10.9.1.4"]
    assert "also that of n1" in written.refused["10.9.1.4"]
    assert [each.found.address for each in left(found, written, to=file)] == ["10.9.1.4"]
    assert sorted(read(file)) == ["n1", "s2", "s3", "s5", "s6", "s7", "s8"]


def test_a_network_card_that_two_machines_show_is_written_for_neither(tmp_path: Path) -> None:
    shared, own = "00:25:b5:aa:01:01", "00:25:b5:aa:01:02"
    twice = [seen("10.9.1.1", "A1", macs=(shared, own)), seen("10.9.1.2", "B2", macs=(shared,))]
    file = tmp_path / "found.yaml"
    write_down(discovery([*twice, seen("10.9.1.3", "A1", macs=(shared, own))]), to=file)
    assert {name: facts.macs for name, facts in read(file).items()} == {"a1": (own,), "b2": ()}


def test_names_are_bounded_however_long_an_id_is(tmp_path: Path) -> None:
    file = tmp_path / "found.yaml"
    written = write_down(discovery([seen("10.9.1.1", "", "x" * 3000), seen("10.9.1.1", "", "y" * 3000)]), to=file)
    assert written.refused == {}
    assert {len(name) for name in read(file)} == {58}


def test_a_blade_that_moved_gets_address_and_system_and_one_that_cannot_stops_no_other(tmp_path: Path) -> None:
    file = tmp_path / "rack1.yaml"
    text = (
        "defaults: {bmc: {protocol: redfish, credentials: dell}}\n"
        "hosts:\n"
        "  n1: {address: 10.0.0.1, serial: S1, bmc: {address: 10.9.1.1, system: slot1}}\n"
        "  n2: {address: 10.0.0.2, serial: S2, bmc: {address: 10.9.1.1, system: slot2}}\n"
        "  n3: {address: 10.0.0.3, serial: S3, bmc: {address: 10.9.1.3, system: slot3}}\n"
    )
    file.write_text(text)
    only_ipmi = replace(seen("10.9.1.9", "S3"), ipmi=True)
    found = discovery([seen("10.9.1.2", "S1", "slot4"), seen("10.9.1.1", "S2", "slot7"), only_ipmi], known_in(file))
    written = write_down(found, to=None, inventories=[file], update=True)
    assert written.moved == ("n1", "n2")
    assert list(written.refused) == ["10.9.1.9"]
    assert "hosts.n3.bmc.system = slot3" in written.refused["10.9.1.9"]
    assert [each.known and each.known.host for each in left(found, written, to=None)] == ["n3"]
    assert file.read_text() == text.replace("10.9.1.1, system: slot1", '10.9.1.2, system: "slot4"').replace(
        "slot2", '"slot7"'
    )
