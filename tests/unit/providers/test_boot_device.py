from __future__ import annotations

import pytest
from pulumi.output import Unknown

from components.inputs import boot_device_inputs, power_inputs
from metal.chassis.boot import BootReport
from metal.chassis.ledger import Entry
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.fleet import FirmwareMode, OnLeave, PowerWish
from providers import process
from providers.boot_device import BootDeviceProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER, document

LINK = BootDeviceProvider()


@pytest.fixture
def inputs(fleet):
    return arriving(boot_device_inputs(fleet.hosts["n1"], OWNER))


@pytest.fixture
def born(act, inputs):
    act("metal.chassis.boot.arm_boot", BootReport("default", 1, "a1b2"))
    return arriving(LINK.create(inputs).outs)


def test_a_life_begins_once_and_stays_as_it_is(act, inputs) -> None:
    arm = act("metal.chassis.boot.arm_boot", BootReport("default", 1, "a1b2"))
    made = LINK.create(inputs)
    assert made.id == "n1/g1"
    (_, wish, _), _ = arm.call_args
    assert (wish.host, wish.life, wish.generation, wish.power) == ("n1", "g1", 1, PowerWish.ON)
    assert wish.bmc == BmcAddress("n1", "10.9.0.1", 623, BmcProtocol.IPMI, "default")
    assert (wish.on_leave, wish.on_destroy) == (OnLeave.KEEP, OnLeave.OFF)
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes

    act("metal.chassis.boot.lasting_device", "default")
    assert LINK.read(made.id, outs).outs == outs


def test_an_edit_within_a_life_decides_nothing_anew(act, inputs, born) -> None:
    arm = act("metal.chassis.boot.arm_boot")
    keep = act("metal.chassis.boot.keep_boot", BootReport("default", 1, "a1b2"))
    news = {**inputs, "on_leave": "off"}
    assert LINK.diff("n1/g1", born, news).replaces == []
    assert LINK.diff("n1/g1", born, news).changes
    LINK.update("n1/g1", born, news)
    assert keep.call_args.args[2] == 1
    arm.assert_not_called()


def test_a_life_put_off_by_a_hold_is_decided_on_after_it(act, inputs) -> None:
    arm = act("metal.chassis.boot.arm_boot", BootReport("default", 1, "a1b2"))
    held = arriving(LINK.create({**inputs, "hold": "RMA"}).outs)
    arm.assert_not_called()
    assert LINK.update("n1/g1", held, inputs).outs["installed"] == 1
    arm.assert_called_once()


@pytest.mark.parametrize("life", ["g2", "g1-free", "g1-off", Unknown()])
def test_another_life_is_another_boot(inputs, born, life) -> None:
    found = LINK.diff("n1/g1", born, {**inputs, "life": life})
    assert (found.replaces, found.delete_before_replace) == (["life"], True)


@pytest.mark.parametrize(("on_leave", "replaced"), [("reinstall", True), ("keep", False), ("off", False)])
def test_a_move_is_a_new_boot_only_where_the_old_pool_asked_for_a_reinstall(inputs, born, on_leave, replaced) -> None:
    news = {**inputs, "home": "green", "on_leave": "keep"}
    found = LINK.diff("n1/g1", {**born, "on_leave": on_leave}, news)
    assert found.replaces == (["home"] if replaced else [])
    assert LINK.diff("n1/g1", {**born, "on_leave": on_leave}, {**news, "hold": "RMA"}).changes is False


def test_a_lasting_device_that_somebody_set_is_drift(act, inputs, born) -> None:
    act("metal.chassis.boot.lasting_device", "pxe")
    seen = arriving(LINK.read("n1/g1", born).outs)
    assert seen["device"] == "pxe"
    found = LINK.diff("n1/g1", seen, inputs)
    assert (found.changes, found.replaces) == (True, [])
    assert not LINK.diff("n1/g1", seen, {**inputs, "hold": "RMA"}).changes


def test_its_end_tells_whether_another_life_follows(act, inputs, born) -> None:
    disarm = act("metal.chassis.boot.disarm_boot")
    LINK.delete("n1/g1", born)
    assert disarm.call_args.kwargs == {"installed": 1, "superseded": False, "guid": "a1b2"}
    LINK.check(inputs, inputs)
    LINK.delete("n1/g1", born)
    assert disarm.call_args.kwargs == {"installed": 1, "superseded": True, "guid": "a1b2"}


def test_a_host_that_left_the_inventory_can_still_be_let_go(act, begin, born) -> None:
    wanted = document()
    wanted["pools"]["engines"]["hosts"] = []
    wanted["pools"]["core"]["hosts"] = ["n1"]
    begin(wanted, n2=None, n3=None)
    disarm = act("metal.chassis.boot.disarm_boot")
    LINK.delete("n2/g1", {**born, "host": "n2"})
    (_, wish, _), _ = disarm.call_args
    assert (wish.host, wish.lost, wish.bmc.address) == ("n2", False, "10.9.0.1")


