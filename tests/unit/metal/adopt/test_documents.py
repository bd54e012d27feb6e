"""What was seen of a swarm, turned into the two files: against golden ones, and read back by the settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from metal.adopt.document import AdoptWish, adopted
from metal.adopt.render import inventory_text, stack_text
from metal.adopt.report import told
from metal.adopt.sight import ConsulSight, EngineSight, HostSight, ManagerSight, NodeSight, Sight, SwarmSight
from metal.errors import PlanRefused
from metal.host.marker import Marker, MarkerState
from metal.settings.fleet import EngineRule
from metal.settings.load import load_stack_file

GOLDEN = Path(__file__).parents[3] / "golden" / "adopt"
OWNER = "metalswarm/prod"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEwHZ9Ap+5lKtX0eb3rVvbFoYv0Rld3r8Wq3Ws0fYQ0e"
SWARM = SwarmSight("wqv60w4j0r1x9be3a6yjuxtzx", ("172.30.0.0/16",), 24, 4790)
SECRET = "tcp://splunk.example.net?token=B5A79AAD"

HAND_ENGINE = EngineSight("docker-ce", "5:24.0.7-1~debian.12~bookworm", {"mtu": 1400, "log-opts": {"splunk": SECRET}})
OUR_ENGINE = EngineSight("docker.io", "20.10.24+dfsg1-1+b3", {}, ours=True, cluster="blue", port=2475)
HAND_CONSUL = ConsulSight(False, "http://127.0.0.1:8500", "hq", False, "1.15.4", acls=True)
OUR_CONSUL = ConsulSight(True, "https://127.0.0.1:8501", "dc1", True, "1.15.4", acls=True, sha256="ab" * 32)


def host(number: int, *, manager: bool = False, availability: str = "active", **changes: object) -> HostSight:
    node = NodeSight(f"id{number}", f"n{number}", f"10.0.0.{number}", manager, "ready", availability, {"floor": "2"})
    fields = {
        "address": node.address,
        "host_key": KEY,
        "release": "debian-12",
        "serial": f"S{number}",
        "uuid": None,
        "macs": (f"52:54:00:00:00:0{number}",),
        "engine": HAND_ENGINE,
        "consul": HAND_CONSUL,
        **changes,
    }
    return HostSight(node, **fields)  # type: ignore[arg-type]


def by_hand() -> Sight:
    silent = NodeSight("id5", "n5", "10.0.0.5", False, "down", "active")
    return Sight(
        SWARM,
        (
            host(1, manager=True),
            host(2, manager=True, availability="drain"),
            host(3, manager=True),
            host(4),
            HostSight(silent, unreached="10.0.0.5: does not answer by SSH within 15 s"),
        ),
    )


def own(number: int, *, manager: bool) -> HostSight:
    marker = Marker(OWNER, f"n{number}", number, f"g{number}", MarkerState.CLAIMED, False, "m")
    consul = OUR_CONSUL if manager else dataclasses.replace(OUR_CONSUL, server=False)
    found = host(number, manager=manager, marker=marker, engine=OUR_ENGINE, consul=consul)
    labels = {"tier": "web", "theirs": "x", "metalswarm.host": f"n{number}", "metalswarm.labels": "tier"}
    node = dataclasses.replace(found.node, labels=labels)
    return dataclasses.replace(found, node=node, manager=ManagerSight(manager, "cd" * 32))


def ours() -> Sight:
    return Sight(SWARM, (own(1, manager=True), own(2, manager=False)))


CASES = {
    "by-hand": (by_hand, AdoptWish(OWNER, user="ops", port=2222)),
    "ours": (
        ours,
        AdoptWish(OWNER, consul_url="https://mirror.example.net/consul", manager_url="https://mirror.example.net/se"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, tmp_path: Path) -> None:
    see, wish = CASES[name]
    found = adopted(see(), wish)
    files = {"inventory.yaml": inventory_text(found), "stack.yaml": stack_text(found)}
    files["said.txt"] = (
        told(
            see(),
            found,
            stack="prod",
            files=(Path("Pulumi.prod.yaml"), Path(found.inventory_file)),
            key=Path("/home/ops/.ssh/id_ed25519"),
            profile="default",
        )
        + "\n"
    )
    for file, text in files.items():
        assert text == (GOLDEN / name / file).read_text(encoding="utf-8")
        assert "B5A79AAD" not in text, "what may be a login stays on the hosts"
    (tmp_path / "inventory").mkdir()
    (tmp_path / found.inventory_file).write_text(files["inventory.yaml"])
    (tmp_path / "Pulumi.prod.yaml").write_text(files["stack.yaml"])
    fleet = load_stack_file(tmp_path / "Pulumi.prod.yaml", root=tmp_path, owner=OWNER)
    assert {host.generation for host in fleet.hosts.values()} == {0}
    keep = EngineRule.KEEP if name == "by-hand" else EngineRule.MANAGED
    assert {host.engine for host in fleet.hosts.values()} == {keep}


def test_a_known_bmc_brings_the_generation_back(tmp_path: Path) -> None:
    from metal.settings.inventory import read_inventory
    from metal.settings.problems import Problems

    (tmp_path / "rack.yaml").write_text(
        "hosts:\n  n1: {address: 10.0.0.1, rack: r1, bmc: {address: 10.9.0.1, credentials: dell}}\n"
    )
    facts = read_inventory(["rack.yaml"], tmp_path, Problems()).facts
    found = adopted(ours(), AdoptWish(OWNER, known=facts))
    assert found.inventory["hosts"]["n1"]["bmc"] == {
        "address": "10.9.0.1",
        "protocol": "ipmi",
        "port": 623,
        "credentials": "dell",
    }
    assert found.fleet["hosts"]["n1"]["generation"] == 1
    assert "generation" not in found.fleet["hosts"]["n2"]


def test_a_host_of_another_stack_is_refused_and_the_way_back_named() -> None:
    with pytest.raises(PlanRefused, match="claimed by metalswarm/prod") as refused:
        adopted(ours(), AdoptWish("metalswarm/dev"))
    assert "--stack prod" in str(refused.value)


def test_a_released_host_belongs_to_nobody() -> None:
    seen = own(1, manager=True)
    assert seen.marker is not None
    released = dataclasses.replace(seen.marker, owner="metalswarm/old", state=MarkerState.RELEASED)
    found = adopted(Sight(SWARM, (dataclasses.replace(seen, marker=released),)), AdoptWish(OWNER))
    assert not found.ours


def test_names_that_the_inventory_cannot_hold_are_refused() -> None:
    bad = dataclasses.replace(host(1, manager=True).node, name="Web_1")
    with pytest.raises(PlanRefused, match="Web_1"):
        adopted(Sight(SWARM, (dataclasses.replace(host(1), node=bad),)), AdoptWish(OWNER))
    twice = (host(1, manager=True), dataclasses.replace(host(2), node=host(1).node))
    with pytest.raises(PlanRefused, match="two nodes"):
        adopted(Sight(SWARM, twice), AdoptWish(OWNER))


def test_an_even_number_of_managers_is_told() -> None:
    found = adopted(Sight(SWARM, (host(1, manager=True), host(2, manager=True))), AdoptWish(OWNER))
    assert any("an odd number is asked for" in line for line in found.fill_in)


def test_without_a_consul_one_of_our_own_is_wanted() -> None:
    found = adopted(Sight(SWARM, (host(1, manager=True, consul=None),)), AdoptWish(OWNER))
    assert "external" not in found.fleet["clusters"]["main"]["consul"]
    assert any(line.startswith("consul: version, url and sha256") for line in found.fill_in)


def test_what_a_serial_is_shared_by_is_no_identity() -> None:
    found = adopted(Sight(SWARM, (host(1, manager=True, serial="S"), host(2, serial="S"))), AdoptWish(OWNER))
    assert not [name for name, entry in found.inventory["hosts"].items() if "serial" in entry]
