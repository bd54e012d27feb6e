"""Consul on hosts that really boot: born together, registered, shrunk, evicted, grown again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from metal.cluster.consul import ensure_member, living_api, observe_member, open_record, remove_member, wait_formed
from metal.cluster.consul.api import ConsulApi, ConsulSilent
from metal.cluster.consul.servers import voters_of
from metal.errors import ClusterError, PlanRefused
from metal.plan.join import BirthRecord
from tests.lab.members import Members, reinstall_all, within

pytestmark = pytest.mark.lab

SERVERS = ["n1", "n2", "n3"]


@pytest.fixture(scope="module")
def members(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    reinstall_all(lab, [*SERVERS, "n4"])
    members = Members(lab, tmp_path_factory.mktemp("consul"), SERVERS, ["n4"])
    yield members
    members.site.close()
    for name in [*SERVERS, "n4"]:
        lab.host(name).kill()


@pytest.fixture(scope="module")
def formed(members: Members) -> Members:
    reports = members.together(lambda site, name: ensure_member(site, members.consul(name)), SERVERS)
    assert [report.version for report in reports] == ["1.15.4"] * 3
    assert wait_formed(members.site, "blue").voters == ("n1", "n2", "n3")
    ensure_member(members.site, members.consul("n4"))
    return members


@pytest.mark.demand("W3")
def test_every_member_is_registered_before_any_swarm(formed: Members) -> None:
    with formed.catalog("n1") as catalog:
        seen = catalog()
    assert sorted(seen) == ["n1", "n2", "n3", "n4"]
    for member in seen.values():
        assert member.alive
        assert member.registered
        assert member.listed
        # Nothing listens on the swarm's gossip port yet.
        assert not member.swarm_passing
    assert [name for name, member in seen.items() if member.voter] == SERVERS
    assert sum(member.leader for member in seen.values()) == 1


def test_a_second_look_restarts_nothing_and_the_birth_settings_are_gone(formed: Members) -> None:
    names = [*SERVERS, "n4"]
    before = [formed.main_pid(name, "consul.service") for name in names]
    formed.together(lambda site, name: ensure_member(site, formed.consul(name)), names)
    assert [formed.main_pid(name, "consul.service") for name in names] == before
    for name in names:
        config = json.loads(formed.ssh(name).read("/etc/consul.d/metalswarm.json") or b"")
        assert "bootstrap_expect" not in config
        assert list(config["acl"]["tokens"]) == ["agent"]


def test_secrets_show_in_no_process_list_and_in_no_file_for_others(formed: Members) -> None:
    ssh = formed.ssh("n1")
    secrets = formed.consul("n1").secrets(formed.site)
    processes = ssh.run(["ps", "axww", "-o", "args"]).stdout
    open_to_all = ssh.run(["find", "/etc/consul.d", "/etc/metalswarm", "-type", "f", "-perm", "-o=r"]).stdout.split()
    texts = processes + "".join((ssh.read(path) or b"").decode() for path in open_to_all)
    for secret in (secrets.gossip_key, secrets.management_token, secrets.agent_token("n1"), secrets.swarm_token("n1")):
        assert secret not in texts


def test_without_a_token_nothing_is_told_and_the_registration_token_opens_one_key(formed: Members) -> None:
    ssh = formed.ssh("n4")

    def status(path: str, *words: str) -> str:
        base = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", "/etc/consul.d/tls/ca.pem"]
        return ssh.run([*base, *words, f"https://localhost:8501/v1/{path}"]).stdout

    token = ["-H", "@/etc/metalswarm/consul/swarm-token.header"]
    prefix = "kv/docker-swarm/docker/swarm/nodes"
    address = formed.site.access("n4").address
    other = formed.site.access("n1").address
    assert status(f"{prefix}/{address}:2376") == "403"
    assert status(f"{prefix}/{address}:2376", *token) == "200"
    assert status(f"{prefix}/{other}:2376", *token) == "403"
    assert status("kv/metalswarm/blue/swarm", *token) == "403"
    assert status("acl/tokens", *token) == "403"


def test_the_birth_record_has_one_winner(formed: Members) -> None:
    def claim(site: object, name: str) -> bool:
        with open_record(formed.site, "blue") as record:
            return record.claim(name, replacing=None)

    assert sorted(formed.together(claim, SERVERS)) == [False, False, True]
    with open_record(formed.site, "blue") as record:
        won = record.read()
        assert won is not None
        assert record.complete(won.founder, "swarm-id", replacing=won)
        assert record.read() == BirthRecord(won.founder, "swarm-id")
        assert record.forget(replacing=BirthRecord(won.founder, "swarm-id"))


@pytest.mark.demand("W6")
def test_a_host_that_is_reset_vanishes_by_itself_and_is_then_evicted(formed: Members) -> None:
    """W6: nobody tells Consul. Then the living side removes what is left, and the host comes back as it was."""
    # Stands in for the swarm's gossip port, so that the service passes.
    listen = "systemd-socket-activate --listen=0.0.0.0:7946 --inetd --accept cat"
    formed.ssh("n4").run(["systemd-run", "--unit=swarm-port", *listen.split()])
    host = formed.lab.host("n4")
    wish = formed.consul("n4")
    with formed.catalog("n1") as catalog:
        within(20, lambda: catalog()["n4"].swarm_passing)
        host.kill()
        took = within(30, lambda: not catalog()["n4"].swarm_passing and not catalog()["n4"].listed)
    assert took < 30
    remove_member(formed.site, wish, dissolving=False)
    with living_api(formed.site, formed.consul("n1"), deadline=formed.run.deadline(10)) as api:
        assert api.get("catalog/node/n4") is None
        assert not [token for token in api.get("acl/tokens") if "n4" in token["Description"]]
    host.power(PowerAct.ON)
    host.wait_for_ssh()
    ensure_member(formed.site, wish)


def is_healthy(api: ConsulApi, server: str) -> bool:
    """True while nobody can say: who was stopped may have been the leader."""
    with suppress(ConsulSilent):
        return server in voters_of(api.autopilot()).healthy
    return True


@pytest.mark.demand("U52")
def test_servers_that_got_fewer_since_the_preview_keep_the_one_that_was_to_go(formed: Members) -> None:
    leaver = formed.consul("n3")
    formed.want(["n1", "n2"], ["n4"], override=["voters"])
    limits = replace(formed.site.fleet.deadlines, boot=1, ssh=10, ready=0, packages=0, consul=12)
    short = replace(formed.site, fleet=replace(formed.site.fleet, deadlines=limits))
    formed.ssh("n2").run(["systemctl", "stop", "consul"])
    with living_api(formed.site, formed.consul("n1"), deadline=formed.run.deadline(30)) as api:
        within(30, lambda: not is_healthy(api, "n2"))
    with pytest.raises(ClusterError, match="can do without n3") as refused:
        remove_member(short, leaver, dissolving=False)
    assert "n2 must be a healthy voter first" in str(refused.value)
    formed.ssh("n2").run(["systemctl", "start", "consul"])
    formed.want(SERVERS, ["n4"])
    assert wait_formed(formed.site, "blue").voters == ("n1", "n2", "n3"), "nothing was lost"


@pytest.mark.demand("U51", "U52")
def test_servers_leave_one_by_one_never_the_last_and_come_back(formed: Members) -> None:
    old = formed.consul("n3")
    formed.want(["n1"], ["n2", "n3", "n4"])
    # A server that is to be a client steps down in place.
    reports = formed.together(lambda site, name: ensure_member(site, formed.consul(name)), ["n2", "n3"])
    assert not any(report.server for report in reports)
    assert wait_formed(formed.site, "blue").voters == ("n1",)
    with pytest.raises(PlanRefused, match="last Consul server"):
        remove_member(formed.site, formed.consul("n1"), dissolving=False)
    formed.want(SERVERS, ["n4"])
    formed.together(lambda site, name: ensure_member(site, formed.consul(name)), ["n2", "n3"])
    assert wait_formed(formed.site, "blue").voters == ("n1", "n2", "n3")
    assert observe_member(formed.site, old).voter


def test_a_cluster_that_is_dissolved_leaves_nothing(formed: Members) -> None:
    names = [*SERVERS, "n4"]
    formed.together(lambda site, name: remove_member(site, formed.consul(name), dissolving=True), names)
    for name in names:
        assert not observe_member(formed.site, formed.consul(name)).active
        gone = formed.ssh(name).run(["ls", "/etc/consul.d", "/var/lib/consul", "/etc/metalswarm/consul"], check=False)
        assert gone.stdout == ""