def test_lost_and_blank_are_read_from_the_inventory_of_now(act, begin, born) -> None:
    begin(None, n1={"lost": True, "blank": True})
    disarm = act("metal.chassis.boot.disarm_boot")
    LINK.delete("n1/g1", born)
    assert (disarm.call_args.args[1].lost, disarm.call_args.args[1].blank) == (True, True)


def test_the_ledger_is_one_folder_a_stack(fleet, tmp_path) -> None:
    process.ledger(OWNER).write("n1", Entry(1))
    assert (tmp_path / ".metalswarm" / "ledger" / "shop.prod" / "n1.json").exists()


def identified(inputs, **changes):
    return {**inputs, "expect": {"serial": "S1", "uuid": "", "macs": [], **changes}}


@pytest.mark.demand("U42")
def test_other_metal_under_the_name_is_refused_until_the_generation_is_raised(inputs, told) -> None:
    before = identified(inputs)
    (failure,) = LINK.check(before, identified(inputs, serial="S2")).failures
    assert failure.property == ""
    assert failure.reason.startswith("n1: other metal under its name (serial S1 became S2)")
    assert "raise its generation" in failure.reason
    assert "n1" not in process._replaced

    raised = {**identified(inputs, serial="S2"), "generation": 2.0, "life": "g2"}
    assert LINK.check(before, raised).failures == []
    assert "n1" in process._replaced

    assert LINK.check(before, {**identified(inputs, serial="S2"), "override": ["identity"]}).failures == []
    assert told.warnings == [
        "identity overridden: n1: other metal under its name (serial S1 became S2), and what runs "
        "under it stays as it is"
    ]
    assert LINK.check(before, {**identified(inputs, serial="S2"), "hold": "RMA"}).failures == []


def test_a_bmc_that_moved_is_an_update_in_place(act, inputs, born) -> None:
    moved = {**inputs, "bmc": {**inputs["bmc"], "address": "10.9.0.77", "credentials": "new"}}
    assert LINK.check(inputs, moved).failures == []
    found = LINK.diff("n1/g1", born, moved)
    assert (found.changes, found.replaces) == (True, [])
    keep = act("metal.chassis.boot.keep_boot", BootReport("default", 1, "a1b2"))
    assert LINK.update("n1/g1", born, moved).outs["bmc_guid"] == "a1b2"
    assert keep.call_args.kwargs == {"guid": "a1b2"}


def test_a_raised_generation_with_a_bmc_elsewhere_is_other_metal(inputs) -> None:
    LINK.check(inputs, {**inputs, "generation": 2.0, "life": "g2"})
    assert process._replaced == set()
    moved = {**inputs["bmc"], "address": "10.9.0.77"}
    LINK.check(inputs, {**inputs, "generation": 2.0, "life": "g2", "bmc": moved})
    assert process._replaced == {"n1"}


@pytest.mark.demand("U25")
def test_a_lasting_device_that_is_wanted_is_kept_and_given_back(act, begin, inputs, born) -> None:
    wanted = document()
    wanted["pools"]["core"]["boot_device"] = "disk"
    news = arriving(boot_device_inputs(begin(wanted).hosts["n1"], OWNER))
    found = LINK.diff("x", born, news)
    assert (found.changes, found.replaces) == (True, [])
    keep = act("metal.chassis.boot.keep_boot", BootReport("disk", 1, "a1b2"))
    outs = arriving(LINK.update("x", born, news).outs)
    assert keep.call_args.args[1].boot_device == "disk"
    assert not LINK.diff("x", outs, news).changes
    act("metal.chassis.boot.lasting_device", "default")
    assert LINK.diff("x", arriving(LINK.read("x", outs).outs), news).changes, "somebody took it away"
    assert LINK.diff("x", outs, inputs).changes, "it is not wanted any more"


@pytest.mark.demand("R3")
def test_a_boot_mode_is_an_update_of_two_links_and_nothing_where_there_is_none(act, begin, inputs, born) -> None:
    plain = power_inputs(begin().hosts["n1"], OWNER, "x")
    assert not {"boot_mode"} & {*inputs, *plain}, "what was made before there was such a key stays as it is"
    wanted = document()
    wanted["pools"]["core"]["boot_mode"] = "uefi"
    host = begin(wanted).hosts["n1"]
    news = arriving(boot_device_inputs(host, OWNER))
    assert (news["boot_mode"], power_inputs(host, OWNER, "x")["boot_mode"]) == ("uefi", "uefi")
    found = LINK.diff("n1/g1", born, news)
    assert (found.changes, found.replaces) == (True, [])
    arm = act("metal.chassis.boot.arm_boot")
    keep = act("metal.chassis.boot.keep_boot", BootReport("default", 1, "a1b2"))
    outs = arriving(LINK.update("n1/g1", born, news).outs)
    arm.assert_not_called()
    assert keep.call_args.args[1].boot_mode is FirmwareMode.UEFI
    assert not LINK.diff("n1/g1", outs, news).changes
    taken = LINK.diff("n1/g1", outs, inputs)
    assert (taken.changes, taken.replaces) == (True, [])
    wanted["hosts"] = {"n1": {"boot_mode": "legacy"}}
    assert begin(wanted).hosts["n1"].boot_mode is FirmwareMode.LEGACY, "the host's own word goes first"
