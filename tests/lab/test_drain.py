"""A node and its work part on hosts that really boot: awaited elsewhere, stuck, refused, stopped, spread anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.cluster.swarm import ensure_node, observe_node, rebalance, remove_node
from metal.errors import ClusterError, PlanRefused
from metal.settings.fleet import OnStuck
from metal.site import Site
from tests.lab.containers import busybox_image
from tests.lab.engines import MemoryRecord, Rack, together
from tests.lab.ready_stack import small_lab
from tests.waiting import wait_for

pytestmark = [pytest.mark.root, pytest.mark.lab]

BOSS, FIRST, SECOND = HOSTS = ("n1", "n2", "n3")
SLEEP = ["--", "probe:1", "/bin/busybox", "sleep", "3600"]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with small_lab("drain", 60) as lab:
        start(lab)
        rack = Rack(lab, [BOSS], [FIRST, SECOND])
        image = busybox_image(tmp_path_factory.mktemp("image")).read_bytes()

        def engine(name: str) -> None:
            rack.engine(name)
            rack.ssh(name).run(["docker", "import", "-", "probe:1"], stdin=image)

        together(*(lambda name=name: engine(name) for name in HOSTS))
        yield rack
        rack.site.close()


def start(lab: Lab) -> None:
    def one(name: str) -> None:
        host = lab.host(name)
        host.set_boot("pxe")
        host.power(PowerAct.ON)
        host.wait_for_ssh()

    together(*(lambda name=name: one(name) for name in HOSTS))


@pytest.fixture(scope="module")
def record() -> MemoryRecord:
    return MemoryRecord()


@pytest.fixture
def swarm(rack: Rack, record: MemoryRecord) -> Iterator[Rack]:
    """The manager, and n2 and n3 as its workers, both of tier web; no service."""
    rack.want([BOSS], [FIRST, SECOND])
    for name, labels in ((BOSS, {}), (FIRST, {"tier": "web"}), (SECOND, {"tier": "web"})):
        ensure_node(rack.site, rack.node_wish(name, labels=labels), record)
    yield rack
    for service in rack.docker(BOSS, "service", "ls", "--quiet").split():
        rack.docker(BOSS, "service", "rm", service)
    for name in HOSTS:
        for container in rack.docker(name, "ps", "--quiet").split():
            rack.docker(name, "rm", "--force", container)


def service(rack: Rack, name: str, *options: str) -> None:
    common = ["--detach", "--no-resolve-image", "--stop-grace-period", "1s", "--name", name]
    rack.ssh(BOSS).run(["docker", "service", "create", *common, *options, *SLEEP])


def running(rack: Rack, name: str) -> list[str]:
    """Where its replicas run."""
    form = ["--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}"]
    lines = rack.docker(BOSS, "service", "ps", name, *form).splitlines()
    return sorted(line.split()[0] for line in lines if line.split()[1:2] == ["Running"])


def availability(rack: Rack, name: str) -> str | None:
    return observe_node(rack.site, rack.node_wish(name)).availability


def narrow(rack: Rack, workers: Sequence[str], *, drain: float = 30, override: tuple[str, ...] = ()) -> Site:
    """The settings want only these workers from now on."""
    rack.want([BOSS], workers)
    fleet = rack.site.fleet
    blue = replace(fleet.clusters["blue"], override=override)
    limits = replace(fleet.deadlines, drain=drain)
    return replace(rack.site, fleet=replace(fleet, clusters={"blue": blue}, deadlines=limits))


@pytest.mark.demand("U45")
def test_the_last_node_that_services_may_run_on_stays_unless_that_is_waived(swarm: Rack, record: MemoryRecord) -> None:
    service(swarm, "web", "--replicas", "2", "--constraint", "node.labels.tier==web")
    wait_for("replicas", lambda: len(running(swarm, "web")) == 2)
    both = narrow(swarm, [])
    for name in (FIRST, SECOND):
        with pytest.raises(PlanRefused, match="web ") as refused:
            remove_node(both, swarm.node_wish(name), record)
        assert "node.labels.tier==web" in str(refused.value)
        assert "clusters.blue.override: [needed]" in str(refused.value)
    assert {availability(swarm, name) for name in (FIRST, SECOND)} == {"active"}, "nothing was touched"

    # One of two goes, and its replica is at work on the other before it does.
    remove_node(narrow(swarm, [SECOND]), swarm.node_wish(FIRST), record)
    assert running(swarm, "web") == [SECOND, SECOND]

    # Waived, its work has no other place, and that is what the deadline says.
    waived = narrow(swarm, [], drain=6, override=("needed",))
    for _ in range(2):
        with pytest.raises(ClusterError, match="work is still on it after 6 s") as stuck:
            remove_node(waived, swarm.node_wish(SECOND), record)
        assert "web: 2 of 2 replicas run nowhere else (pending: no suitable node" in (stuck.value.seen or "")
        assert "on_stuck: wait" in str(stuck.value)
        assert availability(swarm, SECOND) == "drain"
    # Given a place, the same removal goes on.
    swarm.docker(BOSS, "node", "update", "--label-add", "tier=web", BOSS)
    remove_node(waived, swarm.node_wish(SECOND), record)
    assert running(swarm, "web") == [BOSS, BOSS]
    assert swarm.docker(BOSS, "node", "ls", "--format", "{{.Hostname}}").split() == [BOSS]


@pytest.mark.demand("U45")
def test_what_is_stuck_stops_a_removal_or_is_left_behind_as_the_settings_say(swarm: Rack, record: MemoryRecord) -> None:
    service(swarm, "web", "--replicas", "1", "--constraint", f"node.hostname=={FIRST}")
    wait_for("a replica", lambda: running(swarm, "web") == [FIRST])
    swarm.docker(FIRST, "run", "--detach", "--name", "agent", *SLEEP[1:])
    site = narrow(swarm, [SECOND], drain=5, override=("needed",))
    with pytest.raises(ClusterError, match="its removal was stopped") as stopped:
        remove_node(site, swarm.node_wish(FIRST, on_stuck=OnStuck.STOP), record)
    for words in ("container agent, of no service", "web: its one replica run", "set it back to active"):
        assert words in str(stopped.value)
    assert availability(swarm, FIRST) == "active"
    wait_for("its work back", lambda: running(swarm, "web") == [FIRST])

    remove_node(site, swarm.node_wish(FIRST, on_stuck=OnStuck.FORCE), record)
    (line,) = [line for line in swarm.lines if "as asked (on_stuck: force)" in line]
    assert "container agent" in line
    assert "web" in line
    assert swarm.docker(FIRST, "info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive"


@pytest.mark.demand("U45")
def test_a_node_that_comes_back_is_waited_for_by_what_has_no_other_place(swarm: Rack, record: MemoryRecord) -> None:
    service(swarm, "pinned", "--replicas", "1", "--constraint", f"node.hostname=={FIRST}")
    service(swarm, "free", "--replicas", "1", "--constraint", f"node.hostname!={BOSS}")
    wait_for("replicas", lambda: len(running(swarm, "pinned") + running(swarm, "free")) == 2)
    remove_node(narrow(swarm, [FIRST, SECOND]), swarm.node_wish(FIRST), record)
    assert running(swarm, "free") == [SECOND]
    assert any("pinned" in line and "it waits for this one" in line for line in swarm.lines)
    ensure_node(swarm.site, swarm.node_wish(FIRST), record)
    wait_for("the pinned one back", lambda: running(swarm, "pinned") == [FIRST])


@pytest.mark.demand("U46")
def test_services_are_spread_over_a_node_that_joined(swarm: Rack, record: MemoryRecord) -> None:
    remove_node(narrow(swarm, [FIRST]), swarm.node_wish(SECOND), record)
    for name in ("even", "exempt"):
        service(swarm, name, "--replicas", "4", "--label", f"metalswarm.rebalance={str(name == 'even').lower()}")
    service(swarm, "small", "--replicas", "2")
    for name, count in (("even", 4), ("exempt", 4), ("small", 2)):
        wait_for(f"replicas of {name}", lambda name=name, count=count: len(running(swarm, name)) == count)
    swarm.want([BOSS], [FIRST, SECOND])
    ensure_node(swarm.site, swarm.node_wish(SECOND, labels={"tier": "web"}), record)
    before = {name: swarm.docker(BOSS, "service", "ps", "--quiet", name).split() for name in ("exempt", "small")}
    assert SECOND not in running(swarm, "even"), "swarm moves nothing by itself"
    assert rebalance(swarm.site, "blue", [SECOND]) == ("even",)
    assert set(running(swarm, "even")) == set(HOSTS)
    assert before == {name: swarm.docker(BOSS, "service", "ps", "--quiet", name).split() for name in before}
    assert rebalance(swarm.site, "blue", [SECOND]) == ()
