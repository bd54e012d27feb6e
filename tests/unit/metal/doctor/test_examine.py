"""BMCs that are well, shut, silent, slow to keep what they are told: looked at for real, on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.bmc.responder import Responder, Temper
from lab.faults.kinds import kind_named
from lab.redfish.certificate import make_certificate
from lab.redfish.responder import Responder as RedfishResponder
from metal.bmc.passwords.record import Change, Phase, Records, spell
from metal.chassis.ledger import Entry, Ledger
from metal.doctor import CHECKS, Examination, examine
from metal.errors import Cancelled, SettingsError
from metal.settings.access import Access, BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.settings.fleet import (
    Deadlines,
    DockerWish,
    FirmwareMode,
    Fleet,
    HostFacts,
    HostWish,
    Limits,
    OnLeave,
    PowerWish,
    Purpose,
    ReadyFloors,
)
from metal.site import Site
from metal.waiting import Run
from tests.lab.bmc_faults import BlackHole
from tests.waiting import wait_for

USER, PASSWORD = "admin", "s3cret-of-test"
PERSISTENT_PXE = bytes.fromhex("c004000000")
ONCE_PXE = bytes.fromhex("8004000000")


def host(name: str, bmc: BmcAddress | None, **facts: object) -> HostWish:
    known: dict[str, object] = {
        "name": name,
        # Nothing listens there, which is told at once.
        "access": Access(name, "127.0.0.1", 1, "root", "none", sudo=False),
        "bmc": bmc,
        "serial": None,
        "uuid": None,
        "macs": (),
        "rack": None,
        "hold": None,
        "lost": False,
        "protected": False,
        "blank": False,
    }
    return HostWish(
        **known | facts,  # type: ignore[arg-type]
        generation=1,
        purpose=Purpose.FREE,
        pool="spare",
        power=PowerWish.ON,
        cluster=None,
        is_manager=False,
        is_consul_server=False,
        is_container_manager=False,
        labels={},
        on_leave=OnLeave.KEEP,
        on_destroy=OnLeave.KEEP,
        max_unavailable=1,
    )


class Rack:
    """A few hosts and what examines them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger")
        self.hosts: dict[str, HostWish] = {}
        self.unmanaged: dict[str, HostFacts] = {}
        self.responders: dict[str, Responder] = {}
        self.limits = Limits()
        self.config = {f"metalswarm:bmc-{USER}": f"{USER}:{PASSWORD}"}

    def add(self, name: str, *, profile: str = USER, **temper: object) -> Responder:
        """A host that is off, with a small BMC."""
        responder = self.responders[name] = Responder(USER, PASSWORD, Temper(**temper))  # type: ignore[arg-type]
        self.put(name, responder.address, responder.port, profile)
        return responder

    def put(self, name: str, address: str, port: int, profile: str = USER, **facts: object) -> None:
        self.hosts[name] = host(name, BmcAddress(name, address, port, BmcProtocol.IPMI, profile), **facts)

    def changed(self, name: str, phase: Phase, *, before: str, after: str) -> None:
        """A record of a change of the BMC's password, as a run leaves it."""
        bmc = self.hosts[name].bmc
        assert bmc
        change = Change(spell(bmc), before, after, phase, since="2027-01-01T00:00:00+00:00")
        Records(self.folder / ".metalswarm" / "ledger" / "doctor.tests" / "bmc").write(bmc, change)

    def examine(self, *names: str, run: Run | None = None, seconds: float = 4, **how: object) -> dict[str, Examination]:
        deadlines = Deadlines(bmc=seconds)
        fleet = Fleet(
            "doctor/tests", self.hosts, {}, self.limits, deadlines, ReadyFloors(), DockerWish(), None, self.unmanaged
        )
        secrets = Credentials.from_config(self.config, {})
        with Site.open(fleet, secrets, run or Run(), folder=self.folder) as site:
            return dict(examine(site, names, ledger=self.ledger, **how).hosts)  # type: ignore[arg-type]


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[Rack]:
    made = Rack(tmp_path)
    yield made
    for responder in made.responders.values():
        responder.close()


