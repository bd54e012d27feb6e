"""Logins to what was found, over real TLS and RMCP+: which certificate gets the password, and how often."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import discover as command
from lab.bmc.responder import Responder as Ipmi
from lab.redfish.certificate import Certificate
from lab.redfish.responder import Responder as Redfish
from lab.redfish.tree import BMC_MAC, SystemSpec, documents
from metal.discover import Discovery, Wish, discover
from metal.discover.discover import known_hosts
from metal.discover.match import Known, Verdict
from metal.settings.credentials import Credentials
from metal.settings.inventory import read_inventory
from metal.settings.problems import Problems
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import PASSWORD, USER
from tests.unit.metal.bmc.redfish.conftest import certificate, redfish  # noqa: F401
from tests.unit.metal.bmc.redfish.emulator import MACS, SYSTEMS, Emulator

UUID = "4c4c4544-0042-4b10-8056-b7c04f4a3132"
FIRST = SystemSpec(uuid=UUID, serial="7XK2PQ1", macs=["00:25:b5:aa:01:01", "00:25:b5:aa:01:02"])


def look(responder: Redfish, *, ipmi: Ipmi | None = None, known: tuple[Known, ...] = (), **how: object) -> Discovery:
    password = how.pop("password", PASSWORD)
    wish = Wish("rack", ipmi.port if ipmi else 1, responder.port, patience=0.2, **how)  # type: ignore[arg-type]
    credentials = Credentials.from_config({"metalswarm:bmc-rack": f"{USER}:{password}"}, {})
    return discover([responder.address], wish, known=known, credentials=credentials, run=Run())


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    made = Emulator(tmp_path, USER, PASSWORD)
    made.start()
    yield made
    made.stop()


@pytest.mark.demand("H2")
def test_a_bmc_without_ipmi_tells_its_machine(redfish: Callable[..., Redfish], certificate: Certificate) -> None:  # noqa: F811
    responder = redfish(tree=documents([FIRST]))
    match = look(responder, ca=certificate.pem).matches[0]
    machine = match.found.machine
    assert machine is not None
    assert (machine.serial, machine.uuid, machine.power, machine.firmware) == ("7XK2PQ1", UUID, "off", "1.2.3")
    assert (machine.macs, machine.mac) == (("00:25:b5:aa:01:01", "00:25:b5:aa:01:02"), BMC_MAC)
    assert (match.verdict, match.found.vouched, match.found.system) == (Verdict.NEW, True, "")
    assert responder.open_sessions == 0
    assert {method for method, _, _ in responder.log} <= {"GET", "POST", "DELETE"}
    assert responder.board.executed == []


def test_no_password_goes_to_a_certificate_that_nobody_trusts(redfish: Callable[..., Redfish]) -> None:  # noqa: F811
    responder = redfish()
    found = look(responder).matches[0].found
    assert "not trusted" in found.trouble
    assert "no password was sent" in found.trouble
    assert "sha256:" in found.trouble
    assert [who for _, _, who in responder.log] == [""], "more than the service root was asked for"
    other = (Known("n1", "a.yaml", bmc="127.0.0.1", bmc_addresses=("127.0.0.1",), fingerprint="sha256:" + "0a" * 32),)
    pinned = look(responder, known=other, trust_shown=True).matches[0].found
    assert "another certificate than the pinned one" in pinned.trouble, "what is pinned is no matter of taste"
    assert not any(who for _, _, who in responder.log)


def test_what_is_shown_is_taken_where_that_is_asked_for_and_what_is_pinned_always(
    redfish: Callable[..., Redfish],  # noqa: F811
    certificate: Certificate,  # noqa: F811
) -> None:
    responder = redfish(tree=documents([FIRST]))
    assert look(responder, trust_shown=True).matches[0].found.machine is not None
    pin, here = certificate.fingerprint, ("127.0.0.1",)
    known = Known("n1", "a.yaml", uuid=UUID, bmc=here[0], bmc_addresses=here, fingerprint=pin)
    assert look(responder, known=(known,)).matches[0].verdict is Verdict.KNOWN


def test_a_wrong_password_is_tried_once_over_whichever_protocol(redfish: Callable[..., Redfish]) -> None:  # noqa: F811
    responder, ipmi = redfish(), Ipmi(USER, PASSWORD)
    try:
        both = look(responder, ipmi=ipmi, trust_shown=True, password="not-the-one").matches[0].found
    finally:
        ipmi.close()
    assert both.trouble.startswith("wrong password")
    assert [kind for kind, _ in ipmi.log].count(0x12) == 1
    assert responder.bad_logins == 0
    alone = look(responder, trust_shown=True, password="not-the-one").matches[0].found
    assert alone.trouble.startswith("wrong user or password")
    assert responder.bad_logins == 1


def test_beside_ipmi_it_tells_the_macs_of_the_host(redfish: Callable[..., Redfish], certificate: Certificate) -> None:  # noqa: F811
    ipmi = Ipmi(USER, PASSWORD, guid=bytes.fromhex(UUID.replace("-", "")))
    second = SystemSpec(id="2", uuid="00000000-0000-4000-8000-000000000002", serial="B2", macs=["00:25:b5:aa:02:01"])
    responder = redfish(tree=documents([second, FIRST]))
    try:
        trusted = look(responder, ipmi=ipmi, ca=certificate.pem).matches
        assert [each.found.machine.macs for each in trusted if each.found.machine] == [tuple(FIRST.macs)]
        unread = look(responder, ipmi=ipmi).matches[0].found
    finally:
        ipmi.close()
    assert (unread.trouble, unread.machine is not None) == ("", True)
    assert "no password was sent" in unread.unread


def test_each_system_of_somebody_elses_redfish_is_a_machine(emulator: Emulator, tmp_path: Path, monkeypatch) -> None:
    """The whole command: sushy-tools' emulator with two systems, found, written, valid, and known the next time."""
    monkeypatch.setenv("METALSWARM_BMC_RACK", f"{USER}:{PASSWORD}")
    file = tmp_path / "found.yaml"
    where = ["127.0.0.1", "--port", "1", "--redfish-port", str(emulator.port), "--patience", "0.2"]
    asked = [*where, "--credentials", "rack", "--write", str(file), "--trust-shown"]
    done = CliRunner().invoke(command.app, asked)
    assert done.exit_code == 0, done.output
    problems = Problems()
    read = read_inventory([str(file)], Path(), problems)
    assert problems.lines == []
    hosts = sorted(read.facts.values(), key=lambda each: str(each.uuid))
    assert [each.uuid for each in hosts] == sorted(SYSTEMS.values())
    assert [each.macs for each in hosts] == [(MACS["blade1"],), (MACS["blade2"],)]
    assert [each.bmc.system for each in hosts if each.bmc] == sorted(SYSTEMS.values())
    assert {each.bmc.fingerprint for each in hosts if each.bmc} == {emulator.certificate.fingerprint}
    names = {name: str(file) for name in read.facts}
    assert [each.system for each in known_hosts(read.facts, names)] == [
        each.bmc.system for each in read.facts.values() if each.bmc
    ]

    # The fingerprints that were written are what is trusted now.
    again = CliRunner().invoke(command.app, [*asked[:-1], "--json"])
    assert again.exit_code == 0, again.output
    assert [each["verdict"] for each in json.loads(again.stdout)["found"]] == ["known", "known"]
    assert PASSWORD not in done.output + again.output
