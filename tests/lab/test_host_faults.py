"""Every fault of a host's firmware and system, and two of its BMC, on a host that really boots (docs/faults.md).

Reached after bounded attempts, or one clear error with a cure; then, the fault cleared, what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.bmc.service import Engine, bmc_daemon, engine_of
from lab.faults.kinds import KINDS, Player
from lab.host import LabHost
from metal.chassis.boot import arm_boot
from metal.chassis.ledger import Ledger
from metal.chassis.life import begin_life
from metal.chassis.power import reach_power
from metal.chassis.wish import ChassisWish
from metal.cluster.swarm import ensure_node
from metal.errors import HostError, HostFault
from metal.host.ready import make_ready
from metal.host.wish import ReadyReport, ReadyWish
from metal.settings.access import Access, BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.settings.fleet import Deadlines, DockerWish, Fleet, Limits, OnLeave, PowerWish, ReadyFloors
from metal.site import Site
from metal.waiting import Run
from tests.lab.engines import MemoryRecord, Rack, reinstall, together
from tests.lab.members import within
from tests.lab.ready_stack import small_lab
from tests.lab.traces import ssh

pytestmark = [pytest.mark.root, pytest.mark.lab]

OWNER = "faults/tests"
DEADLINES = Deadlines(boot=60, ssh=30, ready=60, packages=60, probe=20, power=120, bmc=30)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("hflt", 110, hosts=2) as lab:
        yield lab


@pytest.fixture(autouse=True)
def cleared(lab: Lab) -> Iterator[None]:
    """A test that fails leaves its fault to nobody."""
    yield
    for host in lab.hosts:
        if host.power_is_on() and host.faults():
            host.clear_faults()


@dataclass
class Life:
    """One host's way from powered off to ready: the first three links of its chain, without an engine.

    :ivar lines: every line of progress.
    """

    lab: Lab
    folder: Path
    lines: list[str] = field(default_factory=list)
    deadlines: Deadlines = DEADLINES
    generation: int = 0
    host_key: str | None = None

    @property
    def host(self) -> LabHost:
        return self.lab.host("n1")

    def site(self, **shorter: float) -> Site:
        """A run of its own, as every `up` is."""
        fleet = Fleet(OWNER, {}, {}, Limits(), replace(self.deadlines, **shorter), ReadyFloors(), DockerWish(), None)  # type: ignore[arg-type]
        login = self.lab.bmc_login
        secrets = {"ssh-lab": self.lab.ssh_key.read_text(), "bmc-lab": f"{login.user}:{login.password}"}
        credentials = Credentials.from_config({f"metalswarm:{key}": value for key, value in secrets.items()}, {})
        return Site.open(fleet, credentials, Run(progress=self.lines.append))

    @property
    def access(self) -> Access:
        return Access("n1", str(self.host.spec.address), 22, "root", "lab", False, self.host_key)

    @property
    def chassis(self) -> ChassisWish:
        spec = self.host.spec
        bmc = BmcAddress("n1", str(spec.bmc), spec.bmc_port, BmcProtocol.IPMI, "lab")
        return ChassisWish(
            "n1", OWNER, f"g{self.generation}", self.generation, True, False, PowerWish.ON, self.access, bmc,
            OnLeave.KEEP, OnLeave.OFF,
        )  # fmt: skip

    @property
    def wish(self) -> ReadyWish:
        return ReadyWish("n1", OWNER, self.generation, f"g{self.generation}", ("debian-12",), 5.0, 1, 2**28)

    def install(self, **shorter: float) -> ReadyReport:
        """A new life."""
        self.generation += 1
        self.host_key = None
        ledger = Ledger(self.folder / "ledger")
        with self.site(**shorter) as site:
            arm_boot(site, self.chassis, ledger)
            reach_power(site, self.chassis, ledger)
            return self._begin(site, ledger)

    def resume(self, **shorter: float) -> ReadyReport:
        """The next run after one whose host did not become ready."""
        with self.site(**shorter) as site:
            return self._begin(site, Ledger(self.folder / "ledger"))

    def _begin(self, site: Site, ledger: Ledger) -> ReadyReport:
        report = begin_life(site, self.access, self.wish, ledger, self.chassis)
        self.host_key = report.host_key
        return report

    def ready(self, **shorter: float) -> ReadyReport:
        """A look at a host that is in its life, by a run of its own."""
        self.lines.clear()
        with self.site(**shorter) as site:
            return make_ready(site, self.access, self.wish)

    def refused(self, **shorter: float) -> HostError:
        with pytest.raises(HostError) as caught:
            self.ready(**shorter)
        error = caught.value
        assert error.host == "n1"
        assert all((error.tried, error.seen, error.next_step)), str(error)
        return error


@pytest.fixture(scope="module")
def life(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return Life(lab, tmp_path_factory.mktemp("life"))


@pytest.fixture
def lived(life: Life) -> Life:
    """The same, its host ready."""
    if not life.generation:
        life.install()
    return life


def held(life: Life) -> None:
    """Return when the process that holds the lock is there."""
    within(30, lambda: ssh(life.lab, "n1", "pgrep -f '[F]_SETLKW' || true") != "")


def engine(host: LabHost) -> Engine | None:
    process = bmc_daemon(host.spec).process()
    assert process
    return engine_of(process)


@pytest.mark.demand("U20", "U28")
def test_a_one_shot_that_is_lost_is_missed_and_armed_again_by_the_next_run(life: Life) -> None:
    host = life.host
    assert engine(host) is Engine.SIMULATOR
    with life.site() as site, site.bmcs.open(life.chassis.bmc, deadline=site.run.deadline(30)) as bmc:
        guid = bmc.guid()
    host.fault("boot-device-lost", count=1)
    assert engine(host) is Engine.SMALL
    with life.site() as site, site.bmcs.open(life.chassis.bmc, deadline=site.run.deadline(30)) as bmc:
        assert bmc.guid() == guid, "the same metal, whatever plays its BMC"
    with pytest.raises(HostError) as caught:
        life.install(boot=3, ssh=2)
    assert host.status().firmware == "no system on disk"
    assert "chassis power is on" in caught.value.seen
    assert host.status().faults == ("boot-device-lost (struck 1x, over)",)
    assert life.resume().generation == 1
    assert host.status().installs == 1
    assert host.clear_faults() == ("boot-device-lost",)
    assert engine(host) is Engine.SIMULATOR
    assert host.power_is_on(), "a change of the BMC's program leaves the machine alone"


@pytest.mark.demand("U11", "U13", "U27")
def test_a_reinstall_through_a_bmc_that_restarts_at_each_control_installs_once(life: Life) -> None:
    life.host.fault("bmc-reset", count=2, seconds=4)
    report = life.install()
    assert (report.generation, life.host.status().installs) == (2, 2)
    life.host.clear_faults()


@pytest.mark.demand("U30", "U31")
def test_a_boot_that_hangs_is_one_error_and_booted_again_by_the_next_run(life: Life) -> None:
    host = life.host
    host.fault("boot-hangs", count=1)
    with pytest.raises(HostError) as caught:
        life.install(boot=3, ssh=2)
    assert host.status().firmware == "hangs"
    assert "does not answer by SSH" in caught.value.what
    assert "chassis power is on" in caught.value.seen
    assert "boot device pxe (once)" in caught.value.tried[0]
    for words in ("console", "link", "DHCP", "TFTP", "HTTP boot"):
        assert words in caught.value.next_step
    assert life.resume().generation == 3
    assert host.status().installs == 3
    host.clear_faults()


@pytest.mark.demand("U37")
def test_a_lock_is_waited_for_and_its_holder_named(lived: Life) -> None:
    lived.host.fault("dpkg-locked", seconds=20)
    held(lived)
    lived.ready()
    lived.host.fault("dpkg-locked", seconds=600)
    held(lived)
    error = lived.refused(packages=3)
    assert error.fault is HostFault.TIMEOUT
    assert "perl" in str(error)
    assert "/var/lib/dpkg/lock-frontend" in str(error)
    lived.host.clear_faults("dpkg-locked")
    lived.ready(packages=10)


@pytest.mark.demand("R2")
def test_a_wrong_clock_is_found_with_what_is_expected(lived: Life) -> None:
    lived.host.fault("clock-skew", seconds=90)
    error = lived.refused(ready=5)
    assert error.fault is HostFault.NOT_READY
    assert "s ahead of ours" in error.seen
    assert "at most 5 s" in error.seen
    assert "time synchronisation" in error.next_step
    lived.host.clear_faults()
    lived.ready()


@pytest.mark.demand("U38")
def test_another_host_key_is_refused_and_the_right_one_taken_again(lived: Life) -> None:
    lived.host.fault("host-key-changed")
    error = lived.refused()
    assert error.fault is HostFault.HOST_KEY
    assert "host_key" in error.next_step
    lived.host.clear_faults()
    lived.ready()


def test_a_read_only_disk_is_named(lived: Life) -> None:
    lived.host.fault("disk-read-only")
    error = lived.refused()
    assert error.fault is HostFault.NOT_READY
    assert "read-only" in error.seen
    assert "dmesg" in error.next_step
    lived.host.clear_faults()
    lived.ready()


@pytest.mark.demand("U27", "U31")
def test_ssh_before_the_system_is_done_is_waited_for_and_what_starts_is_named(lived: Life) -> None:
    host = lived.host
    host.fault("slow-boot", seconds=12)
    before = ssh(lived.lab, "n1", "cat /proc/sys/kernel/random/boot_id")
    host.kill()
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    lived.ready()
    assert ssh(lived.lab, "n1", "cat /proc/sys/kernel/random/boot_id") != before
    assert any("starting lab-fault-slow-boot.service" in line for line in lived.lines), lived.lines
    assert ssh(lived.lab, "n1", "systemctl is-system-running") == "running"
    host.clear_faults()
    assert host.status().faults == ()
    assert ssh(lived.lab, "n1", "find /etc /usr/local -name '*lab-fault*' -o -path /usr/local/bin/date") == ""


def main_pid(rack: Rack, name: str) -> str:
    shown = rack.ssh(name).run(["systemctl", "show", "--property=MainPID", "--value", "docker.service"])
    return shown.stdout.strip()


@pytest.mark.demand("U49")
def test_an_engine_that_restarts_in_the_middle_of_a_join_is_in_the_swarm_once(lab: Lab) -> None:
    together(*(lambda name=name: reinstall(lab, name) for name in ("n1", "n2")))
    rack, record = Rack(lab, ["n1"], ["n2"]), MemoryRecord()
    try:
        together(*(lambda name=name: rack.engine(name) for name in ("n1", "n2")))
        ensure_node(rack.site, rack.node_wish("n1"), record)
        lab.host("n2").fault("docker-restart")
        before = main_pid(rack, "n2")
        report = ensure_node(rack.site, rack.node_wish("n2"), record)
        within(60, lambda: main_pid(rack, "n2") not in ("0", before))
        assert ensure_node(rack.site, rack.node_wish("n2"), record) == report
        nodes = rack.docker("n1", "node", "ls", "--format", "{{.Hostname}} {{.Status}}").splitlines()
        assert sorted(nodes) == ["n1 Ready", "n2 Ready"]
    finally:
        rack.site.close()
        lab.host("n2").clear_faults()


def test_every_kind_of_a_host_is_tried() -> None:
    elsewhere = (Path(__file__).parent / "test_failures.py").read_text()
    assert "ignore_network_boot" in elsewhere
    text = Path(__file__).read_text() + '"network-boot-ignored"'
    assert [k.name for k in KINDS if k.player is not Player.BMC and f'"{k.name}"' not in text] == []