def codes(found: Examination) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.demand("U11")
def test_a_bmc_that_is_well(rack: Rack) -> None:
    responder = rack.add("n1")
    found = rack.examine()["n1"]
    states = {check: found.words[check].state for check in CHECKS}
    assert found.good, found.findings
    assert (states["bmc"], states["suites"], states["privilege"]) == ("ipmi", "3, 17", "administrator")
    assert (states["firmware"], states["power"], states["boot"], states["ssh"]) == ("9.18", "off", "kept", "is off")
    assert states["session"].endswith(" s")
    wait_for("every session is closed", lambda: responder.open_slots == 0)
    assert responder.executed == [], "power was touched"


@pytest.mark.parametrize("flags", [bytes(5), PERSISTENT_PXE, bytes.fromhex("0014000000")])
def test_boot_flags_are_as_they_were_afterwards(rack: Rack, flags: bytes) -> None:
    responder = rack.add("n1")
    responder.flags = flags
    assert rack.examine()["n1"].words["boot"].state == "kept"
    assert responder.flags == flags
    assert [command for _, command in responder.log].count((0, 0x08)) >= 2, "nothing was tried"


@pytest.mark.parametrize("why", ["once", "read-only", "armed", "in no pool", "hold"])
def test_boot_flags_are_not_touched(rack: Rack, why: str) -> None:
    responder = rack.add("n1")
    responder.flags = ONCE_PXE if why == "once" else bytes(5)
    if why == "armed":
        rack.ledger.write("n1", Entry(0, armed="g1"))
    if why == "in no pool":
        rack.unmanaged["n1"] = rack.hosts.pop("n1")
    if why == "hold":
        rack.hosts["n1"] = replace(rack.hosts["n1"], hold="RMA")
    before = responder.flags
    found = rack.examine("n1", read_only=why == "read-only")["n1"]
    assert found.good, found.findings
    assert (0, 0x08) not in [command for _, command in responder.log]
    assert responder.flags == before
    if why == "hold":
        assert responder.log == [], "a host on hold was dialled"
        assert found.words["ssh"].state == "untouched"
    else:
        assert found.words["boot"].state == "skipped"
        assert found.words["boot"].detail


def test_a_bmc_that_forgets_boot_flags(rack: Rack) -> None:
    rack.add("n1", forgets_flags=99)
    found = rack.examine()["n1"]
    assert codes(found) == ["boot-not-kept"]
    assert found.words["boot"].state == "not kept"


@pytest.mark.demand("R3")
def test_boot_flags_are_tried_in_the_mode_that_a_run_would_ask_for(rack: Rack) -> None:
    responder = rack.add("n1")
    rack.hosts["n1"] = replace(rack.hosts["n1"], boot_mode=FirmwareMode.UEFI)
    responder.flags = PERSISTENT_PXE
    written: list[str] = []
    keep = responder.memory.set_flags

    def note(flags: bytes, *, lasting: bool) -> None:
        written.append(flags.hex())
        keep(flags, lasting=lasting)

    responder.memory.set_flags = note  # type: ignore[method-assign]
    assert rack.examine()["n1"].words["boot"].state == "kept"
    assert written == ["a008000000", PERSISTENT_PXE.hex()]

    # One that drops the mode: found out, and what was there before is back all the same.
    def drop(flags: bytes, *, lasting: bool) -> None:
        keep(bytes((flags[0] & ~0x20, *flags[1:])), lasting=lasting)

    responder.memory.set_flags = drop  # type: ignore[method-assign]
    found = rack.examine()["n1"]
    assert codes(found) == ["boot-not-kept"]
    assert "take boot_mode out" in found.findings[0].cure
    assert responder.flags == PERSISTENT_PXE


