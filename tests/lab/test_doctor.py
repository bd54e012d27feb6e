"""`metalswarm doctor` on a host that really runs: well, off, disk read-only, clock off, package manager held."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.chassis.ledger import Ledger
from metal.doctor import Examination, examine, observe_host
from metal.host.clock import measure_skew
from metal.host.packages.lock import lock_holder
from metal.settings import load_fleet
from metal.settings.credentials import Credentials
from metal.site import Site
from metal.waiting import Pending, Run, wait_until
from tests.lab.members import reinstall_all
from tests.lab.ready_stack import small_lab

pytestmark = pytest.mark.lab

LOCK = "/var/lib/dpkg/lock-frontend"
# dpkg's own kind of lock (fcntl), taken with what every Debian system has.
HOLDER = (
    f"use Fcntl; open(F, '+<', '{LOCK}') or die; "
    "my $l = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep 300"
)
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBYWDaj73lhUnC/S10CIBX0xbcPUJ04nxiSPfw2JH+xg"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("doct", 130, hosts=1) as lab:
        reinstall_all(lab, ["n1"])
        yield lab


class Doctor:
    """One host's fleet, examined as often as wanted."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        machine = lab.spec.machine("n1")
        login = lab.bmc_login
        self._folder = folder
        self._host: dict[str, object] = {
            "address": str(machine.address),
            "bmc": {"address": str(machine.bmc), "port": machine.bmc_port, "credentials": "default"},
        }
        self._config = {
            "metalswarm:ssh-default": lab.ssh_key.read_text(),
            "metalswarm:bmc-default": f"{login.user}:{login.password}",
        }

    def site(self, **facts: object) -> Site:
        inventory = {"hosts": {"n1": self._host | facts}}
        (self._folder / "inventory.yaml").write_text(yaml.safe_dump(inventory))
        document = {"inventory": ["inventory.yaml"], "pools": {"web": {"purpose": "ready", "hosts": ["n1"]}}}
        fleet = load_fleet(document, root=self._folder, owner="doctor/lab")
        return Site.open(fleet, Credentials.from_config(self._config, {}), Run())

    def __call__(self, **facts: object) -> Examination:
        with self.site(**facts) as site:
            return examine(site, ledger=Ledger(self._folder / "ledger")).hosts["n1"]


@pytest.fixture
def doctor(lab: Lab, tmp_path: Path) -> Doctor:
    return Doctor(lab, tmp_path)


@pytest.mark.demand("U38")
def test_a_running_host(lab: Lab, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    well = doctor()
    states = {check: word.state for check, word in well.words.items()}
    assert well.good, well.findings
    assert (states["power"], states["ssh"], states["lock"], states["boot"]) == ("on", "ok", "free", "kept")
    assert well.words["clock"].good
    assert lab.host("n1").status().boot == "default"

    other = doctor(host_key=OTHER_KEY)
    assert [finding.code for finding in other.findings if not finding.ignored] == ["ssh-host-key"]
    assert other.words["clock"].state == "-", "nothing is asked of a host that is not known to be the one"

    monkeypatch.setattr(observe_host, "measure_skew", partial(measure_skew, clock=lambda: time.time() - 60))
    late = doctor()
    assert [finding.code for finding in late.findings if not finding.ignored] == ["clock-skew"]
    assert late.words["clock"].state.startswith(("+59", "+60"))


def test_a_held_package_manager_is_named(doctor: Doctor) -> None:
    with doctor.site() as site:
        ssh = site.ssh.connect(site.access("n1"), deadline=site.run.deadline(60))
        ssh.run(["systemd-run", "--quiet", "--unit=holder", "perl", "-e", HOLDER])
        wait_until(
            "the lock is held",
            lambda: lock_holder(ssh, [LOCK]) or Pending("free"),
            deadline=site.run.deadline(30),
            fail=lambda what, seen: AssertionError(what),  # type: ignore[arg-type,return-value]
            interval=0.2,
        )
        try:
            held = doctor()
        finally:
            ssh.run(["systemctl", "stop", "holder"])
    assert [finding.code for finding in held.findings if not finding.ignored] == ["packages-locked"]
    assert "perl" in held.findings[-1].what


def test_a_disk_that_cannot_be_written_to_is_named(lab: Lab, doctor: Doctor) -> None:
    lab.host("n1").fault("disk-read-only")
    shut = doctor()
    lab.host("n1").clear_faults()
    assert [finding.code for finding in shut.findings if not finding.ignored] == ["disk-read-only"]
    assert "/var" in shut.findings[-1].what
    assert doctor().words["disk"].state == "ok"


@pytest.mark.demand("U11")
def test_a_host_that_is_off_and_one_whose_bmc_is_unplugged(lab: Lab, doctor: Doctor) -> None:
    host = lab.host("n1")
    host.unplug()
    dead = doctor()
    host.plug()
    assert [finding.code for finding in dead.findings if not finding.ignored] == ["bmc-unreachable"]
    assert dead.words["ssh"].state == "ok", "the host is looked at all the same"
    host.power(PowerAct.OFF)
    wait_until(
        "the host is off",
        lambda: Pending("on") if host.power_is_on() else True,
        deadline=Run().deadline(60),
        fail=lambda what, seen: AssertionError(what),  # type: ignore[arg-type,return-value]
        interval=0.2,
    )
    off = doctor()
    assert off.good, off.findings
    assert (off.words["power"].state, off.words["ssh"].state) == ("off", "is off")
