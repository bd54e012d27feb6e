"""Power and boot override over Redfish as states to reach, on a small BMC with faults."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest

from lab.redfish.temper import Etag, Mode
from lab.redfish.tree import SystemSpec, documents
from metal.bmc import BmcIdentity, BootDevice, BootTarget, Power
from metal.errors import BmcError, BmcFault, Cancelled
from metal.waiting import Run

PATCH = {"method": "PATCH"}
RESET = {"method": "POST", "path": "Reset$"}
TARGETS = [target for target in BootTarget if target not in (BootTarget.REMOTE, BootTarget.DEFAULT)]


def hurried() -> Run:
    """A run whose clock goes ten times as fast, for what takes seconds of silence."""
    return Run(clock=lambda: time.monotonic() * 10)


@pytest.fixture
def opened(redfish, at, make_pool):
    """(responder, bmc) with the given temper, for one block."""

    @contextmanager
    def _opened(seconds=60.0, run=None, **how):
        responder = redfish(**how)
        pool = make_pool(patience=60)
        with pool.open(at(responder), deadline=(run or Run()).deadline(seconds)) as bmc:
            bmc.read()  # uses up the look that opened it, so that what a test changes is seen
            yield responder, bmc

    return _opened


def test_on_and_off_act_once_and_then_not_at_all(opened):
    with opened() as (responder, bmc):
        for _ in range(2):
            bmc.power_on()
            assert bmc.power() is Power.ON
        for _ in range(2):
            bmc.power_off(soft=0)
            assert bmc.power() is Power.OFF
        bmc.power_on()
        bmc.power_cycle()
        bmc.power_off(soft=5)
        assert responder.board.executed == ["On", "ForceOff", "On", "ForceOff", "On", "GracefulShutdown"]


@pytest.mark.demand("U14")
def test_409_on_the_state_that_is_held_already_is_success(opened):
    """Somebody else switches it on between our look and our command."""
    with opened() as (responder, bmc):
        responder.board.state, responder.board.shown = "On", ["Off"]
        bmc.power_on()
        assert responder.asked("POST", "Reset$") == 1
        assert responder.board.executed == []


@pytest.mark.demand("U15", "U22")
@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_that_was_carried_out_all_the_same_is_success(opened, status):
    with opened() as (responder, bmc):
        responder.fault({"match": RESET, "action": "apply", "status": status, "count": 1})
        bmc.power_on()
        responder.fault({"match": PATCH, "action": "apply", "status": status, "count": 1})
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert bmc.boot_device().target is BootTarget.PXE
        assert responder.board.executed == ["On"]


@pytest.mark.demand("U15")
def test_an_acceptance_that_was_not_carried_out_is_found_out(opened):
    with opened(seconds=600, run=hurried()) as (responder, bmc):
        responder.fault({"match": RESET, "action": "ignore"})
        with pytest.raises(BmcError) as caught:
            bmc.power_on()
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert "On: HTTP 204" in str(caught.value)


@pytest.mark.demand("U16")
@pytest.mark.parametrize("action_info", [False, True])
def test_reset_types_are_taken_from_what_the_bmc_offers(opened, action_info):
    tree = documents([SystemSpec()], action_info=action_info)
    reset = tree["/redfish/v1/Systems/1"]["Actions"]["#ComputerSystem.Reset"]
    offered = ["ForceOn", "ForceOff", "PushPowerButton"]
    if action_info:
        tree["/redfish/v1/Systems/1/ResetActionInfo"]["Parameters"][0]["AllowableValues"] = offered
    else:
        reset["ResetType@Redfish.AllowableValues"] = offered
    with opened(tree=tree) as (responder, bmc):
        bmc.power_on()
        bmc.power_off(soft=5)
        assert responder.board.executed == ["ForceOn", "ForceOff"]


@pytest.mark.demand("U16")
def test_a_reset_that_is_not_offered_is_not_sent_and_named(opened):
    tree = documents([SystemSpec()])
    tree["/redfish/v1/Systems/1"]["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] = ["Nmi"]
    with opened(tree=tree) as (responder, bmc):
        with pytest.raises(BmcError, match=r"not among the resets of this BMC \(Nmi\)") as caught:
            bmc.power_on()
        assert caught.value.fault is BmcFault.COMMAND
        assert responder.asked("POST") == responder.asked("POST", "Sessions")


@pytest.mark.demand("U17")
def test_paused_is_an_error_with_a_plan_and_off_gets_through(opened):
    with opened() as (responder, bmc):
        responder.board.state = "Paused"
        for ask in (bmc.power, bmc.power_on):
            with pytest.raises(BmcError, match="Paused, neither on nor off") as caught:
                ask()
            assert "console" in caught.value.next_step
        assert responder.board.executed == []
        bmc.power_cycle()
        assert responder.board.executed == ["ForceOff", "On"]


@pytest.mark.demand("U17")
def test_a_state_that_is_not_in_the_standard_is_an_error_too(opened):
    with opened() as (responder, bmc):
        responder.board.state = "Hibernating"
        with pytest.raises(BmcError, match="Hibernating"):
            bmc.power()


def test_states_on_their_way_are_waited_for(opened):
    with opened() as (responder, bmc):
        responder.board.state, responder.board.shown = "On", ["PoweringOn"]
        bmc.power_on()
        responder.board.state, responder.board.shown = "Off", ["PoweringOff"]
        assert bmc.power() is Power.OFF
        responder.board.state, responder.board.shown = "Off", ["PoweringOff"]
        bmc.power_off(soft=5)
        responder.board.state, responder.board.shown = "Off", ["PoweringOff"]
        bmc.power_on()  # an "on" that comes before off is true would be lost
        assert responder.board.executed == ["On"]


def test_a_lost_answer_to_a_reset_is_settled_by_reading_the_state(opened):
    with opened() as (responder, bmc):
        responder.fault({"match": RESET, "action": "lose", "count": 1})
        bmc.power_on()
        assert responder.board.executed == ["On"]


def test_a_reset_that_hangs_is_not_sent_twice_when_it_was_carried_out(opened):
    with opened(seconds=600, run=hurried()) as (responder, bmc):
        responder.fault({"match": RESET, "action": "hang", "count": 1})
        responder.board.shown = ["Off"]
        responder.board.state = "On"
        bmc.power_on()
        assert responder.asked("POST", "Reset$") == 1


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("settings", [True, False])
def test_boot_device_is_set_and_read_back(opened, once, settings):
    with opened(seconds=60, tree=documents([SystemSpec()], settings=settings)) as (responder, bmc):
        for target in TARGETS:
            for efi in (True, False):
                bmc.set_boot_device(target, once=once, efi=efi)
                seen = bmc.boot_device()
                assert (seen.target, seen.once) == (target, once)
                assert seen.efi or not efi
        bmc.set_boot_device(BootTarget.DEFAULT, once=False, efi=None)
        assert bmc.boot_device() == BootDevice(BootTarget.DEFAULT)
        assert responder.board.override["BootSourceOverrideEnabled"] == "Disabled"


@pytest.mark.demand("U23")
def test_a_change_goes_to_the_future_state_address_where_the_system_names_one(opened):
    with opened(tree=documents([SystemSpec()], settings=True)) as (responder, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert responder.asked("PATCH", "/Systems/1/SD$") == responder.asked("PATCH") == 1


@pytest.mark.demand("U23")
def test_a_settings_resource_without_a_boot_override_is_left_alone(opened):
    tree = documents([SystemSpec()], settings=True)
    tree["/redfish/v1/Systems/1/SD"]["Boot"] = {"BootOrder": []}
    with opened(tree=tree) as (responder, bmc):
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert responder.asked("PATCH", "/Systems/1$") == responder.asked("PATCH") == 1


@pytest.mark.demand("U20", "U22")
def test_an_override_that_is_accepted_and_not_kept_is_found_out_and_power_left_alone(opened):
    with opened(seconds=600, run=hurried()) as (responder, bmc):
        responder.fault({"match": PATCH, "action": "ignore"})
        with pytest.raises(BmcError) as caught:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert " ".join(caught.value.tried).count("read back default") == 3
        assert "tried: 3x boot override" in str(caught.value)
        assert responder.board.executed == []


@pytest.mark.demand("U20")
def test_an_override_lost_once_is_set_again(opened):
    with opened(seconds=600, run=hurried()) as (responder, bmc):
        responder.fault({"match": PATCH, "action": "ignore", "count": 1})
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert bmc.boot_device().once


@pytest.mark.demand("U24")
def test_once_that_became_lasting_is_found_out(opened):
    """What is asked for once and shown as lasting would install for ever."""
    with opened(seconds=600, run=hurried()) as (responder, bmc):
        keep = responder.board.set_boot
        responder.board.set_boot = lambda o: keep({**o, "BootSourceOverrideEnabled": "Continuous"})
        with pytest.raises(BmcError, match=r"does not keep boot device pxe \(once") as caught:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert "read back pxe (lasting" in str(caught.value)


@pytest.mark.parametrize("etag", list(Etag))
def test_every_kind_of_etag_is_served(opened, etag):
    with opened(etag=etag) as (_, bmc):
        for target in (BootTarget.PXE, BootTarget.DISK):
            bmc.set_boot_device(target, once=False, efi=None)
            assert bmc.boot_device().target is target


def test_an_etag_that_changed_meanwhile_is_read_anew_once(opened):
    with opened(etag=Etag.REQUIRED) as (responder, bmc):
        responder.fault({"match": PATCH, "action": "answer", "status": 412, "count": 1})
        bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert responder.asked("PATCH") == 2


@pytest.mark.demand("U21")
def test_a_mode_that_is_required_of_an_unknown_bmc_is_named_and_nothing_guessed(opened):
    with opened(mode=Mode.REQUIRED) as (responder, bmc):
        with pytest.raises(BmcError, match="BootSourceOverrideMode is a required property") as caught:
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert "docs/quirks.md" in caught.value.next_step
        assert responder.asked("PATCH") == 1


def test_a_target_that_is_not_offered_is_not_asked_for(opened):
    tree = documents([SystemSpec()])
    tree["/redfish/v1/Systems/1"]["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"] = ["Hdd", "Cd"]
    with opened(tree=tree) as (responder, bmc):
        with pytest.raises(BmcError, match="Pxe is not among Hdd, Cd"):
            bmc.set_boot_device(BootTarget.PXE, once=True, efi=None)
        assert responder.asked("PATCH") == 0


def test_identity_and_guid(opened):
    with opened() as (_, bmc):
        assert bmc.identity() == BmcIdentity("Metalswarm Lab", "Small BMC", "1.2.3")
        assert bmc.guid() == "uuid:4c4c4544-0042-4b10-8056-b7c04f4a3132"


def test_a_uuid_that_nobody_set_gives_way_to_the_serial(opened):
    for serial, guid in (("S1", "serial:S1"), ("", "")):
        empty = SystemSpec(uuid="00000000-0000-0000-0000-000000000000", serial=serial)
        with opened(tree=documents([empty])) as (_, bmc):
            assert bmc.guid() == guid


def test_cancel_ends_a_wait_for_an_answer(opened):
    run = Run()
    with opened(seconds=60, run=run) as (responder, bmc):
        responder.fault({"match": {"path": "Systems/1"}, "action": "hang"})
        threading.Timer(0.3, run.cancel.set).start()
        with pytest.raises(Cancelled):
            bmc.power_on()
