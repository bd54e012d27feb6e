"""The power restore policy over Redfish, on a small BMC with faults."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from lab.redfish.temper import Etag
from lab.redfish.tree import SystemSpec, documents
from metal.bmc.redfish.restore import decode_policy
from metal.bmc.restore import restoring
from metal.errors import BmcError, BmcFault
from metal.settings.fleet import PowerRestore
from metal.waiting import Run

SYSTEM = "/redfish/v1/Systems/1"
LISTED = "PowerRestorePolicy@Redfish.AllowableValues"


@pytest.fixture
def opened(redfish, at, make_pool):
    """(responder, its policy) with the given temper, for one block; the clock goes ten times as fast."""

    @contextmanager
    def _opened(**how):
        responder = redfish(**how)
        address = at(responder)
        run = Run(clock=lambda: time.monotonic() * 10)
        with make_pool(patience=60).open(address, deadline=run.deadline(600)) as bmc:
            yield responder, restoring(bmc, address)

    return _opened


def kept(responder):
    return responder.board.policy


@pytest.mark.parametrize(
    ("word", "policy"),
    [
        ("AlwaysOff", PowerRestore.OFF),
        ("LastState", PowerRestore.PREVIOUS),
        ("AlwaysOn", PowerRestore.ON),
        ("Unheard", None),
    ],
)
def test_the_words_are_those_of_the_book(word, policy):
    assert decode_policy({"PowerRestorePolicy": word}) is policy


@pytest.mark.parametrize("etag", list(Etag))
def test_a_policy_is_set_once_and_read_back(opened, etag):
    with opened(etag=etag) as (responder, bmc):
        assert bmc.power_restore() is PowerRestore.OFF
        bmc.set_power_restore(PowerRestore.PREVIOUS)
        assert bmc.power_restore() is PowerRestore.PREVIOUS
        sent = responder.asked("PATCH")
        bmc.set_power_restore(PowerRestore.PREVIOUS)
        assert (kept(responder), responder.asked("PATCH")) == ("LastState", sent)
        assert sent == (2 if etag is Etag.WEAK else 1)
        assert responder.board.executed == [], "power is not touched"


@pytest.mark.demand("U23")
def test_a_change_goes_to_the_settings_resource_where_that_has_the_policy(opened):
    tree = documents([SystemSpec()], settings=True)
    with opened(tree=tree) as (responder, bmc):
        bmc.set_power_restore(PowerRestore.ON)
        assert responder.asked("PATCH", "/Systems/1$") == responder.asked("PATCH") == 1
    tree = documents([SystemSpec()], settings=True)
    tree[f"{SYSTEM}/SD"]["PowerRestorePolicy"] = "AlwaysOff"
    with opened(tree=tree) as (responder, bmc):
        bmc.set_power_restore(PowerRestore.ON)
        assert responder.asked("PATCH", "/SD$") == responder.asked("PATCH") == 1
        assert bmc.power_restore() is PowerRestore.ON


def test_a_bmc_that_forgets_is_told_again_and_one_that_never_keeps_it_is_named(opened):
    with opened(forgets_restore=1) as (responder, bmc):
        bmc.set_power_restore(PowerRestore.ON)
        assert (kept(responder), responder.asked("PATCH")) == ("AlwaysOn", 2)
    with opened(forgets_restore=99) as (responder, bmc):
        with pytest.raises(BmcError, match="read back off") as caught:
            bmc.set_power_restore(PowerRestore.ON)
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert responder.asked("PATCH") == 3


def test_a_policy_that_it_does_not_list_is_not_sent_and_one_that_it_refuses_is_sent_once(opened):
    tree = documents([SystemSpec()])
    tree[SYSTEM][LISTED] = ["AlwaysOff", "AlwaysOn"]
    with opened(tree=tree) as (responder, bmc):
        with pytest.raises(BmcError, match="it knows off, on") as caught:
            bmc.set_power_restore(PowerRestore.PREVIOUS)
        assert caught.value.fault is BmcFault.COMMAND
        assert responder.asked("PATCH") == 0
    with opened() as (responder, bmc):
        responder.fault({"match": {"method": "PATCH"}, "action": "answer", "status": 400, "text": "not on this model"})
        with pytest.raises(BmcError, match="not on this model") as caught:
            bmc.set_power_restore(PowerRestore.PREVIOUS)
        assert (caught.value.fault, responder.asked("PATCH")) == (BmcFault.COMMAND, 1)
        assert "power_restore" in caught.value.next_step


def test_a_system_without_the_property_is_told_in_words(opened):
    tree = documents([SystemSpec()])
    del tree[SYSTEM]["PowerRestorePolicy"]
    with opened(tree=tree) as (responder, bmc):
        for ask in (bmc.power_restore, lambda: bmc.set_power_restore(PowerRestore.ON)):
            with pytest.raises(BmcError, match="no PowerRestorePolicy") as caught:
                ask()
            assert caught.value.fault is BmcFault.COMMAND
            assert "take power_restore out" in caught.value.next_step
        assert responder.asked("PATCH") == 0
