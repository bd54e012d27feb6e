"""The main job as one story on one lab: off to running, no change, scaling, repurposing, reinstall, hold, destroy."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import httpx
import pytest

from lab.api import Lab
from lab.spec import LabSpec
from tests.engine.project import CHECKOUT
from tests.lab.containers import busybox_image, replicated_service
from tests.lab.stack import MANAGER_KEY, ApiRefusedError, LabStack
from tests.waiting import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.engine]

NO_NETWORK = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
HOSTS = ["n1", "n2", "n3", "n4", "n5"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    spec = LabSpec(
        name="main",
        subnet=IPv4Network("10.79.0.0/24"),
        bmc_base=IPv4Address("127.0.4.0"),
        directory=CHECKOUT / ".metalswarm" / "test-main",
    )
    lab = Lab.from_spec(spec)
    lab.down()
    lab.up()
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(lab: Lab, pulumi_bin, tmp_path_factory: pytest.TempPathFactory) -> LabStack:
    return LabStack(tmp_path_factory.mktemp("stack") / "project", pulumi_bin, lab)


@pytest.mark.demand("W1", "W2", "W4", "W8", "E5", "R1")
def test_powered_off_metal_becomes_a_running_swarm(stack: LabStack, lab: Lab) -> None:
    assert not any(host.power_is_on() for host in lab.hosts)
    outcome = stack.up().expect()
    nodes = stack.swarm_nodes()
    assert {name: node["state"] for name, node in nodes.items()} == dict.fromkeys(HOSTS, "ready")
    assert {name for name, node in nodes.items() if node["role"] == "manager"} == {"n1", "n2", "n3"}
    assert not lab.host("n6").power_is_on(), "the spare stays off"

    finished = stack.links(outcome, "resOutputsEvent")
    for host in HOSTS:
        order = [link for _, link, name in finished if name == host]
        assert order.index("ConsulMember") < order.index("SwarmNode"), f"{host} enters Consul before the swarm"


@pytest.mark.demand("W3")
def test_consul_has_three_healthy_servers_and_every_node_in_its_catalogue(stack: LabStack) -> None:
    health = stack.consul("/v1/operator/autopilot/health")
    assert health["Healthy"]
    assert sorted(server["Name"] for server in health["Servers"]) == ["n1", "n2", "n3"]
    assert sum(server["Leader"] for server in health["Servers"]) == 1
    assert sorted(node["Node"] for node in stack.consul("/v1/catalog/nodes")) == HOSTS
    wait_for(
        "every swarm node passing in Consul",
        lambda: (
            sorted(entry["Node"]["Node"] for entry in stack.consul("/v1/health/service/docker-swarm?passing")) == HOSTS
        ),
    )


def test_consul_answers_nobody_without_a_token(stack: LabStack) -> None:
    with pytest.raises(ApiRefusedError, match=r"Permission denied|ACL not found"):
        stack.consul("/v1/kv/metalswarm/blue/swarm", token="00000000-0000-0000-0000-000000000000")


@pytest.mark.demand("W5")
def test_port_2475_needs_the_client_certificate(stack: LabStack) -> None:
    for manager in ("n1", "n2", "n3"):
        assert len(stack.docker("/nodes", host=manager)) == 5
    with (
        pytest.raises((httpx.HTTPError, ssl.SSLError)),
        httpx.Client(verify=stack.tls(certificate=False), timeout=10) as client,
    ):
        client.get(f"https://{stack.address('n1')}:2475/nodes")
    with pytest.raises(httpx.ConnectError), httpx.Client(verify=stack.tls(), timeout=10) as client:
        client.get(f"https://{stack.address('n4')}:2475/info")


@pytest.mark.demand("E2", "E3")
def test_the_controller_lists_every_node(stack: LabStack) -> None:
    nodes = stack.stackengine("/api/nodes")
    assert sorted(node["name"] for node in nodes) == HOSTS
    assert sorted(node["name"] for node in nodes if node["role"] == "admin") == ["n1", "n2", "n3"]
    for host in HOSTS:  # and every node knows the ring: registration in both directions
        known = {node["name"] for node in stack.stackengine("/api/nodes", host=host) if node["role"] == "admin"}
        assert known == {"n1", "n2", "n3"}, host


def test_a_replicated_service_answers_from_two_hosts(stack: LabStack, tmp_path) -> None:
    image = busybox_image(tmp_path)
    for host in ("n4", "n5"):
        stack.load_image(host, image)
    with replicated_service(stack, replicas=2) as addresses:
        assert len(addresses) == 2
        for address in addresses:
            answer = httpx.get(f"http://{address}:8088/", timeout=10)
            assert answer.text.strip() == "metalswarm"


def test_a_second_up_and_a_refresh_change_nothing(stack: LabStack) -> None:
    assert set(stack.up().expect().changes) == {"same"}
    assert set(stack.refresh("--expect-no-changes").expect().changes) == {"same"}


def test_a_preview_where_nothing_can_be_reached_shows_the_same_plan(stack: LabStack) -> None:
    before = stack.fleet["pools"]["web"].get("labels", {})
    stack.fleet["pools"]["web"]["labels"] = {**before, "floor": "2"}
    here = stack.preview().expect()
    away = subprocess.run(
        [*NO_NETWORK, *stack.project.command("preview", "--stack", "dev")],
        cwd=stack.project.folder,
        env=stack.project.variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert away.returncode == 0, away.stdout + away.stderr
    assert "~ 2 to update" in away.stdout, away.stdout
    assert here.changes["update"] == 2
    stack.fleet["pools"]["web"]["labels"] = before


def all_secrets(stack: LabStack) -> list[str]:
    lab = stack.lab
    return [MANAGER_KEY, lab.bmc_login.password, lab.ssh_key.read_text().splitlines()[1], *stack.derived_secrets()]


def test_nothing_secret_is_plain_in_state_or_process_lists(stack: LabStack) -> None:
    secrets = all_secrets(stack)
    exported = str(stack.project.export())
    assert not [secret for secret in secrets if secret in exported]
    for host in HOSTS:
        processes = stack.ssh(host, "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '")
        assert not [secret for secret in secrets[1:] if secret in processes]
        assert stack.readable_by_all(host, [*secrets, "PRIVATE KEY-----"]) == []


def test_status_asks_the_living_system_and_not_the_state(stack: LabStack) -> None:
    done = stack.metalswarm("status", "--json", "--stack", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    layers = ("power", "ready", "engine", "consul", "swarm", "manager")
    assert {name: seen["hosts"][name]["good"] for name in HOSTS} == dict.fromkeys(HOSTS, True)
    assert [seen["hosts"]["n4"][layer]["state"] for layer in layers][:2] == ["on", "ready"]
    assert seen["hosts"]["n4"]["swarm"]["state"] == "worker"
    assert seen["hosts"]["n4"]["manager"]["state"] == "member"
    assert seen["hosts"]["n6"]["power"]["state"] == "off"

    stack.ssh("n5", "systemctl stop docker.socket docker")
    try:
        wait_for("the swarm notices", lambda: stack.swarm_nodes()["n5"]["state"] != "ready")
        done = stack.metalswarm("status", "--stack", "dev")
        assert done.returncode == 1
        assert "stopped" in next(line for line in done.stdout.splitlines() if line.startswith("n5"))
        assert set(stack.refresh().expect().changes) == {"same", "update"}, "a refresh shows it as well"
    finally:
        stack.ssh("n5", "systemctl start docker.socket docker")
    wait_for("n5 is back", lambda: stack.swarm_nodes()["n5"]["state"] == "ready")
    stack.refresh().expect()
    assert {link for _, link, _ in stack.links(stack.up().expect())} <= {"DockerEngine", "SwarmNode"}


def test_a_docker_context_is_all_that_a_client_needs(stack: LabStack, tmp_path) -> None:
    folder = tmp_path / "certs"
    done = stack.metalswarm("context", "blue", "--certs", str(folder), "--stack", "dev")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    with httpx.Client(verify=context, timeout=10) as client:
        assert len(client.get(f"https://{stack.address('n2')}:2475/nodes").json()) == 5


def test_what_exists_only_at_a_swarms_birth_is_refused_later_with_the_reason(stack: LabStack) -> None:
    swarm = stack.fleet["clusters"]["blue"]["swarm"]
    before = swarm["address_pool"]
    swarm["address_pool"] = "172.31.0.0/16"
    outcome = stack.preview().expect(ok=False)
    swarm["address_pool"] = before
    assert "address_pool" in outcome.output
    assert "birth" in outcome.output
    assert "Traceback" not in outcome.output
    stack.fleet["clusters"]["blue"]["managers"] = ["n1", "n2"]
    outcome = stack.preview().expect(ok=False)
    stack.fleet["clusters"]["blue"]["managers"] = ["n1", "n2", "n3"]
    assert "clusters.blue.managers" in outcome.output
    assert "odd" in outcome.output or "1, 3, 5" in outcome.output


@pytest.mark.demand("W7", "U55")
def test_a_spare_becomes_a_worker_and_only_its_chain_is_touched(stack: LabStack) -> None:
    stack.move("n6", "web")
    outcome = stack.up().expect()
    assert stack.touched(outcome) <= {"n6", "blue"}, stack.links(outcome)
    assert {name for name, _ in stack.swarm_nodes().items()} == {*HOSTS, "n6"}
    assert stack.swarm_nodes()["n6"]["state"] == "ready"


@pytest.mark.parametrize("on_leave", ["keep", "off", "reinstall"])
@pytest.mark.demand("U56")
def test_a_worker_becomes_a_spare_again(stack: LabStack, lab: Lab, on_leave: str) -> None:
    stack.fleet["pools"]["web"]["on_leave"] = on_leave
    stack.fleet["pools"]["spare"]["power"] = "off" if on_leave == "off" else "on"
    if "n6" not in stack.fleet["pools"]["web"]["hosts"]:
        stack.move("n6", "web")
    stack.up().expect()
    before = stack.ssh("n6", "cat /etc/machine-id")
    stack.move("n6", "spare")
    outcome = stack.up().expect()
    assert stack.touched(outcome) <= {"n6", "blue"}, stack.links(outcome)
    assert "n6" not in stack.swarm_nodes()
    assert "n6" not in [node["name"] for node in stack.stackengine("/api/nodes")]
    wait_for("n6 gone from Consul", lambda: "n6" not in [n["Node"] for n in stack.consul("/v1/catalog/nodes")])
    if on_leave == "off":
        assert not lab.host("n6").power_is_on()
    else:
        after = stack.ssh("n6", "cat /etc/machine-id")
        assert (after != before) == (on_leave == "reinstall")
        assert stack.ssh("n6", "systemctl is-active docker || true") in ("inactive", "unknown", "")
    assert set(stack.up().expect().changes) == {"same"}


def test_a_raised_generation_reinstalls_one_host_and_proves_it_new(stack: LabStack) -> None:
    before = {host: stack.ssh(host, "cat /etc/machine-id") for host in HOSTS}
    keys = stack.ssh("n5", "cat /etc/ssh/ssh_host_ed25519_key.pub")
    id_before = stack.swarm_nodes()["n5"]["id"]
    stack.fleet["hosts"] = {"n5": {"generation": 2}}
    outcome = stack.up().expect()
    assert stack.touched(outcome) <= {"n5", "blue"}
    after = {host: stack.ssh(host, "cat /etc/machine-id") for host in HOSTS}
    assert {host for host in HOSTS if before[host] != after[host]} == {"n5"}
    assert stack.ssh("n5", "cat /etc/ssh/ssh_host_ed25519_key.pub") != keys
    nodes = stack.swarm_nodes()
    assert set(nodes) == set(HOSTS)
    assert nodes["n5"]["state"] == "ready"
    assert nodes["n5"]["id"] != id_before
    deletes = [link for operation, link, name in stack.links(outcome) if name == "n5" and "delete" in operation]
    assert deletes.index("SwarmNode") < deletes.index("HostReady") < deletes.index("BootDevice")


def test_a_host_on_hold_with_its_bmc_unplugged_is_left_alone(stack: LabStack, lab: Lab) -> None:
    lab.host("n4").unplug()
    stack.fleet["hosts"]["n4"] = {"hold": "RMA 4711", "generation": 3}
    try:
        assert {link for _, link, _ in stack.links(stack.up().expect())} <= {"ClusterPlan"}, "counted, never dialled"
        assert set(stack.refresh("--expect-no-changes").expect().changes) == {"same"}
    finally:
        lab.host("n4").plug()
        stack.fleet["hosts"].pop("n4")
    assert {link for _, link, _ in stack.links(stack.up().expect())} <= {"ClusterPlan"}


def test_destroy_leaves_every_host_off_with_its_boot_device_at_default(stack: LabStack, lab: Lab) -> None:
    stack.destroy().expect()
    assert not any(host.power_is_on() for host in lab.hosts)
    for host in lab.hosts:
        assert host.status().boot in ("default", "none", None), host.status()
    assert set(stack.project.resources()) <= {"metalswarm-dev", "default"}


def test_nothing_secret_was_said_in_all_of_these_runs(stack: LabStack) -> None:
    assert len(stack.said) > 15
    assert not [secret for secret in all_secrets(stack) if any(secret in text for text in stack.said)]
