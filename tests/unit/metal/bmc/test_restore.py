"""The power restore policy over IPMI, on a small BMC with faults."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from metal.bmc.ipmi.restore import decode_restore, decode_supported, set_restore_request
from metal.bmc.restore import restoring
from metal.errors import BmcError, BmcFault
from metal.settings.fleet import PowerRestore
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import address_of

SET = (0, 0x06)


@pytest.fixture
def opened(start, pool):
    @contextmanager
    def _opened(**temper):
        responder = start(**temper)
        address = address_of(responder)
        with pool.open(address, deadline=Run().deadline(20)) as bmc:
            yield responder, restoring(bmc, address)

    return _opened


def sent(responder):
    return [command for _, command in responder.log].count(SET)


# Get Chassis Status of section 28.2: power on, with each policy in bits 6:5.
@pytest.mark.parametrize(
    ("first", "policy"),
    [(0x01, PowerRestore.OFF), (0x21, PowerRestore.PREVIOUS), (0x41, PowerRestore.ON), (0x61, None)],
)
def test_the_policy_is_in_the_chassis_status(first, policy):
    assert decode_restore(bytes((first, 0, 0))) is policy


def test_the_bytes_are_those_of_the_book():
    assert [set_restore_request(policy).data for policy in PowerRestore] == [b"\x00", b"\x01", b"\x02"]
    assert decode_supported(b"\x05") == (PowerRestore.OFF, PowerRestore.ON)


def test_a_policy_is_set_and_read_back(opened):
    with opened() as (responder, bmc):
        assert bmc.power_restore() is PowerRestore.OFF
        bmc.set_power_restore(PowerRestore.PREVIOUS)
        assert bmc.power_restore() is PowerRestore.PREVIOUS
        assert (responder.restore, sent(responder)) == (1, 1)
        assert responder.executed == [], "power is not touched"


def test_a_bmc_that_forgets_is_told_again_and_one_that_never_keeps_it_is_named(opened):
    with opened(forgets_restore=1) as (responder, bmc):
        bmc.set_power_restore(PowerRestore.ON)
        assert (responder.restore, sent(responder)) == (2, 2)
    with opened(forgets_restore=99) as (responder, bmc):
        with pytest.raises(BmcError, match="read back off") as caught:
            bmc.set_power_restore(PowerRestore.ON)
        assert caught.value.fault is BmcFault.NOT_APPLIED
        assert sent(responder) == 3


def test_a_policy_that_it_does_not_know_is_refused_with_those_that_it_knows(opened):
    with opened(restores=0b001) as (_, bmc), pytest.raises(BmcError, match="it knows off") as caught:
        bmc.set_power_restore(PowerRestore.PREVIOUS)
    assert caught.value.fault is BmcFault.COMMAND
    assert "set power_restore of this host to a policy that it knows" in caught.value.next_step


@pytest.mark.parametrize("code", [0xC1, 0xC2, 0xD6])
def test_a_bmc_without_the_command_is_told_apart_from_one_that_knows_other_policies(opened, code):
    with opened(no_restore=code) as (_, bmc), pytest.raises(BmcError, match="has no power restore policy") as caught:
        bmc.set_power_restore(PowerRestore.PREVIOUS)
    assert (caught.value.fault, caught.value.code) == (BmcFault.COMMAND, code)
    assert "unknown" not in caught.value.seen
    assert "a policy that it knows" not in caught.value.next_step
    assert "take power_restore out" in caught.value.next_step
    assert "protocol: redfish" in caught.value.next_step
