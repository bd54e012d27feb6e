"""Which services are worth a restart of their replicas after a node has joined."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.plan.drain import Task
from metal.plan.placement import Place, Service
from metal.plan.rebalance import gaining, update_seconds

SHOP = Service("s", "shop", 4)
PLACES = [Place(name, f"n{name}", f"n{name}", "worker", True, labels={"rack": name}) for name in "123"]


def tasks(*nodes: str) -> list[Task]:
    return [Task(f"t{at}", "s", at, node, "running", "running", str(at)) for at, node in enumerate(nodes, 1)]


@pytest.mark.parametrize(
    ("nodes", "service", "gains"),
    [
        ("1122", SHOP, True),
        ("12", SHOP, False),  # as even as it gets
        ("1123", SHOP, False),
        ("1122", replace(SHOP, updating=True), False),
        ("1122", replace(SHOP, labels={"metalswarm.rebalance": "false"}), False),
        ("1122", replace(SHOP, constraints=("node.labels.rack!=3",)), False),
        ("1122", replace(SHOP, replicas=None), False),
        ("", SHOP, False),
    ],
)
def test_what_gains(nodes: str, service: Service, gains: bool) -> None:
    assert gaining([service], tasks(*nodes), PLACES, ["n3"]) == ((service,) if gains else ())


def test_nothing_moves_for_a_node_that_did_not_join_or_takes_no_work() -> None:
    assert gaining([SHOP], tasks(*"1122"), PLACES, ["n1"]) == ()
    drained = [*PLACES[:2], replace(PLACES[2], open=False)]
    assert gaining([SHOP], tasks(*"1122"), drained, ["n3"]) == ()


def test_an_update_has_the_time_of_its_own_settings() -> None:
    assert update_seconds(4, parallelism=1, delay=10) == 60
    assert update_seconds(5, parallelism=2, delay=0, monitor=1) == 3
    assert update_seconds(9, parallelism=0, delay=3) == 8
