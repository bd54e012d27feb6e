"""Backups of a living cluster, and a cluster that has lost two of three managers and Consul servers for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from metal.cluster.consul import ensure_member, living_api
from metal.cluster.consul.reached import ReachedRecord
from metal.cluster.docker import EngineWish, ensure_engine
from metal.cluster.swarm import ensure_node
from metal.errors import MetalError
from metal.plan.rescue import Recovery, decide_recovery
from metal.plan.verdict import Refuse
from metal.rescue import back_up, observe_recovery, recover, restore_consul, restore_swarm
from metal.rescue.managers import node_wish
from metal.rescue.seal import read_label, unseal
from metal.site import Site
from tests.lab.members import SEED, Members, reinstall_all, within
from tests.lab.ready_stack import small_lab

pytestmark = [pytest.mark.root, pytest.mark.lab]

HOSTS = ["n1", "n2", "n3"]
CLUSTER = "blue"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with small_lab("rescue", 76) as lab:
        yield lab


@pytest.fixture(scope="module")
def members(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    reinstall_all(lab, HOSTS)
    members = Members(lab, tmp_path_factory.mktemp("rescue"), HOSTS)
    come_in(members, HOSTS)
    members.ssh("n1").run(["docker", "config", "create", "page", "-"], stdin="hello\n")
    put(members, "metalswarm")
    yield members
    members.site.close()


def come_in(members: Members, names: list[str]) -> None:
    """What the links of a manager do, one host beside the other."""

    def one(site: Site, name: str) -> None:
        ensure_member(site, members.consul(name))
        ensure_engine(site, EngineWish(name, site.access(name), authority=CLUSTER, package="docker.io", version="*"))
        wish = node_wish(site, CLUSTER, name)
        identity = site.fleet.clusters[CLUSTER].identity
        record = ReachedRecord(site, CLUSTER, host=name, access=wish.access, identity=identity, patience=60)
        ensure_node(site, wish, record)

    members.together(one, names)


def put(members: Members, value: str) -> None:
    with living_api(members.site, members.consul("n1"), deadline=members.run.deadline(60)) as api:
        api.put("kv/app/owner", value.encode())


def kept(members: Members) -> str:
    with living_api(members.site, members.consul("n1"), deadline=members.run.deadline(60)) as api:
        return str(api.get("kv/app/owner", raw=""))


def listed(members: Members, manager: str) -> list[str]:
    """Each node with state and part in raft; a name that is listed twice shows twice."""
    said = members.ssh(manager).run(
        ["docker", "node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.ManagerStatus}}"]
    )
    return sorted(said.stdout.replace("Leader", "Reachable").splitlines())


def swarm_of(members: Members, manager: str) -> str:
    return str(members.ssh(manager).run(["docker", "info", "--format", "{{.Swarm.Cluster.ID}}"]).stdout.strip())


@pytest.fixture(scope="module")
def files(members: Members) -> tuple[Path, ...]:
    return back_up(members.site, CLUSTER, members.folder / "backups").files


def test_a_backup_disturbs_nothing_and_shows_nothing(members: Members, files: tuple[Path, ...]) -> None:
    assert listed(members, "n1") == [f"{name} Ready Reachable" for name in HOSTS]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600, 0o600]
    assert [read_label(path.read_bytes()).kind for path in files] == ["consul", "swarm"]
    for path in files:
        sealed = path.read_bytes()
        assert not [word for word in (b"SWMTKN", b"BEGIN", b"metalswarm/blue") if word in sealed]
        assert len(unseal(SEED, sealed)[1]) > 1000
        with pytest.raises(MetalError, match="does not open with this stack's seed"):
            unseal(bytes(32), sealed)
        with pytest.raises(MetalError, match="was changed"):
            unseal(SEED, sealed[:-1])
    (raft,) = [path for path in files if read_label(path.read_bytes()).kind == "swarm"]
    host = read_label(raft.read_bytes()).host
    left = members.ssh(host).run(["find", "/var/lib", "-maxdepth", "1", "-name", "metalswarm-copy*"]).stdout
    assert not left, "no copy stays on the host"


def test_consul_goes_back_to_its_backup(members: Members, files: tuple[Path, ...]) -> None:
    put(members, "somebody else")
    restore_consul(members.site, CLUSTER, files[0].read_bytes())
    assert kept(members) == "metalswarm"
    with pytest.raises(MetalError, match="of another part"):
        restore_consul(members.site, CLUSTER, files[1].read_bytes())


@pytest.mark.demand("U44")
def test_a_quorum_lost_for_good_is_recovered_and_grows_back(members: Members, lab: Lab) -> None:
    refused = decide_recovery(observe_recovery(members.site, CLUSTER))
    assert isinstance(refused, Refuse)
    assert "both have their quorum" in refused.reason
    swarm = swarm_of(members, "n1")

    for name in ("n2", "n3"):
        lab.host(name).kill()
    sight = observe_recovery(members.site, CLUSTER)
    within(60, lambda: not observe_recovery(members.site, CLUSTER).consul_leads)
    refused = decide_recovery(sight)
    assert isinstance(refused, Refuse)
    assert "nothing shows that n2, n3 is off" in refused.reason
    plan = decide_recovery(observe_recovery(members.site, CLUSTER), given_up=["n2", "n3"])
    assert plan == Recovery((), ("n2", "n3"), ("n1",), "n1", (), "n1")

    report = recover(members.site, CLUSTER, plan)
    assert (report.swarm, report.servers, report.managers) == (swarm, ("n1",), ("n1",))
    assert listed(members, "n1") == ["n1 Ready Reachable"]
    assert members.ssh("n1").run(["docker", "config", "ls", "--format", "{{.Name}}"]).stdout == "page\n"
    assert kept(members) == "metalswarm"
    raft = members.ssh("n1").run(["docker", "node", "inspect", "self", "--format", "{{.ManagerStatus.Addr}}"])
    assert raft.stdout.strip() == f"{members.site.access('n1').address}:2377", "the address that it had"
    refused = decide_recovery(observe_recovery(members.site, CLUSTER), given_up=["n2", "n3"])
    assert isinstance(refused, Refuse)

    # It holds at the next joins, which come at the same time, and nobody of before is left.
    reinstall_all(lab, ["n2", "n3"])
    for name in ("n2", "n3"):
        members.site.ssh.forget(name)
    come_in(members, HOSTS)
    assert listed(members, "n1") == [f"{name} Ready Reachable" for name in HOSTS]
    assert swarm_of(members, "n3") == swarm
    with living_api(members.site, members.consul("n1"), deadline=members.run.deadline(60)) as api:
        assert sorted(server["Name"] for server in api.autopilot()["Servers"]) == HOSTS
    assert (
        json.loads(members.ssh("n2").run(["docker", "config", "inspect", "page"]).stdout)[0]["Spec"]["Name"] == "page"
    )


@pytest.mark.full
def test_a_swarm_of_which_nothing_is_left_comes_back_from_its_backup(
    members: Members, lab: Lab, files: tuple[Path, ...]
) -> None:
    sealed = files[1].read_bytes()
    label = read_label(sealed)
    with pytest.raises(MetalError, match="has a leader"):
        restore_swarm(members.site, CLUSTER, label.host, sealed)
    for name in HOSTS:
        lab.host(name).kill()
        members.site.ssh.forget(name)
    reinstall_all(lab, [label.host])
    site = members.site
    ensure_engine(
        site, EngineWish(label.host, site.access(label.host), authority=CLUSTER, package="docker.io", version="*")
    )
    assert restore_swarm(site, CLUSTER, label.host, sealed) == label.swarm
    assert listed(members, label.host)[HOSTS.index(label.host)] == f"{label.host} Ready Reachable"
    assert members.ssh(label.host).run(["docker", "config", "ls", "--format", "{{.Name}}"]).stdout == "page\n"
