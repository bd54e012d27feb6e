"""What a pool asks of a host beyond floors, on a host that really boots: expected and found, and the burn-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lab.api import Lab
from metal.cluster.burn_in import ensure_burned_in
from metal.cluster.disrupt import at_once
from metal.errors import Cancelled, HostError, HostFault
from metal.host.burn_in import observe_burn_in
from metal.host.marker import read_marker
from metal.host.ready import make_ready, observe_ready, release_host
from metal.host.ssh import Ssh
from metal.host.wish import ReadyWish
from metal.plan.burn_in import BurnInState, fingerprint
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.expectations import Amount, BurnIn, DiskWish, Expectations, NicWish
from metal.settings.fleet import Deadlines, DockerWish, Fleet, Limits, ReadyFloors
from metal.site import Site
from metal.waiting import Pending, Run, wait_until
from tests.lab.engines import reinstall
from tests.lab.ready_stack import small_lab

pytestmark = pytest.mark.lab

WISH = ReadyWish("n1", "host/tests", 1, "g1", ("debian-12",), 5.0, 1, 2**28)
COUNT = "/var/tmp/burned"
LONG = BurnIn(f"echo begun >>{COUNT}\necho the load is on\nsleep 600", 900)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("ready", 140, hosts=1) as lab:
        reinstall(lab, "n1")
        yield lab


@pytest.fixture(scope="module")
def access(lab: Lab) -> Access:
    return Access("n1", str(lab.spec.machine("n1").address), 22, "root", "lab", False)


def open_site(lab: Lab, run: Run) -> Site:
    limits = Deadlines(boot=60, ssh=30, ready=4, packages=120, probe=10)
    fleet = Fleet(WISH.owner, {}, {}, Limits(), limits, ReadyFloors(), DockerWish(), None)
    return Site.open(fleet, Credentials.from_config({"metalswarm:ssh-lab": lab.ssh_key.read_text()}, {}), run)


@pytest.fixture
def site(lab: Lab) -> Iterator[Site]:
    with open_site(lab, Run()) as site:
        yield site


@pytest.fixture
def ssh(site: Site, access: Access) -> Ssh:
    return site.ssh.connect(access, deadline=site.run.deadline(60))


def burned(site: Site, access: Access, wish: BurnIn) -> str:
    return ensure_burned_in(site, access, wish, disrupt=at_once)


def count(ssh: Ssh) -> int:
    return len((ssh.read(COUNT) or b"").splitlines())


@pytest.mark.demand("R1", "R2", "R4", "H1")
def test_what_is_not_as_expected_is_named_with_what_was_found(site: Site, access: Access, ssh: Ssh) -> None:
    meets = Expectations(kernel=("[0-9]*",), disks=(DiskWish(),), nics=(NicWish(name="*", count=Amount(exactly=1)),))
    report = make_ready(site, access, replace(WISH, expect=meets))
    assert report.macs
    assert len(report.hardware["nics"]) == 1
    assert report.hardware["disks"]
    assert "disk: at least 1" in report.met
    asked = Expectations(
        cpus=Amount(exactly=report.cpus + 1),
        memory=Amount(exactly=2**50),
        kernel=("2.4.*",),
        disks=(DiskWish(Amount(exactly=40), size=Amount(exactly=960 * 10**9)),),
        nics=(NicWish(speed=Amount(at_least=400_000)),),
    )
    with pytest.raises(HostError) as caught:
        make_ready(site, access, replace(WISH, expect=asked))
    assert caught.value.fault is HostFault.NOT_READY
    for words in (
        f"it has {report.cpus} processors; exactly {report.cpus + 1}",
        "of memory; exactly 1024 TiB",
        f"its kernel is {report.kernel}; allowed: 2.4.*",
        "disk of exactly 960 GB: it has 0 of them; exactly 40 (found: ",
        "network card with link speed at least 400 Gb/s: it has 0 of them; at least 1 (found: eth0 ",
    ):
        assert words in (caught.value.seen or ""), caught.value.seen
    wrong = replace(WISH, expect=asked)
    assert observe_ready(site, access, owner=WISH.owner, wish=wrong).condition == "not as expected"
    assert observe_ready(site, access, owner=WISH.owner, wish=replace(WISH, expect=meets)).ready

    moved = replace(WISH, known={**report.fingerprint, "macs": ["02:00:00:00:00:99"]})
    with pytest.raises(HostError, match="runs on other metal than before"):
        make_ready(site, access, moved)
    assert observe_ready(site, access, owner=WISH.owner, wish=moved).condition == "on other metal"

    ssh.script("mount --bind /var/lib /var/lib; mount -o remount,ro,bind /var/lib")
    try:
        with pytest.raises(HostError, match="cannot be written to under /var/lib: the file system is read-only"):
            make_ready(site, access, WISH)
        assert observe_ready(site, access, owner=WISH.owner, wish=WISH).condition == "not as expected"
    finally:
        ssh.run(["umount", "/var/lib"])

    with pytest.raises(HostError, match="its clock is"):
        make_ready(site, access, replace(WISH, clock_skew=-1.0))
    release_host(site, access, WISH, wipe=False)
    make_ready(site, access, WISH)


@pytest.mark.demand("H5")
def test_a_burn_in_is_passed_once_in_a_life_and_again_when_it_changes(site: Site, access: Access, ssh: Ssh) -> None:
    make_ready(site, access, WISH)
    short = BurnIn(f'echo "$((1 + 1)) $HOME" >>{COUNT}\nsleep 1', 60)
    assert burned(site, access, short) == fingerprint(short)
    assert ssh.read(COUNT) == b"2 /root\n" or ssh.read(COUNT) == b"2 \n", "neither systemd nor a shell expanded it"
    burned(site, access, short)
    assert count(ssh) == 1
    assert make_ready(site, access, WISH).burn_in == fingerprint(short), "the claim keeps it"
    assert observe_ready(site, access, owner=WISH.owner, burn_in=fingerprint(short)).ready
    assert observe_ready(site, access, owner=WISH.owner, burn_in="another").condition == "burn-in not passed"
    assert observe_burn_in(ssh).state is BurnInState.ABSENT
    burned(site, access, replace(short, command=f"{short.command}\ntrue"))
    assert count(ssh) == 2


def test_a_burn_in_that_fails_shows_its_last_lines_and_begins_anew(site: Site, access: Access, ssh: Ssh) -> None:
    broken = BurnIn("echo DIMM 3 has flipped\nexit 7", 60)
    for _ in range(2):
        with pytest.raises(HostError, match="DIMM 3 has flipped") as caught:
            burned(site, access, broken)
        assert caught.value.fault is HostFault.NOT_READY
        assert "status 7" in str(caught.value)
    with pytest.raises(HostError, match="did not end within 2 s") as caught:
        burned(site, access, BurnIn("echo slow\nsleep 60", 2))
    assert caught.value.fault is HostFault.TIMEOUT
    marker = read_marker(ssh)
    assert marker is not None
    assert marker.burn_in not in ("", fingerprint(broken)), "what it passed before stays said"


@pytest.mark.demand("U31", "U59")
@pytest.mark.parametrize("orphaned", [True, False])
def test_a_run_that_dies_leaves_it_to_the_next_one_and_a_cancelled_one_ends_it(
    lab: Lab, site: Site, access: Access, ssh: Ssh, orphaned: bool
) -> None:
    ssh.remove(COUNT)
    cancel, lines = threading.Event(), list[str]()
    run = Run(cancel=cancel, progress=lines.append, orphaned=lambda: orphaned)

    def end_when_it_runs() -> None:
        wait_until(
            "it runs",
            lambda: True if count(ssh) else Pending("not yet"),
            deadline=site.run.deadline(30),
            fail=lambda what, seen: HostError(what, fault=HostFault.TIMEOUT, seen=seen),
            interval=0.2,
        )
        cancel.set()

    ender = threading.Thread(target=end_when_it_runs)
    ender.start()
    with open_site(lab, run) as other, pytest.raises(Cancelled):
        burned(other, access, LONG)
    ender.join()
    if not orphaned:
        wait_until(
            "it is ended",
            lambda: True if observe_burn_in(ssh).state is BurnInState.ABSENT else Pending("it runs"),
            deadline=site.run.deadline(40),
            fail=lambda what, seen: HostError(what, fault=HostFault.TIMEOUT, seen=seen),
            interval=0.2,
        )
        assert ssh.run(["pgrep", "-f", "[s]leep 600"], check=False).rc == 1, "with all that it started"
        return
    assert observe_burn_in(ssh).state is BurnInState.RUNNING
    ssh.run(["pkill", "-f", "[s]leep 600"])  # its end, a failure to the script
    with pytest.raises(HostError, match="the load is on"):
        burned(site, access, LONG)
    assert count(ssh) == 1, "found, not begun again"
    assert observe_burn_in(ssh).state is BurnInState.ABSENT
