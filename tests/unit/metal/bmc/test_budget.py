from __future__ import annotations

import socket
import threading
import time

import pytest

from metal.bmc.budget import Budget
from metal.bmc.rmcp.wire import Endpoint
from metal.errors import BmcError, BmcFault, Cancelled
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Run


def at(ip: str) -> tuple[Endpoint, BmcAddress]:
    return Endpoint(socket.AF_INET, ip, 623), BmcAddress(f"host-{ip}", ip, 623, BmcProtocol.IPMI, "rack")


class Callers:
    """Threads that each hold one BMC until let go."""

    def __init__(self, budget: Budget, run: Run) -> None:
        self.budget, self.run = budget, run
        self.admitted: list[str] = []
        self.errors: list[BaseException] = []
        self._let_go: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def add(self, name: str, ip: str, seconds: float = 10) -> None:
        self._let_go[name] = threading.Event()
        queued = len(self.budget._queue) + len(self.budget._held)
        thread = threading.Thread(target=self._hold, args=(name, ip, seconds))
        self._threads.append(thread)
        thread.start()
        end = time.monotonic() + 5
        while len(self.budget._queue) + len(self.budget._held) == queued and time.monotonic() < end:
            time.sleep(0.001)

    def _hold(self, name: str, ip: str, seconds: float) -> None:
        endpoint, address = at(ip)
        try:
            with self.budget.hold(endpoint, address, self.run.deadline(seconds)):
                self.admitted.append(name)
                self._let_go[name].wait(10)
        except Exception as error:
            self.errors.append(error)

    def let_go(self, name: str, then: int) -> None:
        self._let_go[name].set()
        self.reach(then)

    def reach(self, count: int) -> None:
        end = time.monotonic() + 5
        while len(self.admitted) < count and time.monotonic() < end:
            time.sleep(0.001)

    def finish(self) -> None:
        for event in self._let_go.values():
            event.set()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def callers():
    made: list[Callers] = []

    def make(sessions: int = 100, per_subnet: int = 100) -> Callers:
        made.append(Callers(Budget(sessions=sessions, per_subnet=per_subnet), Run()))
        return made[-1]

    yield make
    for each in made:
        each.finish()
        assert each.budget._queue == []
        assert each.budget._held == {}
        assert +each.budget._subnets == {}


def test_one_caller_a_bmc_in_order_of_arrival(callers):
    c = callers()
    for name in "abc":
        c.add(name, "10.0.0.1")
    c.reach(1)
    assert c.admitted == ["a"]
    c.let_go("a", 2)
    assert c.admitted == ["a", "b"]
    c.let_go("b", 3)
    assert c.admitted == ["a", "b", "c"]


def test_a_full_subnet_does_not_hold_up_another(callers):
    c = callers(sessions=4, per_subnet=2)
    for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.3"), ("d", "10.0.1.1"), ("e", "10.0.1.2")):
        c.add(name, ip)
    c.reach(4)
    assert c.admitted == ["a", "b", "d", "e"]
    c.let_go("d", 4)  # a place in all, none in the subnet of c
    c.let_go("a", 5)
    assert c.admitted[-1] == "c"


def test_the_longest_waiter_gets_the_free_place(callers):
    c = callers(sessions=1)
    for name, ip in (("a", "10.0.0.1"), ("b", "10.0.0.1"), ("c", "10.0.1.1")):
        c.add(name, ip)
    c.reach(1)
    c.let_go("a", 2)
    assert c.admitted == ["a", "b"]
    c.let_go("b", 3)


def test_waiting_ends_at_the_deadline_and_says_who_has_it(callers):
    c = callers()
    c.add("a", "10.0.0.1")
    c.reach(1)
    began = time.monotonic()
    endpoint, address = at("10.0.0.1")
    with pytest.raises(BmcError) as caught, c.budget.hold(endpoint, address, c.run.deadline(0.3)):
        pytest.fail("two callers on one BMC")
    assert 0.25 < time.monotonic() - began < 5
    assert caught.value.fault is BmcFault.TIMEOUT
    assert "in use for host-10.0.0.1" in caught.value.seen


def test_cancel_ends_waiting(callers):
    c = callers()
    c.add("a", "10.0.0.1")
    c.reach(1)
    c.add("b", "10.0.0.1", 60)
    c.run.cancel.set()
    end = time.monotonic() + 2
    while not c.errors and time.monotonic() < end:
        time.sleep(0.01)
    assert [type(e) for e in c.errors] == [Cancelled]


def test_an_error_inside_frees_the_place(callers):
    c = callers(sessions=1)
    endpoint, address = at("10.0.0.1")
    with pytest.raises(ZeroDivisionError), c.budget.hold(endpoint, address, c.run.deadline(1)):
        raise ZeroDivisionError
    with c.budget.hold(endpoint, address, c.run.deadline(1)):
        pass
