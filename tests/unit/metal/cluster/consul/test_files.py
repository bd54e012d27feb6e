"""The files of a member against golden ones: a change of any of them is a change on every host."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from metal.cluster.consul import MemberWish
from metal.cluster.consul.config import edition_of, render_config, render_unit
from metal.cluster.consul.registration import (
    node_key,
    render_entry_script,
    render_entry_timer,
    render_entry_unit,
    render_service,
    render_service_body,
    render_swarm_policy,
    render_token_header,
)
from metal.pki.secrets import ClusterSecrets
from metal.settings.access import Access
from metal.settings.consul_secret import ConsulSecret
from metal.settings.external import Agents, ExternalConsul
from metal.settings.fleet import Artifact, Identity

GOLDEN = Path(__file__).parents[4] / "golden" / "consul"
SECRETS = ClusterSecrets.derive(bytes(range(32)), "blue", Identity())
SERVER = MemberWish(
    host="n1",
    access=Access("n1", "10.0.0.1", 22, "root", "default", False),
    cluster="blue",
    server=True,
    servers={"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"},
    datacenter="dc1",
    artifact=Artifact("1.15.4", "http://mirror/consul", "0" * 64),
    identity=Identity(),
    life="g1",
)
CLIENT = replace(SERVER, host="n4", access=replace(SERVER.access, host="n4", address="10.0.0.4"), server=False)
EXISTING = replace(
    CLIENT,
    datacenter="hq",
    servers={},
    external=ExternalConsul("https://10.9.0.1:8501", (), Agents.MANAGED, ("10.9.0.1", "10.9.0.2"), "hq"),
)
OUTSIDE = ConsulSecret(token="token", gossip="gossip", ca="ca")

FILES = {
    "server-birth.json": render_config(SERVER, SECRETS, expect=3),
    "server.json": render_config(SERVER, SECRETS, expect=None),
    "client.json": render_config(CLIENT, SECRETS, expect=None),
    "client-existing.json": render_config(EXISTING, SECRETS, expect=None, outside=OUTSIDE),
    "client-existing-open.json": render_config(EXISTING, SECRETS, expect=None, outside=ConsulSecret()),
    "service.json": render_service(CLIENT, SECRETS),
    "service-body.json": render_service_body(CLIENT),
    "swarm-policy.hcl": render_swarm_policy(CLIENT),
    "node-entry.sh": render_entry_script(CLIENT),
    "node-entry.service": render_entry_unit(),
    "node-entry.timer": render_entry_timer(),
    "consul.service": render_unit(),
}


@pytest.mark.parametrize("name", FILES)
def test_file_is_the_golden_one(name):
    golden = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(FILES[name])
    assert FILES[name] == golden.read_text()


def test_only_a_birth_can_bootstrap_and_carries_the_management_token():
    birth, steady = json.loads(FILES["server-birth.json"]), json.loads(FILES["server.json"])
    assert birth.pop("bootstrap_expect") == 3
    assert birth["acl"]["tokens"].pop("initial_management") == SECRETS.management_token
    # The agent's own token is made only after the birth.
    assert birth["acl"]["tokens"].pop("agent") == SECRETS.management_token
    assert steady["acl"]["tokens"].pop("agent") == SECRETS.agent_token("n1")
    assert birth == steady
    for name in ("server.json", "client.json", "service.json"):
        assert SECRETS.management_token not in FILES[name]


def test_clients_leave_when_they_stop_and_servers_do_not():
    assert json.loads(FILES["client.json"])["leave_on_terminate"] is True
    assert json.loads(FILES["server.json"])["leave_on_terminate"] is False


def test_the_script_and_what_others_may_read_hold_no_secret():
    for name in ("node-entry.sh", "service-body.json", "swarm-policy.hcl", "consul.service"):
        for secret in (SECRETS.swarm_token("n4"), SECRETS.agent_token("n4"), SECRETS.gossip_key):
            assert secret not in FILES[name]
    assert render_token_header(CLIENT, SECRETS) == f"X-Consul-Token: {SECRETS.swarm_token('n4')}\n"


def test_both_forms_of_the_service_say_the_same():
    file, body = json.loads(FILES["service.json"])["service"], json.loads(FILES["service-body.json"])
    check, other = file["checks"][0], body["Checks"][0]
    assert [file[key] for key in ("id", "name", "address", "port")] == [
        body[key] for key in ("ID", "Name", "Address", "Port")
    ]
    assert [
        check[key] for key in ("id", "name", "tcp", "interval", "timeout", "deregister_critical_service_after")
    ] == [other[key] for key in ("CheckID", "Name", "TCP", "Interval", "Timeout", "DeregisterCriticalServiceAfter")]


def test_the_script_is_one_that_a_posix_shell_reads():
    subprocess.run(["sh", "-n"], input=FILES["node-entry.sh"], text=True, check=True)


def test_the_node_list_is_the_one_of_2015():
    assert node_key(CLIENT) == "docker-swarm/docker/swarm/nodes/10.0.0.4:2376"


def test_a_reinstalled_host_keeps_its_node_id_and_another_cluster_gives_another():
    other = ClusterSecrets.derive(bytes(range(32)), "green", Identity())
    assert SERVER.node_id(SECRETS) == replace(SERVER, life="g2").node_id(SECRETS)
    assert SERVER.node_id(SECRETS) != SERVER.node_id(other)
    assert SERVER.node_id(SECRETS) != CLIENT.node_id(SECRETS)


def test_what_takes_no_restart_makes_no_new_edition():
    steady = edition_of(FILES["server.json"], "rest")
    grown = replace(SERVER, servers={**SERVER.servers, "n4": "10.0.0.4", "n5": "10.0.0.5"})
    assert edition_of(render_config(grown, SECRETS, expect=None), "rest") == steady
    assert edition_of(FILES["server.json"], "another version") != steady
    # Tokens are reloaded, and the gossip key is kept in a keyring.
    rotated = ClusterSecrets.derive(bytes(range(32)), "blue", Identity(gossip=2, acl=2))
    assert edition_of(render_config(SERVER, rotated, expect=None), "rest") == steady


@pytest.mark.demand("R3")
def test_a_member_at_an_ipv6_address():
    """Where a port follows, the address is in brackets; where it stands alone, it is not."""
    servers = {f"n{number}": f"fd00::{number}" for number in (1, 2, 3)}
    six = replace(SERVER, access=replace(SERVER.access, address="fd00::1"), servers=servers)
    config = json.loads(render_config(six, SECRETS, expect=3))
    assert (config["bind_addr"], config["advertise_addr"]) == ("fd00::1", "fd00::1")
    assert config["retry_join"] == ["[fd00::2]:8301", "[fd00::3]:8301"]
    service = json.loads(render_service(six, SECRETS))["service"]
    assert (service["address"], service["port"]) == ("fd00::1", 2376)
    assert service["checks"][0]["tcp"] == "[fd00::1]:7946"
    assert json.loads(render_service_body(six))["Checks"][0]["TCP"] == "[fd00::1]:7946"
    assert node_key(six).endswith("/nodes/[fd00::1]:2376")
    assert f'key "{node_key(six)}"' in render_swarm_policy(six)
    script = render_entry_script(six)
    assert "--data '[fd00::1]:2376'" in script
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    outside = replace(EXISTING, external=replace(EXISTING.external, servers=("fd00::9", "10.9.0.2")))
    joined = json.loads(render_config(outside, SECRETS, expect=None, outside=OUTSIDE))["retry_join"]
    assert joined == ["[fd00::9]:8301", "10.9.0.2"]
