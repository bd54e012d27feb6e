from __future__ import annotations

from dataclasses import replace

import pytest
from pulumi.output import Unknown

from components.inputs import boot_device_inputs, host_ready_inputs, power_inputs
from metal.host.wish import ReadyReport, ReadySeen, ReadyWish
from metal.plan.burn_in import fingerprint
from metal.settings.expectations import BurnIn
from providers.host_ready import HostReadyProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import document

LINK = HostReadyProvider()
KEY = "ssh-ed25519 AAAA"
PINNED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
REPORT = ReadyReport(KEY, "m1", "debian-12", "debian", "6.1.0-18", "x86_64", 2, 1024, None, None, 1, "g1")


@pytest.fixture
def inputs(fleet):
    return arriving(host_ready_inputs(fleet.hosts["n1"], fleet, "n1/g1/power"))


@pytest.fixture
def born(act, inputs):
    act("metal.chassis.life.begin_life", REPORT)
    return arriving(LINK.create(inputs).outs)


def test_what_was_made_is_what_is_read(act, fleet, inputs) -> None:
    begin = act("metal.chassis.life.begin_life", REPORT)
    made = LINK.create(inputs)
    assert made.id == "n1/g1/ready"
    (_, access, wish, _, chassis), _ = begin.call_args
    assert wish == ReadyWish.of(fleet, fleet.hosts["n1"])
    assert access.host_key is None, "a new life begins with a first contact"
    assert chassis.life == "g1"
    outs = arriving(made.outs)
    assert not LINK.diff(made.id, outs, inputs).changes
    look = act("metal.host.ready.observe_ready", ReadySeen(replace(REPORT, kernel="6.1.0-20", memory=1000), "ready"))
    assert LINK.read(made.id, outs).outs == outs, "a new kernel is nobody's wish"
    assert look.call_args.args[1].host_key == KEY


def test_within_a_life_the_first_key_stays_the_only_one(act, inputs, born) -> None:
    begin = act("metal.chassis.life.begin_life", REPORT)
    news = {**inputs, "floors": {**inputs["floors"], "cpus": 2.0}}
    found = LINK.diff("x", born, news)
    assert (found.changes, found.replaces) == (True, [])
    LINK.update("x", born, news)
    (_, access, wish, _, chassis), _ = begin.call_args
    assert (access.host_key, wish.cpus) == (KEY, 2)
    assert chassis is None, "a life that has shown itself is not booted again"


def test_the_inventorys_key_goes_before_the_one_that_was_seen(act, begin) -> None:
    fleet = begin(None, n1={"host_key": PINNED})
    life = act("metal.chassis.life.begin_life", REPORT)
    inputs = arriving(host_ready_inputs(fleet.hosts["n1"], fleet, "n1/g1/power"))
    LINK.update("x", arriving(LINK.create(inputs).outs), inputs)
    assert life.call_args.args[1].host_key == PINNED


@pytest.mark.parametrize(
    ("condition", "drift"),
    [("unreachable", False), ("refused", False), ("unclaimed", True), ("claimed by lab/dev", True)],
)
def test_a_marker_that_is_gone_is_drift_and_silence_is_not(act, told, inputs, born, condition, drift) -> None:
    act("metal.host.ready.observe_ready", ReadySeen(None, condition, "why"))
    seen = arriving(LINK.read("x", born).outs)
    assert seen == {**born, "condition": condition}
    assert told.warnings == [f"n1: {condition}: why"]
    found = LINK.diff("x", seen, inputs)
    assert (found.changes, found.replaces) == (drift, [])
    assert not LINK.diff("x", seen, {**inputs, "hold": "RMA"}).changes

    act("metal.chassis.life.begin_life", REPORT)
    assert "condition" not in LINK.update("x", seen, inputs).outs


def test_a_new_power_link_below_is_a_new_life(inputs, born) -> None:
    assert LINK.diff("x", born, {**inputs, "up": Unknown()}).replaces == ["up"]


def test_the_end_of_a_life_says_what_is_known_of_it(act, inputs, born) -> None:
    end = act("metal.chassis.life.end_life")
    LINK.delete("x", born)
    assert end.call_args.args[1].host_key == KEY
    assert end.call_args.kwargs["machine_id"] == "m1"
    assert (end.call_args.kwargs["wipe"], end.call_args.kwargs["lost"]) == (False, False)
    assert end.call_args.kwargs["bmc"].address == "10.9.0.1"


