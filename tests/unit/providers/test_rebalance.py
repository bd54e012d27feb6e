from __future__ import annotations

import pytest
from pulumi.output import Unknown

from providers.rebalance import RebalanceProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER

LINK = RebalanceProvider()
INPUTS = {"owner": OWNER, "cluster": "blue", "workers": {"n2": "n2/g1/swarm", "n3": "n3/g1/swarm"}}


@pytest.mark.demand("U46")
def test_only_workers_that_joined_since_are_spread_over(act, fleet) -> None:
    spread = act("metal.cluster.swarm.rebalance", ())
    outs = arriving(LINK.create(arriving(INPUTS)).outs)
    spread.assert_not_called()
    assert not LINK.diff("x", outs, arriving(INPUTS)).changes

    joined = {**INPUTS, "workers": {"n3": "n3/g2/swarm", "n4": "n4/g1/swarm"}}
    preview = {**joined, "workers": {"n3": Unknown(), "n4": Unknown()}}
    assert (LINK.diff("x", outs, preview).changes, LINK.diff("x", outs, preview).replaces) == (True, [])
    outs = arriving(LINK.update("x", outs, arriving(joined)).outs)
    assert spread.call_args.args[1:] == ("blue", ["n3", "n4"])

    spread.reset_mock()
    fewer = {**joined, "workers": {"n3": "n3/g2/swarm"}}
    LINK.update("x", outs, arriving(fewer))
    spread.assert_not_called()