def test_a_cancel_in_the_middle_puts_boot_flags_back(rack: Rack) -> None:
    run = Run()
    responder = rack.add("n1", forgets_flags=2)
    responder.flags = PERSISTENT_PXE

    def stop_when_set() -> None:
        while responder.flags == PERSISTENT_PXE:
            time.sleep(0.001)
        run.cancel.set()

    watcher = threading.Thread(target=stop_when_set)
    watcher.start()
    with pytest.raises(Cancelled):
        rack.examine(run=run)
    watcher.join()
    assert responder.flags == PERSISTENT_PXE


def test_a_wrong_password_is_tried_once_and_shown_nowhere(rack: Rack) -> None:
    responder = rack.add("n1")
    rack.config = {f"metalswarm:bmc-{USER}": f"{USER}:not-the-one"}
    found = rack.examine()["n1"]
    assert codes(found)[0] == "login-authentication"
    assert [kind for kind, _ in responder.log].count(0x12) == 1, "a second try may lock the account"
    assert "not-the-one" not in str(found.to_dict())
    wait_for("the login that was refused is given up", lambda: responder.open_slots == 0)


@pytest.mark.demand("U35")
def test_a_changed_password_is_used_before_the_settings_name_it_and_none_is_guessed(rack: Rack) -> None:
    responder = rack.add("n1", profile="old")
    rack.config = {"metalswarm:bmc-old": f"{USER}:the-old-one", "metalswarm:bmc-new": f"{USER}:{PASSWORD}"}
    rack.changed("n1", Phase.CHANGED, before="old", after="new")
    assert rack.examine()["n1"].good
    responder.set_password("set-back")
    found = rack.examine()["n1"]
    assert codes(found)[0] == "login-authentication"
    assert "metalswarm bmc password n1 --forget` goes back to 'old'" in found.findings[0].cure
    wait_for("the login that was refused is given up", lambda: responder.open_slots == 0)
    responder.log.clear()
    rack.changed("n1", Phase.CHANGING, before="old", after="new")
    found = rack.examine()["n1"]
    assert codes(found)[0] == "bmc-authentication"
    assert "bmc password n1 --to new" in found.findings[0].cure
    assert responder.log == [], "a login was tried, and either password may be the wrong one"


@pytest.mark.demand("U11")
def test_auto_is_looked_at_by_the_protocol_that_a_run_would_use(rack: Rack, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path / "bmc.pem", "127.0.0.1")
    ipmi = Responder(USER, PASSWORD, Temper())
    redfish = RedfishResponder(USER, PASSWORD, certificate=certificate)
    auto = BmcAddress(
        "n1",
        ipmi.address,
        ipmi.port,
        BmcProtocol.AUTO,
        USER,
        redfish_port=redfish.port,
        fingerprint=certificate.fingerprint,
    )
    rack.hosts["n1"] = host("n1", auto)
    found = rack.examine()["n1"]
    assert found.good, found.findings
    assert (found.words["bmc"].state, found.words["power"].state, found.words["boot"].state) == (
        "auto: redfish",
        "off",
        "kept",
    )
    assert 0x12 not in {kind for kind, _ in ipmi.log}, "a login where no run would make one"
    assert redfish.open_sessions == 0
    redfish.close()
    for _ in range(2):
        found = rack.examine()["n1"]
        assert codes(found) == ["redfish-silent"]
        assert (found.words["bmc"].state, found.words["suites"].state) == ("auto: ipmi", "3, 17")
    ipmi.close()
    found = rack.examine()["n1"]
    assert codes(found)[0] == "bmc-unreachable"
    assert "neither over Redfish nor over IPMI" in found.findings[0].what


def test_a_profile_without_a_secret_is_a_finding_of_its_hosts_alone(rack: Rack) -> None:
    rack.add("n1", profile="forgotten")
    rack.add("n2")
    found = rack.examine()
    assert codes(found["n1"])[0] == "login-settings"
    assert "metalswarm:bmc-forgotten" in found["n1"].findings[0].what
    assert found["n2"].good


