from __future__ import annotations

import pytest
from pulumi.output import Unknown

from components.inputs import power_inputs
from metal.settings.fleet import OnLeave, PowerRestore
from providers.power import PowerProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document

LINK = PowerProvider()


@pytest.fixture
def inputs(fleet):
    return arriving(power_inputs(fleet.hosts["n1"], OWNER, "n1/g1"))


@pytest.fixture
def born(act, inputs):
    act("metal.chassis.power.reach_power", "on")
    return arriving(LINK.create(inputs).outs)


def test_power_is_reached_and_read_back_the_same(act, inputs) -> None:
    reach = act("metal.chassis.power.reach_power", "on")
    made = LINK.create(inputs)
    assert (made.id, made.outs["state"]) == ("n1/g1/power", "on")
    assert reach.call_args.args[1].bmc.port == 623
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    act("metal.chassis.power.read_power", "on")
    assert LINK.read(made.id, outs).outs == outs


def test_a_host_that_went_off_is_drift_and_not_a_new_life(act, inputs, born) -> None:
    act("metal.chassis.power.read_power", "off")
    seen = arriving(LINK.read("x", born).outs)
    found = LINK.diff("x", seen, inputs)
    assert (found.changes, found.replaces) == (True, [])
    assert not LINK.diff("x", seen, {**inputs, "hold": "RMA"}).changes


def test_a_new_boot_below_is_a_new_life(inputs, born) -> None:
    assert LINK.diff("x", born, {**inputs, "up": Unknown()}).replaces == ["up"]


def test_a_host_without_a_bmc_is_never_asked(act, begin) -> None:
    fleet = begin(None, n3={"bmc": "none"})
    reach = act("metal.chassis.power.reach_power", "on")
    inputs = arriving(power_inputs(fleet.hosts["n3"], OWNER, "n3/g0"))
    outs = arriving(LINK.create(inputs).outs)
    assert reach.call_args.args[1].bmc is None
    look = act("metal.chassis.power.read_power")
    assert LINK.read("x", outs).outs == outs
    look.assert_not_called()


@pytest.mark.parametrize(("asked", "what"), [(["n1"], OnLeave.KEEP), (["n2"], OnLeave.REINSTALL), ([], OnLeave.OFF)])
def test_what_becomes_of_the_chassis_goes_by_why_it_is_left(act, inputs, born, asked, what) -> None:
    for host in asked:
        LINK.check({}, {**inputs, "host": host})
    release = act("metal.chassis.power.release_power")
    LINK.delete("x", {**born, "on_leave": "reinstall"})
    assert release.call_args.args[2] is what


def test_a_bmc_that_moved_switches_nothing(act, inputs, born) -> None:
    keep = act("metal.chassis.power.keep_power", "on")
    reach = act("metal.chassis.power.reach_power")
    moved = {**inputs, "bmc": {**inputs["bmc"], "credentials": "new"}}
    assert LINK.diff("x", born, moved).replaces == []
    assert LINK.update("x", born, moved).outs["state"] == "on"
    assert keep.call_args.kwargs == {"moved": True}
    LINK.update("x", born, {**inputs, "on_leave": "off"})
    assert keep.call_args.kwargs == {"moved": False}
    reach.assert_not_called()


def test_a_restore_policy_is_an_update_when_it_is_asked_for_and_drift_when_it_changed(act, begin) -> None:
    wanted = document()
    plain = arriving(power_inputs(begin(wanted).hosts["n1"], OWNER, "n1/g1"))
    assert "power_restore" not in plain
    act("metal.chassis.power.reach_power", "on")
    born = arriving(LINK.create(plain).outs)
    assert "restores" not in born

    wanted["pools"]["core"]["power_restore"] = "previous"
    inputs = arriving(power_inputs(begin(wanted).hosts["n1"], OWNER, "n1/g1"))
    found = LINK.diff("x", born, inputs)
    assert (found.changes, found.replaces) == (True, [])
    act("metal.chassis.power.keep_power", "on")
    settle = act("metal.chassis.restore.settle_restore", "previous")
    outs = arriving(LINK.update("x", born, inputs).outs)
    assert settle.call_args.args[1].power_restore is PowerRestore.PREVIOUS
    assert (outs["power_restore"], outs["restores"]) == ("previous", "previous")
    assert not LINK.diff("x", outs, inputs).changes

    act("metal.chassis.power.read_power", "on")
    act("metal.chassis.restore.read_restore", "off")
    seen = arriving(LINK.read("x", outs).outs)
    assert seen == {**outs, "restores": "off"}
    found = LINK.diff("x", seen, inputs)
    assert (found.changes, found.replaces) == (True, [])

    settle.return_value = None
    assert LINK.diff("x", outs, plain).changes, "taken away"
    assert "restores" not in LINK.update("x", outs, plain).outs