@pytest.mark.parametrize(("on_leave", "wipe"), [("reinstall", True), ("keep", False)])
def test_a_move_out_of_a_pool_that_asks_for_it_wipes(act, begin, inputs, born, on_leave, wipe) -> None:
    wanted = document()
    wanted["pools"]["core"]["hosts"] = ["n1"]
    wanted["pools"]["engines"]["hosts"] = ["n2", "n3"]
    begin(wanted)
    LINK.check({}, {**inputs, "host": "n2"})
    end = act("metal.chassis.life.end_life")
    LINK.delete("x", {**born, "host": "n2", "on_leave": on_leave})
    assert end.call_args.kwargs["wipe"] is wipe


def test_a_host_that_left_the_inventory_is_let_go_by_what_the_state_knows(act, begin, born) -> None:
    wanted = document()
    wanted["pools"]["core"]["hosts"] = ["n1"]
    begin(wanted, n2=None)
    end = act("metal.chassis.life.end_life")
    LINK.delete("x", {**born, "host": "n2"})
    assert (end.call_args.kwargs["bmc"], end.call_args.kwargs["lost"]) == (None, False)
    assert end.call_args.args[1].address == "10.0.0.1"


def test_the_report_says_which_metal_it_is_what_was_asked_and_what_it_has_passed(act, begin) -> None:
    wanted = document()
    wanted["pools"]["core"]["ready"] = {
        "cpus": {"exactly": 2},
        "disks": [{"kind": "nvme"}],
        "burn_in": {"command": "true", "deadline": "2h"},
    }
    fleet = begin(wanted)
    inputs = arriving(host_ready_inputs(fleet.hosts["n1"], fleet, "n1/g1/power"))
    metal = {"serial": "S1", "uuid": "", "macs": ["aa:bb:cc:00:00:01"]}
    report = replace(
        REPORT, serial="S1", macs=("aa:bb:cc:00:00:01",), hardware={"cpus": 2, "disks": ["1 x nvme 1 TB"]},
        met=("processors exactly 2",),
    )  # fmt: skip
    life = act("metal.chassis.life.begin_life", report)
    burn = act("metal.cluster.burn_in.ensure_burned_in", "0123456789ab")
    outs = arriving(LINK.create(inputs).outs)
    assert life.call_args.args[2] == ReadyWish.of(fleet, fleet.hosts["n1"])
    assert life.call_args.args[2].expect.disks[0].kind == "nvme"
    assert burn.call_args.args[2] == BurnIn("true", 7200)
    assert burn.call_args.args[1].host_key == KEY
    told = {"metal": metal, "hardware": {"cpus": 2.0, "disks": ["1 x nvme 1 TB"]}, "met": ["processors exactly 2"]}
    assert outs["report"] == {**told, "burn_in": "0123456789ab"}
    assert not LINK.diff("x", outs, inputs).changes

    look = act("metal.host.ready.observe_ready", ReadySeen(replace(report, burn_in="0123456789ab"), "ready"))
    assert LINK.read("x", outs).outs == outs
    assert look.call_args.kwargs["wish"].known == metal
    assert look.call_args.kwargs["burn_in"] == fingerprint(BurnIn("true", 1))
    LINK.update("x", outs, inputs)
    assert life.call_args.args[2].known == metal, "within a life the metal stays the same"


@pytest.mark.parametrize("condition", ["burn-in not passed", "on other metal", "not as expected"])
def test_what_is_not_as_it_must_be_any_more_is_drift(act, inputs, born, condition) -> None:
    act("metal.host.ready.observe_ready", ReadySeen(None, condition, "why"))
    seen = arriving(LINK.read("x", born).outs)
    found = LINK.diff("x", seen, inputs)
    assert (found.changes, found.replaces) == (True, [])


def test_a_plain_fleet_keeps_the_inputs_that_it_had(fleet) -> None:
    inputs = host_ready_inputs(fleet.hosts["n1"], fleet, "n1/g1/power")
    assert inputs["floors"] == {"os": [], "clock_skew": 5, "cpus": 1, "memory": 2**29}
    assert "burn_in" not in inputs
    assert not {"boot_device", "power_restore"} & {
        *boot_device_inputs(fleet.hosts["n1"], fleet.owner), *power_inputs(fleet.hosts["n1"], fleet.owner, "x")
    }  # fmt: skip
