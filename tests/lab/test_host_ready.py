"""The ready state on a host that really boots: fresh, again, reinstalled, of another owner, released."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.spec import LabSpec
from metal.errors import HostError, HostFault
from metal.host import service
from metal.host.artifact import digest_of, fetch_artifact
from metal.host.facts import observe_facts
from metal.host.marker import MARKER_PATH
from metal.host.packages import Packages
from metal.host.packages.lock import lock_holder
from metal.host.ready import ReadyWish, make_ready, observe_ready, prove_new_life, release_host
from metal.host.ssh import Ssh
from metal.settings.access import Access
from metal.settings.credentials import Credentials
from metal.settings.fleet import Artifact, Deadlines, DockerWish, Fleet, Limits, ReadyFloors
from metal.site import Site
from metal.waiting import Pending, Run, wait_until
from tests.engine.project import CHECKOUT

pytestmark = pytest.mark.lab

WISH = ReadyWish("n1", "host/tests", 1, "g1", ("debian-12",), 5.0, 1, 2**28)
GLOB = "20.10.24*"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    spec = LabSpec(
        name="host",
        hosts=1,
        subnet=IPv4Network("10.82.0.0/24"),
        bmc_base=IPv4Address("127.0.82.0"),
        directory=CHECKOUT / ".metalswarm" / "test-host",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    lab.up()
    _install(lab)
    yield lab
    lab.down()


def _install(lab: Lab) -> None:
    host = lab.host("n1")
    host.reset_counter()
    host.set_boot("pxe")
    host.kill()
    host.power(PowerAct.ON)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def site(lab: Lab, lines: list[str]) -> Iterator[Site]:
    fleet = Fleet(
        owner=WISH.owner,
        hosts={},
        clusters={},
        limits=Limits(),
        deadlines=Deadlines(boot=60, ssh=10, ready=60, packages=120, probe=10),
        ready=ReadyFloors(),
        docker=DockerWish(),
        consul=None,
    )
    credentials = Credentials.from_config({"metalswarm:ssh-lab": lab.ssh_key.read_text()}, {})
    with Site.open(fleet, credentials, Run(progress=lines.append)) as site:
        yield site


@pytest.fixture
def access(lab: Lab) -> Access:
    return Access("n1", str(lab.spec.machine("n1").address), 22, "root", "lab", False)


@pytest.fixture
def ssh(site: Site, access: Access) -> Ssh:
    return site.ssh.connect(access, deadline=site.run.deadline(60))


def test_a_booting_host_becomes_ready_and_is_claimed_once(site: Site, access: Access, lines: list[str]) -> None:
    report = make_ready(site, access, WISH)
    assert (report.os, report.family, report.life, report.generation) == ("debian-12", "debian", "g1", 1)
    assert report.host_key.startswith("ssh-ed25519 ")
    assert any("claimed (no marker" in line for line in lines)
    lines.clear()
    pinned = replace(access, host_key=report.host_key)
    assert make_ready(site, pinned, WISH) == report
    assert not [line for line in lines if "claimed" in line]
    seen = observe_ready(site, pinned, owner=WISH.owner, wish=WISH)
    assert (seen.ready, seen.report) == (True, report)


def test_what_is_not_right_is_refused_and_leaves_the_marker(site: Site, access: Access, ssh: Ssh) -> None:
    before = ssh.read(MARKER_PATH)
    for wish, fault in [
        (replace(WISH, owner="other/stack"), HostFault.NOT_OURS),
        (replace(WISH, macs=("02:00:00:00:00:99",)), HostFault.NOT_OURS),
        (replace(WISH, generation=2, life="g2"), HostFault.OLD_SYSTEM),
        (replace(WISH, os=("rocky-9",)), HostFault.NOT_READY),
        (replace(WISH, cpus=10_000), HostFault.NOT_READY),
    ]:
        with pytest.raises(HostError) as caught:
            make_ready(site, access, wish)
        assert caught.value.fault is fault, wish
    assert ssh.read(MARKER_PATH) == before


def test_a_broken_marker_is_not_overwritten(site: Site, access: Access, ssh: Ssh) -> None:
    before = ssh.read(MARKER_PATH)
    assert before is not None
    ssh.write(MARKER_PATH, "{", mode=0o644)
    with pytest.raises(HostError, match="cannot be read"):
        make_ready(site, access, WISH)
    assert ssh.read(MARKER_PATH) == b"{"
    ssh.write(MARKER_PATH, before, mode=0o644)


@pytest.mark.demand("U37")
def test_a_busy_package_manager_is_waited_for_and_its_holder_named(site: Site, access: Access, ssh: Ssh) -> None:
    # The same kind of lock as dpkg's own (fcntl), taken with what every Debian system has.
    hold = (
        "use Fcntl; open(F, '+<', '/var/lib/dpkg/lock-frontend') or die; "
        "my $l = pack('s s x4 q q i x4', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; sleep 60"
    )
    ssh.run(["systemd-run", "--quiet", "--unit=holder", "perl", "-e", hold])
    packages = Packages.for_host(ssh, observe_facts(ssh))
    wait_until(
        "the lock is held",
        lambda: lock_holder(ssh, packages.locks) or Pending("free"),
        deadline=site.run.deadline(10),
        fail=lambda what, seen: HostError(what, fault=HostFault.TIMEOUT, seen=seen),
        interval=0.2,
    )
    try:
        with pytest.raises(HostError) as caught:
            packages.wait_free(site.run.deadline(4))
        assert caught.value.fault is HostFault.TIMEOUT
        assert "perl" in str(caught.value)
        assert "lock-frontend" in str(caught.value)
    finally:
        ssh.run(["systemctl", "stop", "holder"])
    assert lock_holder(ssh, packages.locks) is None
    packages.wait_free(site.run.deadline(10))


@pytest.mark.demand("R2")
def test_a_package_is_installed_pinned_and_not_started(site: Site, ssh: Ssh) -> None:
    packages = Packages.for_host(ssh, observe_facts(ssh))
    deadline = site.run.deadline(120)
    version = packages.ensure("docker.io", GLOB, deadline)
    assert version.startswith("20.10.24")
    assert packages.ensure("docker.io", GLOB, deadline) == version
    assert ssh.run(["apt-mark", "showhold"]).stdout.split() == ["docker.io"]
    assert service.observe_unit(ssh, "docker.service").active == "inactive"
    assert ssh.run(["test", "-e", "/usr/sbin/policy-rc.d"], check=False).rc == 1
    with pytest.raises(HostError, match=r"no version of docker.io matches '99\*'"):
        packages.ensure("docker.io", "99*", deadline)


def test_what_an_interrupted_installation_left_is_finished(site: Site, ssh: Ssh) -> None:
    packages = Packages.for_host(ssh, observe_facts(ssh))
    policy = "#!/bin/sh\n# metalswarm: while packages are installed\nexit 101\n"
    ssh.write("/usr/sbin/policy-rc.d", policy, mode=0o755)
    ssh.run(
        [
            "sed",
            "-i",
            "/^Package: docker.io$/,/^Version/s/^Status: .*/Status: hold ok unpacked/",
            "/var/lib/dpkg/status",
        ]
    )
    assert packages.installed("docker.io") is None
    assert packages.ensure("docker.io", GLOB, site.run.deadline(120)).startswith("20.10.24")
    assert ssh.run(["dpkg", "--audit"]).stdout == ""
    assert ssh.run(["test", "-e", "/usr/sbin/policy-rc.d"], check=False).rc == 1
    assert packages.remove("docker.io", site.run.deadline(60))
    assert packages.installed("docker.io") is None
    assert not packages.remove("docker.io", site.run.deadline(60))


def test_a_service_is_started_restarted_and_removed(site: Site, ssh: Ssh) -> None:
    unit = "[Service]\nExecStart=/bin/sleep {}\n[Install]\nWantedBy=multi-user.target\n"
    deadline = site.run.deadline(30)
    assert service.ensure_unit(ssh, "probe.service", unit.format(1000))
    assert service.ensure_active(ssh, "probe.service", deadline=deadline)
    first = service.observe_unit(ssh, "probe.service")
    assert (first.up, first.enabled, first.stale) == (True, True, False)
    assert not service.ensure_unit(ssh, "probe.service", unit.format(1000))
    assert not service.ensure_active(ssh, "probe.service", deadline=deadline)
    assert service.ensure_unit(ssh, "probe.service", unit.format(1001))
    assert service.ensure_active(ssh, "probe.service", deadline=deadline, restarted=True)
    assert service.observe_unit(ssh, "probe.service").main_pid not in (0, first.main_pid)
    assert service.remove_unit(ssh, "probe.service", deadline=deadline)
    assert not service.remove_unit(ssh, "probe.service", deadline=deadline)
    assert service.observe_unit(ssh, "probe.service").load == "not-found"


def test_a_service_that_fails_shows_its_journal(site: Site, ssh: Ssh) -> None:
    unit = "[Service]\nExecStart=/bin/sh -c 'echo the cause itself; exit 4'\n"
    service.ensure_unit(ssh, "probe.service", unit)
    with pytest.raises(HostError, match="the cause itself") as caught:
        service.start(ssh, "probe.service", deadline=site.run.deadline(30))
    assert caught.value.fault is HostFault.NOT_READY
    service.remove_unit(ssh, "probe.service", deadline=site.run.deadline(30))


def test_an_artifact_comes_from_the_mirror_once(lab: Lab, site: Site, ssh: Ssh) -> None:
    url = f"{lab.spec.mirror_url}/stackengine/1.0.0/stackengine"
    artifact = Artifact("1.0.0", url, sha256_url=f"{url}.sha256")
    assert fetch_artifact(ssh, artifact, "/opt/probe/stackengine", 0o755)
    assert not fetch_artifact(ssh, artifact, "/opt/probe/stackengine", 0o755)
    assert ssh.run(["sha256sum", "/opt/probe/stackengine"]).stdout.split()[0] == digest_of(ssh, artifact)
    wrong = replace(artifact, sha256="0" * 64, sha256_url=None)
    with pytest.raises(HostError, match="not the file that was asked for"):
        fetch_artifact(ssh, wrong, "/opt/probe/stackengine", 0o755)
    assert ssh.run(["ls", "-A", "/opt/probe"]).stdout == "stackengine\n"


def test_a_released_host_can_be_taken_over_and_an_unreleased_one_not(site: Site, access: Access) -> None:
    other = replace(WISH, owner="other/stack", generation=0, life="g0")
    assert not release_host(site, access, other, wipe=False), "not theirs to release"
    with pytest.raises(HostError, match="claimed by host/tests"):
        make_ready(site, access, other)
    assert release_host(site, access, WISH, wipe=False)
    assert not release_host(site, access, WISH, wipe=False), "already released"
    assert observe_ready(site, access, owner=WISH.owner).condition == "unclaimed"
    assert make_ready(site, access, other).generation == 0
    assert observe_ready(site, access, owner=WISH.owner).condition == "claimed by other/stack"
    assert release_host(site, access, other, wipe=True)


def test_a_reinstall_is_proven_and_the_old_pin_refused(lab: Lab, site: Site, access: Access, ssh: Ssh) -> None:
    ssh.remove(MARKER_PATH)
    before = make_ready(site, access, WISH)
    second = replace(WISH, generation=2, life="g2")
    ssh.remove(MARKER_PATH)
    with pytest.raises(HostError, match="not proven"):
        make_ready(site, access, second, prove=lambda now: prove_new_life(before, now, host="n1"))
    assert ssh.read(MARKER_PATH) is None, "a system that is not proven is not claimed"

    _install(lab)
    after = make_ready(site, access, second, prove=lambda now: prove_new_life(before, now, host="n1"))
    with pytest.raises(HostError, match="not proven"):
        prove_new_life(after, make_ready(site, access, second))
    with pytest.raises(HostError) as caught:
        make_ready(site, replace(access, host_key=before.host_key), second)
    assert caught.value.fault is HostFault.HOST_KEY


def test_a_host_that_is_off_is_unreachable_within_the_time_given(lab: Lab, site: Site, access: Access) -> None:
    lab.host("n1").kill()
    started = site.run.clock()
    seen = observe_ready(site, access, owner=WISH.owner, timeout=3)
    assert (seen.condition, seen.report) == ("unreachable", None)
    assert site.run.clock() - started < 8
    assert "does not answer by SSH within 3 s" in seen.cause
