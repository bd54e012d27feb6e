from __future__ import annotations

from dataclasses import replace

import pytest

from metal.bmc.protocol import BootDevice, BootTarget, Power
from metal.chassis import life
from metal.chassis.ledger import Entry
from metal.chassis.life import begin_life, end_life
from metal.errors import HostError, HostFault
from metal.host.wish import ReadyReport, ReadyWish
from metal.settings.fleet import LastingBoot
from tests.unit.metal.chassis.machine import ACCESS, BMC, OWNER, wish

READY = ReadyWish("n1", OWNER, 1, "g1", (), 5, 1, 2**29)
REPORT = ReadyReport("ssh-ed25519 AAAA", "m1", "debian-12", "debian", "6.1", "x86_64", 2, 1024, None, None, 1, "g1")
SEEN = Entry(1, machine_id="m1", host_key="ssh-ed25519 AAAA")


@pytest.fixture
def ready(monkeypatch):
    """Let the host be ready as `report`, or fail as `error`; what is to be proven is proven."""

    def be(report: ReadyReport | None = REPORT, error: HostError | None = None) -> None:
        def make_ready(site, access, wish, *, prove):
            if error is not None:
                raise error
            prove(report)
            return report

        monkeypatch.setattr(life, "make_ready", make_ready)

    be()
    return be


def test_a_life_that_shows_itself_is_noted(site, ledger, ready) -> None:
    assert begin_life(site, ACCESS, READY, ledger, wish()) == REPORT
    assert ledger.read("n1") == SEEN


@pytest.mark.parametrize("left", [replace(SEEN, wipe=True), replace(SEEN, installed=0)])
def test_the_same_system_where_an_install_was_due_is_refused(site, ledger, ready, left) -> None:
    ledger.write("n1", left)
    with pytest.raises(HostError, match="not proven") as caught:
        begin_life(site, ACCESS, READY, ledger, wish())
    assert caught.value.fault is HostFault.OLD_SYSTEM
    assert ledger.read("n1") == replace(left, missed="g1"), "the next run does more than wait"
    ready(replace(REPORT, machine_id="m2", host_key="ssh-ed25519 BBBB"))
    assert begin_life(site, ACCESS, READY, ledger).machine_id == "m2"


@pytest.mark.demand("U30")
def test_a_system_waited_for_in_vain_is_booted_again_by_the_next_run(site, machine, ledger, ready) -> None:
    ledger.note_boot("n1", "g1", installing=True)
    machine.power, machine.obeys_pxe = Power.ON, False
    ready(error=HostError("no answer", fault=HostFault.UNREACHABLE, host="n1", seen="connection refused"))
    with pytest.raises(HostError) as caught:
        begin_life(site, ACCESS, READY, ledger, wish())
    assert caught.value.seen == "connection refused; chassis power is on, boot device default"
    assert "boot device pxe (once), set and read back through its BMC before power" in caught.value.tried[0]
    for words in ("console", "network card", "link", "DHCP", "TFTP", "HTTP boot", "boot_mode", "the next run boots it"):
        assert words in caught.value.next_step
    assert machine.acts == []

    machine.obeys_pxe = True
    ready()
    begin_life(site, ACCESS, READY, ledger, wish())
    assert machine.acts == ["cycle", "installs"]
    assert ledger.read("n1") == SEEN


def test_in_the_middle_of_a_life_nothing_is_booted_again(site, machine, ledger, ready) -> None:
    ledger.write("n1", replace(SEEN, missed="g1", armed="g1"))
    begin_life(site, ACCESS, READY, ledger)
    assert machine.acts == []


def test_a_refused_login_is_no_reason_to_boot_again(site, ledger, ready) -> None:
    ready(error=HostError("the key is refused", fault=HostFault.AUTH, host="n1"))
    with pytest.raises(HostError):
        begin_life(site, ACCESS, READY, ledger, wish())
    assert ledger.read("n1") is None


def test_an_override_that_the_bmc_kept_does_not_install_at_the_next_power_on(site, machine, ledger, ready) -> None:
    machine.power, machine.device = Power.ON, BootDevice(BootTarget.PXE, once=True)
    ledger.note_boot("n1", "g1", installing=True)
    begin_life(site, ACCESS, READY, ledger, wish())
    assert machine.device == BootDevice(BootTarget.DEFAULT)


def test_what_boots_from_now_on_is_set_when_the_install_is_done(site, machine, ledger, ready) -> None:
    ledger.note_boot("n1", "g1", installing=True)
    machine.power = Power.ON
    begin_life(site, ACCESS, READY, ledger, wish(boot_device=LastingBoot.DISK))
    assert machine.device == BootDevice(BootTarget.DISK)


def released(monkeypatch, error: HostError | None = None) -> None:
    def release_host(site, access, wish, *, wipe):
        if error is not None:
            raise error
        return True

    monkeypatch.setattr(life, "release_host", release_host)


@pytest.mark.parametrize("before", [None, Entry(0, wipe=True, machine_id="m0"), replace(SEEN, armed="g1")])
def test_a_life_ends_as_the_state_knows_it_whatever_this_workstation_remembers(
    site, ledger, monkeypatch, before
) -> None:
    released(monkeypatch)
    if before:
        ledger.write("n1", before)
    access = replace(ACCESS, host_key="ssh-ed25519 AAAA")
    end_life(site, access, READY, ledger, machine_id="m1", wipe=False, bmc=BMC, lost=False)
    assert ledger.read("n1") == SEEN
    end_life(site, access, READY, ledger, machine_id="m1", wipe=True, bmc=BMC, lost=False)
    assert ledger.read("n1") == replace(SEEN, wipe=True)


@pytest.mark.parametrize(
    ("power", "silent", "lost", "let_go"),
    [
        (Power.OFF, False, False, True),
        (Power.ON, False, False, False),
        (Power.OFF, True, False, False),
        (Power.ON, True, True, True),
    ],
)
def test_a_host_that_cannot_be_told_is_let_go_only_where_it_is_off_or_lost(
    site, machine, ledger, monkeypatch, power, silent, lost, let_go
) -> None:
    machine.power, machine.silent = power, silent
    released(monkeypatch, HostError("no answer", fault=HostFault.UNREACHABLE, host="n1"))
    ending = {"machine_id": "m1", "wipe": False, "bmc": BMC, "lost": lost}
    if let_go:
        end_life(site, ACCESS, READY, ledger, **ending)
        return
    with pytest.raises(HostError) as caught:
        end_life(site, ACCESS, READY, ledger, **ending)
    assert "lost: true" in str(caught.value)
