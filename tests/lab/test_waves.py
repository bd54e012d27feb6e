"""Engine changes and reboots on a living swarm of three managers and two workers, from as many threads as hosts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from lab.api import Lab
from metal.cluster.disrupt import DRAINED_NOTE
from metal.cluster.docker import DockerApi, ensure_engine, observe_engine
from metal.cluster.docker.api import EngineRefused, EngineSilent
from metal.cluster.reboot import ensure_rebooted
from metal.cluster.swarm import ensure_node
from metal.cluster.swarm.view import observe_view
from metal.cluster.wave import Layer, rolling
from metal.errors import Cancelled, MetalError
from metal.host.reboot import read_boot_id
from metal.places import WaveStopped
from metal.site import Site
from metal.waiting import Run
from tests.lab.containers import busybox_image
from tests.lab.engines import MemoryRecord, Rack, reinstall, together
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.full]

MANAGERS, WORKERS = ["n1", "n2", "n3"], ["n4", "n5"]
HOSTS = [*MANAGERS, *WORKERS]
BROKEN = "/etc/systemd/system/docker.service.d/99-broken.conf"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("waves", 30, hosts=5) as lab:
        yield lab


@pytest.fixture(scope="module")
def rack(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """A swarm that runs three replicas of a service, wherever they fit."""
    together(*(lambda name=name: reinstall(lab, name) for name in HOSTS))
    rack = Rack(lab, MANAGERS, WORKERS)
    together(*(lambda name=name: rack.engine(name) for name in HOSTS))
    record = MemoryRecord()
    together(*(lambda name=name: ensure_node(rack.site, rack.node_wish(name), record) for name in HOSTS))
    image = busybox_image(tmp_path_factory.mktemp("image")).read_bytes()
    for name in HOSTS:
        rack.ssh(name).run(["docker", "import", "-", "probe:1"], stdin=image)
    options = ["--detach", "--no-resolve-image", "--stop-grace-period", "1s", "--replicas", "3"]
    options += ["--replicas-max-per-node", "1"]
    command = ["--", "probe:1", "/bin/busybox", "sleep", "36000"]
    rack.ssh("n1").run(["docker", "service", "create", "--name", "probe", *options, *command])
    wait_for("three replicas", lambda: replicas(rack) == "3/3")
    yield rack
    rack.site.close()


def replicas(rack: Rack) -> str:
    # "3/3 (max 1 per node)"
    return rack.docker("n1", "service", "ls", "--format", "{{.Replicas}}").partition(" ")[0]


@contextmanager
def run_of(rack: Rack, *, web: int = 1, cancel: threading.Event | None = None) -> Iterator[Site]:
    """One run as the provider's process has it: nobody's place is taken at first."""
    fleet = rack.fleet(MANAGERS, WORKERS)
    pools = {name: ("core", 1) if name in MANAGERS else ("web", web) for name in HOSTS}
    hosts = {
        name: replace(host, pool=pools[name][0], max_unavailable=pools[name][1]) for name, host in fleet.hosts.items()
    }
    deadlines = replace(fleet.deadlines, drain=90, swarm=90)
    run = Run(progress=rack.lines.append, cancel=cancel or threading.Event())
    fleet = replace(fleet, hosts=hosts, deadlines=deadlines)
    with Site.open(fleet, rack.site.credentials, run) as site:
        yield site


def roll(site: Site, rack: Rack, size: str, hosts: Sequence[str] = HOSTS) -> dict[str, MetalError | None]:
    """Change a setting of every engine at once; what each host's own act came to."""

    def one(name: str) -> MetalError | None:
        wish = rack.engine_wish(name, daemon={"log-opts": {"max-size": size}})
        try:
            with rolling(site, name, wish.access, Layer.ENGINE) as disrupt:
                ensure_engine(site, wish, disrupt=disrupt)
        except MetalError as error:
            site.places.fail(name, str(error))  # as providers do
            return error
        return None

    return dict(zip(hosts, together(*(lambda name=name: one(name) for name in hosts)), strict=True))  # type: ignore[arg-type]


@dataclass
class Samples:
    """:ivar away: hosts that were not ready or drained, one set a sample.
    :ivar running: replicas that ran.
    """

    away: list[frozenset[str]] = field(default_factory=list)
    running: list[int] = field(default_factory=list)

    def most(self, hosts: Sequence[str]) -> int:
        return max(len(sample & set(hosts)) for sample in self.away)

    @property
    def ever(self) -> set[str]:
        return set().union(*self.away)

    @property
    def order(self) -> list[str]:
        return list(dict.fromkeys(name for sample in self.away for name in sorted(sample)))


