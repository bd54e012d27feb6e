from __future__ import annotations

import threading

import pytest

from metal.bmc import BmcPool, Power
from metal.bmc.failure import failure
from metal.errors import BmcFault, SettingsError
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import Credentials
from metal.waiting import Run
from tests.unit.metal.bmc.conftest import address_of


def test_a_missing_profile_is_a_settings_error():
    pool = BmcPool(Credentials.from_config({}, {}), sessions=1, per_subnet=1)
    address = BmcAddress("n1", "127.0.0.1", 623, BmcProtocol.IPMI, "rack")
    with pytest.raises(SettingsError, match="bmc-rack"), pool.open(address, deadline=Run().deadline(1)):
        pytest.fail("opened")


def test_credentials_of_the_settings_fit(start):
    pool = BmcPool(
        Credentials.from_config({"metalswarm:bmc-rack": "admin:s3cret-of-test"}, {}), sessions=1, per_subnet=1
    )
    with pool.open(address_of(start()), deadline=Run().deadline(5)) as bmc:
        assert bmc.power() is Power.OFF


def test_an_error_in_the_block_closes_the_session(start, pool):
    responder = start()
    with pytest.raises(ZeroDivisionError), pool.open(address_of(responder), deadline=Run().deadline(5)):
        raise ZeroDivisionError
    with pool.open(address_of(responder), deadline=Run().deadline(5)):
        pass
    assert responder.most_open == 1


def test_never_two_sessions_on_one_bmc(start, pool):
    responder = start()
    failures: list[Exception] = []
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        try:
            for _ in range(5):
                with pool.open(address_of(responder), deadline=Run().deadline(60)) as bmc:
                    inside.append(0)
                    most.append(len(inside))
                    bmc.power_on()
                    bmc.power_off(soft=0)
                    inside.pop()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert failures == []
    # Not counted at the BMC: a session whose answers were lost is one too many there, until the next one ends it.
    assert most == [1] * 30
    assert responder.executed == [1, 0] * 30


@pytest.mark.parametrize("fault", list(BmcFault))
def test_each_fault_has_a_cure_that_names_what_to_change(fault):
    error = failure(
        BmcAddress("n7", "10.9.1.7", 623, BmcProtocol.IPMI, "dell"), fault, "fails", tried=["a", "b"], seen="c"
    )
    text = str(error)
    assert text.startswith("n7: BMC 10.9.1.7: fails\n  tried: a; b\n  last seen: c\n  next: ")
    assert "{" not in text
    assert len(error.next_step) > 30
