"""Where a service may run, by swarm's own rules, and which node is its last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metal.plan.placement import Place, Service, fits, only_here

WEB = Place(
    "a", "n4", "n4", "worker", True, "10.0.0.4", "linux", "x86_64", labels={"tier": "Web"}, engine_labels={"ssd": "yes"}
)
ANY = Service("s", "shop", 2)


@pytest.mark.parametrize(
    ("constraint", "met"),
    [
        ("node.labels.tier==web", True),
        ("node.labels.tier == web", True),
        ("node.labels.tier!=web", False),
        ("node.labels.tier==db", False),
        ("node.labels.floor!=2", True),
        ("node.labels.floor==2", False),
        ("node.role==worker", True),
        ("node.role!=manager", True),
        ("node.hostname==n4", True),
        ("node.id==b", False),
        ("node.ip==10.0.0.0/24", True),
        ("node.ip!=10.0.0.4", False),
        ("node.platform.os==linux", True),
        ("engine.labels.ssd==yes", True),
        ("node.colour==red", False),
        ("node.colour!=red", False),
        ("nonsense", False),
    ],
)
def test_a_constraint(constraint: str, met: bool) -> None:
    assert fits(replace(ANY, constraints=(constraint,)), WEB) is met


@pytest.mark.parametrize(
    ("platforms", "met"),
    [
        ((), True),
        ((("linux", "amd64"),), True),
        ((("linux", "arm64"), ("linux", "")), True),
        ((("linux", "arm64"),), False),
    ],
)
def test_a_platform(platforms: tuple[tuple[str, str], ...], met: bool) -> None:
    assert fits(replace(ANY, platforms=platforms), WEB) is met


def test_the_last_place_of_a_service() -> None:
    other = replace(WEB, id="b", host="n5", name="n5")
    boss = replace(WEB, id="c", host="n1", name="n1", role="manager", labels={})
    web = replace(ANY, name="web", constraints=("node.labels.tier==web",))
    none = replace(web, id="t", name="asleep", replicas=0)
    agent = replace(web, id="u", name="agent", replicas=None)
    services = (web, ANY, none, agent)
    assert only_here(services, (WEB, other, boss), "a") == ()
    assert only_here(services, (WEB, replace(other, open=False), boss), "a") == (web,)
    assert only_here(services, (WEB,), "a") == (ANY, web), "without any other node it is everybody's last"
    assert only_here(services, (boss,), "a") == (), "it is listed no more"
    assert only_here(services, (replace(WEB, labels={}), boss), "a") == (), "it never was a place for web"