@contextmanager
def sampled(rack: Rack) -> Iterator[Samples]:
    """What any manager says, several times a second, over connections of the watcher's own."""
    samples, stop = Samples(), threading.Event()

    def look(site: Site, name: str) -> bool:
        try:
            ssh = site.ssh.connect(rack.access(name), deadline=site.run.deadline(2))
            with DockerApi(ssh, timeout=3) as api:
                nodes = observe_view(api).nodes
                (service,) = api._list("/services")
                tasks = api.running_tasks(service["ID"])
        except (MetalError, EngineRefused, EngineSilent):
            return False
        # A new leader calls nodes unknown until it has heard of them; that takes nobody away.
        away = (n for n in nodes if not (n.ready or n.unheard) or n.availability != "active")
        samples.away.append(frozenset(n.name for n in away))
        samples.running.append(sum(task["Status"]["State"] == "running" for task in tasks))
        return True

    def watch() -> None:
        with Site.open(rack.site.fleet, rack.site.credentials, Run()) as site:
            while not stop.wait(0.1):
                any(look(site, name) for name in MANAGERS)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def every(rack: Rack, ask: Callable[[str], str]) -> dict[str, str]:
    return dict(zip(HOSTS, together(*(lambda name=name: ask(name) for name in HOSTS)), strict=True))  # type: ignore[arg-type]


@pytest.mark.demand("U40", "U45", "U57")
def test_engines_restart_drained_one_manager_and_one_worker_at_a_time(rack: Rack) -> None:
    pid = "systemctl show --value --property=MainPID docker.service"
    before = every(rack, lambda name: rack.ssh(name).script(pid).stdout)
    with run_of(rack) as site, sampled(rack) as samples:
        assert set(roll(site, rack, "5m").values()) == {None}
    assert samples.most(MANAGERS) == 1, samples.away
    assert samples.most(WORKERS) == 1, samples.away
    assert samples.ever == set(HOSTS), "each was drained"
    assert min(samples.running) >= 1, samples.running
    assert replicas(rack) == "3/3"
    after = every(rack, lambda name: rack.ssh(name).script(pid).stdout)
    assert all(before[name] != after[name] for name in HOSTS)
    assert all(rack.ssh(name).read(DRAINED_NOTE) is None for name in HOSTS)
    with run_of(rack) as site, sampled(rack) as samples:
        assert set(roll(site, rack, "5m").values()) == {None}
    assert not samples.ever, "nothing to change, nobody drained"


@pytest.mark.demand("U57", "U58")
def test_the_first_that_fails_stops_its_wave_and_the_next_run_goes_on_there(rack: Rack) -> None:
    # It will not start again, for a reason that no settings know.
    rack.ssh("n4").script(f"printf '[Service]\\nExecStartPre=/bin/false\\n' >{BROKEN}; systemctl daemon-reload")
    with run_of(rack) as site, sampled(rack) as samples:
        came = roll(site, rack, "6m", WORKERS)
    assert came["n4"] is not None
    assert "docker.service has failed" in str(came["n4"])
    assert isinstance(came["n5"], WaveStopped), "the one that waited is not touched"
    assert "stopped at n4" in str(came["n5"])
    assert samples.ever == {"n4"}
    with run_of(rack) as site:
        assert observe_engine(site, rack.access("n4")).drained
        assert isinstance(roll(site, rack, "6m", ["n5", "n4"])["n4"], MetalError), "and neither is it by the next run"
        assert read_size(rack, "n5") == "5m"

    rack.ssh("n4").script(f"rm {BROKEN}; systemctl daemon-reload; systemctl reset-failed docker.service")
    with run_of(rack) as site, sampled(rack) as samples:
        assert set(roll(site, rack, "6m", WORKERS).values()) == {None}
    assert samples.most(WORKERS) == 1, samples.away
    assert samples.order == ["n4", "n5"], "it goes on there"
    assert replicas(rack) == "3/3"
    assert rack.ssh("n4").read(DRAINED_NOTE) is None


def read_size(rack: Rack, name: str) -> str:
    content = rack.ssh(name).read("/etc/docker/daemon.json") or b""
    return "6m" if b'"6m"' in content else "5m"


@pytest.mark.demand("U57", "U59")
def test_a_label_reboots_once_also_when_a_run_was_cut_short(rack: Rack) -> None:
    boots = every(rack, lambda name: read_boot_id(rack.ssh(name)))

    def reboot(site: Site, name: str, label: str) -> bool:
        access = replace(rack.access(name), host_key=rack.ssh(name).host_key)
        with rolling(site, name, access, Layer.SYSTEM) as disrupt:
            return ensure_rebooted(site, access, label, begins=False, reached="", disrupt=disrupt)

    cancel = threading.Event()

    def stop_at_the_reboot(line: str) -> None:
        rack.lines.append(line)
        if "has rebooted" in line:
            cancel.set()

    with run_of(rack, cancel=cancel) as site, pytest.raises(Cancelled):
        reboot(site.with_run(Run(cancel=cancel, progress=stop_at_the_reboot)), "n5", "k2")
    with run_of(rack, web=2) as site, sampled(rack) as samples:
        rebooted = together(*(lambda name=name: reboot(site, name, "k2") for name in ["n3", *WORKERS]))
    assert samples.ever <= {"n3", *WORKERS}
    now = every(rack, lambda name: read_boot_id(rack.ssh(name)))
    assert {name for name in HOSTS if now[name] != boots[name]} == {"n3", *WORKERS}
    assert rebooted[:2] == [True, True]
    with run_of(rack) as site:
        assert together(*(lambda name=name: reboot(site, name, "k2") for name in WORKERS)) == [False, False]
    assert every(rack, lambda name: read_boot_id(rack.ssh(name))) == now
    listed = rack.docker("n1", "node", "ls", "--format", "{{.Status}} {{.Availability}}").splitlines()
    assert listed == ["Ready Active"] * 5
