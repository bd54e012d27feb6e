"""What can go wrong with the metal: one clear error each, the rest goes on, the next `up` finishes the job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.api import Lab
from lab.bmc.client import PowerAct
from lab.host import LabHost
from tests.lab.bmc_faults import LossyProxy
from tests.lab.ready_stack import failure, fresh_hosts, marker, ready_stack, small_lab, warnings
from tests.lab.stack import LabStack
from tests.lab.traces import host_identity

pytestmark = [pytest.mark.root, pytest.mark.lab, pytest.mark.engine]

_STRANGE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIiZTxfVTEJiw8ALaNIOIXMkUUbBo30BlwKcnDUMSSsU"
_LOGIN_DATAGRAMS = 6
"""Open session and the two halves of RAKP, there and back: what one login can take, answered at once."""


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    with small_lab("fail", 91) as lab:
        yield lab


@pytest.fixture
def lab(module_lab: Lab) -> Lab:
    return fresh_hosts(module_lab)


@pytest.fixture
def stack(lab: Lab, tmp_path: Path) -> LabStack:
    """n1, on which things break, and n2, which has nothing to do with it."""
    return ready_stack(tmp_path / "project", lab, "n1", "n2")


def assert_ready(stack: LabStack, *hosts: str) -> None:
    for host in hosts:
        assert marker(stack, host)["state"] == "claimed"
        assert f"{host}/g1/ready" in {resource.get("id") for resource in stack.project.export()["resources"]}


def install_by_hand(host: LabHost) -> None:
    host.set_boot("pxe")
    host.power(PowerAct.ON)
    host.wait_for_ssh()


def test_a_wrong_bmc_password(stack: LabStack, lab: Lab) -> None:
    bmc = lab.host("n1").spec
    proxy = LossyProxy((str(bmc.bmc), bmc.bmc_port), loss=0, seed=0, address="127.0.91.250")
    try:
        stack.inventory["hosts"]["n1"]["bmc"] = {
            "address": proxy.address,
            "port": proxy.port,
            "credentials": "n1",
        }
        stack.project.environment["METALSWARM_BMC_N1"] = "admin:not-the-password"
        outcome = stack.up()
        error = failure(outcome, "n1", "BootDevice")
        assert proxy.passed <= _LOGIN_DATAGRAMS, "more than one login: that is how accounts are locked"
        for words in ("n1: BMC 127.0.91.250: ", "(credential profile 'n1')", "tried: login 1", "last seen: "):
            assert words in error
        assert "pulumi config set --secret metalswarm:bmc-n1" in error
        assert "not-the-password" not in outcome.output
        assert_ready(stack, "n2")
        assert lab.host("n1").status().installs == 0

        stack.project.environment["METALSWARM_BMC_N1"] = stack.project.environment["METALSWARM_BMC_DEFAULT"]
        assert stack.touched(stack.up().expect()) == {"n1"}
        assert_ready(stack, "n1", "n2")
    finally:
        proxy.close()


@pytest.mark.demand("U11")
def test_an_unreachable_bmc(stack: LabStack, lab: Lab) -> None:
    lab.host("n1").unplug()
    error = failure(stack.up(), "n1", "BootDevice")
    for words in ("n1: BMC 127.0.91.1: nothing answers there", "tried: ", "last seen: ", "127.0.91.1 port 6230"):
        assert words in error
    assert_ready(stack, "n2")

    lab.host("n1").plug()
    assert stack.touched(stack.up().expect()) == {"n1"}
    assert_ready(stack, "n1", "n2")

    # Hosts that are up do not need their BMCs: neither a plain `up` nor a refresh fails for one.
    lab.host("n1").unplug()
    assert set(stack.up().expect().changes) == {"same"}
    refreshed = stack.refresh().expect()
    assert warnings(refreshed, "n1: BMC 127.0.91.1: nothing answers there")
    assert not warnings(refreshed, "n2")
    lab.host("n1").plug()
    assert set(stack.up().expect().changes) == {"same"}


@pytest.mark.demand("U28", "U30", "U31")
def test_an_install_that_never_comes_up(stack: LabStack, lab: Lab) -> None:
    """The installer refuses, the machine hangs with its power on; mended, the next run boots it again."""
    stack.fleet["deadlines"] |= {"boot": 3, "ssh": 3}
    host = lab.host("n1")
    counter = host.spec.machine_directory / "installs.json"
    counter.write_text(json.dumps({"total": host.status().installs, "unclaimed": lab.spec.install_limit}))
    installs = host.status().installs
    error = failure(stack.up(), "n1", "HostReady")
    assert host.status().firmware == "install refused"
    for words in ("n1: does not answer by SSH within 6 s", "; ssh root@10.91.0.11:22", "last seen: ", "console"):
        assert words in error
    for words in ("boot device pxe (once), set and read back", "chassis power is on", "link", "DHCP", "TFTP"):
        assert words in error
    assert_ready(stack, "n2")

    host.reset_counter()
    assert stack.links(stack.up().expect()) == [("create", "HostReady", "n1")]
    assert_ready(stack, "n1", "n2")
    assert host.status().installs == installs + 1


@pytest.mark.full
def test_a_host_without_a_system_that_is_never_to_be_installed(stack: LabStack, lab: Lab) -> None:
    host = lab.host("n3")
    stack.fleet["deadlines"] |= {"boot": 2, "ssh": 1}
    stack.fleet["pools"]["web"]["hosts"] = ["n2"]
    stack.fleet["pools"]["old"] = {"purpose": "ready", "hosts": ["n3"], "on_destroy": "off"}
    error = failure(stack.up(), "n3", "HostReady")
    assert host.status().firmware == "no system on disk"
    assert "n3: does not answer by SSH within 3 s" in error
    assert "chassis power is on" in error
    assert_ready(stack, "n2")

    # Asked for in so many words, it is installed; but not over something that runs and was never looked into.
    stack.fleet["pools"]["old"]["generation"] = 1
    error = failure(stack.up(), "n3", "BootDevice")
    assert "n3: is running and does not answer" in error
    assert "next: make SSH work, switch it off" in error
    host.kill()
    assert stack.touched(stack.up().expect()) == {"n3"}
    assert_ready(stack, "n2", "n3")


@pytest.mark.demand("U38")
def test_a_wrong_host_key_in_the_inventory(stack: LabStack, lab: Lab) -> None:
    stack.inventory["hosts"]["n1"]["host_key"] = _STRANGE_KEY
    error = failure(stack.up(), "n1", "HostReady")
    for words in (
        "n1: host key does not match the pinned one; nothing was sent",
        "tried: expected ssh-ed25519 SHA256:",
    ):
        assert words in error
    assert "last seen: ssh-ed25519 SHA256:" in error
    assert "host_key in the inventory" in error
    assert_ready(stack, "n2")
    before = host_identity(lab, "n1")
    installs = lab.host("n1").status().installs

    stack.inventory["hosts"]["n1"]["host_key"] = " ".join(before["host key"].split()[:2])
    assert stack.touched(stack.up().expect()) == {"n1"}
    assert_ready(stack, "n1", "n2")
    assert (host_identity(lab, "n1"), lab.host("n1").status().installs) == (before, installs)


@pytest.mark.demand("U20", "U28")
def test_a_host_that_ignores_the_network_boot(stack: LabStack, lab: Lab) -> None:
    stack.up().expect()
    before, installs = host_identity(lab, "n1"), lab.host("n1").status().installs
    lab.host("n1").ignore_network_boot()
    stack.fleet["hosts"] = {"n1": {"generation": 2}}
    outcome = stack.up()
    error = failure(outcome, "n1", "HostReady")
    for words in ("n1: the reinstall did not happen", "; looked for generation 2", "marker of generation 1"):
        assert words in error
    assert "boot order" in error
    assert stack.touched(outcome) == {"n1"}
    assert host_identity(lab, "n1")["machine id"] == before["machine id"]

    lab.host("n1").ignore_network_boot(False)
    links = stack.links(stack.up().expect())
    assert {(link, name) for _, link, name in links} == {("HostReady", "n1")}, links
    after = host_identity(lab, "n1")
    assert not set(before.values()) & set(after.values())
    assert lab.host("n1").status().installs == installs + 1
    assert set(stack.up().expect().changes) == {"same"}


def even_managers(stack: LabStack) -> None:
    stack.fleet["clusters"] = {"blue": {"managers": ["n1", "n2"], "manager": {"driver": "none"}}}
    stack.fleet["pools"]["web"] |= {"purpose": "swarm", "cluster": "blue"}


def unknown_key(stack: LabStack) -> None:
    stack.fleet["pools"]["web"]["generations"] = 2


def two_pools(stack: LabStack) -> None:
    stack.fleet["pools"]["core"] = {"purpose": "ready", "hosts": ["n2"]}


@pytest.mark.parametrize(
    ("mistake", "lines"),
    [
        (even_managers, ["clusters.blue.managers", "n1", "allowed: an odd number: 1, 3, 5 or 7"]),
        (unknown_key, ["pools.web.generations: unknown key", "generation", "allowed: "]),
        (two_pools, ["pools.", "n2", "web", "core"]),
    ],
)
def test_settings_that_are_refused(stack: LabStack, lab: Lab, mistake, lines: list[str]) -> None:
    mistake(stack)
    for outcome in (stack.preview(), stack.up()):
        assert not outcome.ok
        assert "Traceback" not in outcome.output
        (error,) = [event["message"] for event in outcome.diagnostics("error")]
        assert "configuration refused:" in error
        assert all(words in error for words in lines), error
        assert stack.links(outcome) == []
    assert not any(host.status().power for host in lab.hosts)


def test_another_owners_host(stack: LabStack, lab: Lab) -> None:
    install_by_hand(lab.host("n1"))
    before = host_identity(lab, "n1")
    foreign = {
        "format": 1, "owner": "metalswarm/prod", "host": "db7", "generation": 3, "life": "g3", "state": "claimed",
        "wipe": False, "machine_id": before["machine id"],
    }  # fmt: skip
    stack.ssh("n1", f"mkdir -p /var/lib/metalswarm && echo '{json.dumps(foreign)}' >/var/lib/metalswarm/marker.json")
    for generation in (1, 4):
        stack.fleet["hosts"] = {"n1": {"generation": generation}}
        error = failure(stack.up(), "n1", "BootDevice")
        assert "n1: is claimed by metalswarm/prod (generation 3, life g3)" in error
        assert "last seen: power on, marker of metalswarm/prod" in error
        assert "next: remove it from the stack metalswarm/prod first" in error
    assert_ready(stack, "n2")
    assert marker(stack, "n1") == foreign
    assert host_identity(lab, "n1") == before
    assert lab.host("n1").status().boot == "default"


def test_a_second_stack_gets_the_host_when_the_first_has_let_go(stack: LabStack, lab: Lab) -> None:
    stack.fleet["pools"]["web"] |= {"hosts": ["n1"], "on_destroy": "keep"}
    stack.up().expect()
    before = host_identity(lab, "n1")

    stack.project.run("stack", "init", "second").expect()
    # It takes hosts as they are, as one does with what another has set up.
    stack.fleet["pools"]["web"]["generation"] = 0
    first = stack.project.folder / "Pulumi.dev.yaml"
    first_text = first.read_text()

    def second_up():
        stack._write()
        first.with_name("Pulumi.second.yaml").write_text(first.read_text())
        first.write_text(first_text)
        return stack.project.up("--stack", "second")

    error = failure(second_up(), "n1", "BootDevice")
    assert "n1: is claimed by metalswarm/dev (generation 1, life g1)" in error
    assert marker(stack, "n1")["owner"] == "metalswarm/dev"

    stack.project.destroy().expect()
    assert marker(stack, "n1")["state"] == "released"
    second_up().expect()
    assert marker(stack, "n1")["owner"] == "metalswarm/second"
    assert host_identity(lab, "n1") == before


@pytest.mark.parametrize("name", ["PULUMI_CONTINUE_ON_ERROR", "PULUMI_PARALLEL"])
@pytest.mark.demand("E7")
def test_what_the_environment_lacks_is_said_aloud(stack: LabStack, name: str) -> None:
    stack.project.environment[name] = ""
    (line,) = warnings(stack.preview().expect(), name)
    assert f"{name} is not set" in line
    assert f"Set {name}=" in line
    assert "\n" not in line.strip()


@pytest.mark.demand("U32", "R6")
def test_a_running_host_is_taken_as_it_is_and_never_wiped_unasked(stack: LabStack, lab: Lab) -> None:
    """Generation 0 joins without a boot or a wipe; generation 1 over an unknown running system is refused."""
    stack.fleet["pools"]["web"]["hosts"] = ["n2"]
    stack.fleet["pools"]["old"] = {"purpose": "ready", "hosts": ["n1"], "on_destroy": "keep"}
    for name in ("n1", "n2"):
        install_by_hand(lab.host(name))
    before = {name: host_identity(lab, name) for name in ("n1", "n2")}
    outcome = stack.up()
    error = failure(outcome, "n2", "BootDevice")
    assert "n2: is running and carries no marker of ours" in error
    assert "next: switch it off, or set generation: 0 to take it as it is" in error
    assert marker(stack, "n1")["generation"] == 0
    assert stack.ssh("n2", "ls /var/lib/metalswarm 2>/dev/null || echo untouched") == "untouched"

    # Plain runs, with and without an edit, leave power and disks alone.
    stack.move("n2", "old")
    stack.up().expect()
    stack.fleet["pools"]["old"]["on_destroy"] = "off"
    outcome = stack.up().expect()
    assert ("update", "Power", "n1") in stack.links(outcome)
    assert set(stack.up("--refresh").expect().changes) == {"same"}
    assert {name: host_identity(lab, name) for name in ("n1", "n2")} == before


@pytest.mark.demand("U39")
def test_a_lost_state_file(stack: LabStack, lab: Lab, tmp_path: Path) -> None:
    stack.up().expect()
    before = {name: host_identity(lab, name) for name in ("n1", "n2")}
    installs = [host.status().installs for host in lab.hosts]

    again = ready_stack(tmp_path / "another-workstation", lab, "n1", "n2")
    outcome = again.up().expect()
    assert {operation for operation, _, _ in again.links(outcome)} == {"create"}
    assert_ready(again, "n1", "n2")
    assert {name: host_identity(lab, name) for name in ("n1", "n2")} == before
    assert [host.status().installs for host in lab.hosts] == installs
    assert set(again.up("--refresh").expect().changes) == {"same"}
