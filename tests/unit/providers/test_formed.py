from __future__ import annotations

from dataclasses import replace

import pytest

from components.inputs import cluster_inputs, swarm_rotation
from metal.errors import ClusterError, PlanRefused
from metal.settings.fleet import Identity
from providers import process
from providers.formed import ConsulFormedProvider, RingFormedProvider, SwarmFormedProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER

BARRIERS = [
    (ConsulFormedProvider(), "metal.cluster.consul.wait_formed", "shop/prod/blue/consul"),
    (SwarmFormedProvider(), "metal.cluster.swarm.wait_formed", "shop/prod/blue/swarm"),
    (RingFormedProvider(), "metal.cluster.stackengine.wait_formed", "shop/prod/blue/ring"),
]


@pytest.fixture
def inputs(fleet):
    return arriving({**cluster_inputs(fleet.clusters["blue"], OWNER), "up": "shop/prod/blue"})


@pytest.mark.parametrize(("link", "wait", "id_"), BARRIERS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_barrier_is_made_when_its_layer_stands(act, inputs, link, wait, id_) -> None:
    waited = act(wait)
    made = link.create(inputs)
    assert made.id == id_
    assert waited.call_args.args[1] == "blue"
    outs = arriving(made.outs)
    assert not link.diff(made.id, outs, inputs).changes
    assert link.read(made.id, outs).outs == outs
    link.delete(made.id, outs)
    waited.assert_called_once()


def test_a_raised_number_of_the_swarm_is_an_update_and_a_number_that_never_was_is_no_input(
    act, fleet, inputs, told
) -> None:
    act("metal.cluster.swarm.wait_formed")
    rotate = act("metal.cluster.swarm.rotate_swarm", "the swarm's old root is trusted until n4 is back or removed")
    link = SwarmFormedProvider()
    born = link.create(inputs)
    rotate.assert_not_called()
    assert swarm_rotation(fleet.clusters["blue"]) == {}
    blue = replace(fleet.clusters["blue"], identity=Identity(join=2))
    raised = arriving({**inputs, "rotation": swarm_rotation(blue)})
    found = link.diff(born.id, arriving(born.outs), raised)
    assert (found.changes, found.replaces) == (True, [])
    after = link.update(born.id, arriving(born.outs), raised).outs
    assert rotate.call_args.kwargs == {"join": 2, "ca": 1}
    assert told.warnings == ["blue: the swarm's old root is trusted until n4 is back or removed"]
    assert not link.diff(born.id, arriving(after), raised).changes


def test_a_layer_that_does_not_stand_in_time_makes_no_barrier(act, inputs) -> None:
    act("metal.cluster.consul.wait_formed", ClusterError("no leader"))
    with pytest.raises(ClusterError, match="no leader"):
        ConsulFormedProvider().create(inputs)


def test_another_seed_than_the_cluster_was_formed_with_is_refused(act, inputs, begin, monkeypatch) -> None:
    act("metal.cluster.consul.wait_formed")
    link = ConsulFormedProvider()
    made = link.create(inputs)
    begin()
    monkeypatch.setitem(process._config, "metalswarm:seed", "REVG" * 10 + "REU=")
    with pytest.raises(PlanRefused, match="is not the seed that cluster blue was formed with"):
        link.diff(made.id, arriving(made.outs), inputs)


def test_a_preview_without_a_seed_is_none_the_less_shown(act, inputs, begin, monkeypatch) -> None:
    act("metal.cluster.consul.wait_formed")
    link = ConsulFormedProvider()
    made = link.create(inputs)
    begin()
    monkeypatch.delitem(process._config, "metalswarm:seed")
    monkeypatch.delenv("METALSWARM_SEED", raising=False)
    monkeypatch.delenv("METALSWARM_SEED_FILE", raising=False)
    assert not link.diff(made.id, arriving(made.outs), inputs).changes