@pytest.mark.parametrize(
    ("temper", "code"),
    [
        ({"slots": 0}, "login-no-session-slot"),
        ({"suites": frozenset()}, "login-cipher-suite"),
        ({"highest": 3}, "privilege-low"),
        ({"highest_role": 2}, "login-privilege"),
    ],
)
def test_what_keeps_a_bmc_from_being_used_is_named(rack: Rack, temper: dict[str, object], code: str) -> None:
    rack.add("n1", **temper)
    found = rack.examine()["n1"]
    assert code in codes(found)
    assert all(finding.cure for finding in found.findings)


def test_a_bmc_that_answers_busy_is_not_told_to_be_away(rack: Rack) -> None:
    rack.add("n1").faults.set(*kind_named("busy").rules())
    found = rack.examine()["n1"]
    assert codes(found)[0] == "login-busy"
    assert (found.words["bmc"].state, found.words["session"].state) == ("ipmi", "busy")
    assert "reachable by UDP" not in found.findings[0].cure


def test_one_file_of_the_ledger_that_cannot_be_read_hides_no_other_host(rack: Rack) -> None:
    rack.add("n1")
    rack.add("n2")
    (rack.folder / ".metalswarm" / "ledger" / "doctor.tests" / "bmc" / "n1.json").mkdir(parents=True)
    (rack.folder / "ledger" / "n1.json").mkdir(parents=True)
    found = rack.examine()
    assert codes(found["n1"])[0] == "bmc-failed"
    assert "n1.json" in found["n1"].findings[0].what
    assert "read and write" in found["n1"].findings[0].cure
    assert found["n2"].good


@pytest.mark.parametrize("suite", [3, 17])
def test_one_cipher_suite_is_enough(rack: Rack, suite: int) -> None:
    rack.add("n1", suites=frozenset({suite}))
    found = rack.examine()["n1"]
    assert found.good, found.findings
    assert (found.words["suites"].state, found.words["suites"].detail) == (str(suite), f"lists {suite}")


def test_a_cipher_suite_that_gets_no_answer_is_told_apart_from_a_slow_bmc(rack: Rack) -> None:
    rack.add("n1").faults.set(*kind_named("suite-17-silent").rules())
    found = rack.examine(seconds=60)["n1"]
    (finding,) = found.findings
    assert finding.code == "suite-silent"
    assert "waits 4.5 s" in finding.what or "waits 4.6 s" in finding.what
    assert (found.words["session"].good, found.words["suites"].state) == (True, "17")


@pytest.mark.demand("U11")
def test_dead_bmcs_are_told_apart_and_keep_nobody_waiting(rack: Rack) -> None:
    """Each in the budget's way of the others: two at a time, and three of the five never answer."""
    hole, gone = BlackHole("127.0.130.9"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    gone.bind(("127.0.130.9", 0))
    rack.put("closed", *gone.getsockname())
    gone.close()
    rack.put("silent", hole.address, hole.port)
    rack.put("mute", "no-such-name.invalid", 623)
    rack.add("n1")
    rack.add("n2")
    rack.limits = Limits(bmc_sessions=2, bmc_per_subnet=2)
    found = rack.examine()
    hole.close()
    assert codes(found["closed"])[0] == "bmc-unreachable"
    assert codes(found["mute"])[0] == "bmc-unreachable"
    assert codes(found["silent"])[0] == "bmc-timeout"
    assert found["n1"].good
    assert found["n2"].good


def test_a_host_without_a_bmc_is_looked_at_over_ssh_alone(rack: Rack) -> None:
    rack.hosts["n1"] = host("n1", None)
    found = rack.examine()["n1"]
    assert found.words["bmc"].state == "none"
    assert codes(found) == ["ssh-settings"], "its key profile has no secret"
    assert found.words["ssh"].state == "not asked", "without a key nobody was"


def test_an_unknown_host_is_bad_settings(rack: Rack) -> None:
    rack.add("n1")
    with pytest.raises(SettingsError, match=r"n7: no such host in the inventory; allowed: n1"):
        rack.examine("n1", "n7")
