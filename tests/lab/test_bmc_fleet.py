"""Many BMCs, dead ones among them, and a network that loses one datagram in five."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from metal.bmc import Power
from metal.bmc.rmcp.frames import Request
from metal.bmc.rmcp.session import NoReply, Session
from metal.bmc.rmcp.wire import resolve
from metal.errors import BmcError, BmcFault
from metal.settings.access import BmcAddress, BmcProtocol
from metal.settings.credentials import BmcLogin
from metal.waiting import Run
from tests.lab.bmc_faults import BlackHole, LossyProxy
from tests.lab.bmc_fixtures import make_pool, start_bmc  # noqa: F401
from tests.lab.bmc_simulator import PASSWORD, PORT, USER, SimulatedBmc

pytestmark = pytest.mark.root


def behind(proxy: LossyProxy, name: str) -> BmcAddress:
    return BmcAddress(name, proxy.address, proxy.port, BmcProtocol.IPMI, "test")


def lossy(bmc: SimulatedBmc, seed: int) -> LossyProxy:
    return LossyProxy((bmc.ip, PORT), loss=0.2, seed=seed)


def test_with_one_datagram_in_five_lost_no_control_runs_twice(start_bmc):  # noqa: F811
    bmcs = [start_bmc() for _ in range(8)]
    proxies = [lossy(bmc, seed) for seed, bmc in enumerate(bmcs, 20)]
    acknowledged: list[bool] = []

    def controls(index: int) -> None:
        bmc, proxy = bmcs[index], proxies[index]
        session = Session(
            behind(proxy, f"n{index}"), BmcLogin(USER, PASSWORD), resolve(proxy.address, proxy.port), Run().deadline(40)
        )
        session.login(patience=30)
        for control in (3, 5, 3, 5):  # reset, soft shutdown
            bmc.power(1)
            before = len(bmc.executed)
            try:
                answered = session.request(Request(0, 2, bytes((control,))), Run().deadline(1)).code == 0
            except NoReply:
                answered = False
            acknowledged.append(answered)
            assert len(bmc.executed) - before in ({1} if answered else {0, 1})
        session.close()

    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(controls, range(8)))
    finally:
        for proxy in proxies:
            proxy.close()
    assert 0 < acknowledged.count(True) < len(acknowledged) == 32  # the loss did bite, and did not eat everything


def test_with_one_datagram_in_five_lost_power_is_reached_and_off_runs_once(start_bmc):  # noqa: F811
    bmcs = [start_bmc() for _ in range(6)]
    proxies = [lossy(bmc, 40 + seed) for seed, bmc in enumerate(bmcs)]
    pool = make_pool()

    def cycle(index: int) -> Power:
        bmcs[index].power(1)
        with pool.open(behind(proxies[index], f"n{index}"), deadline=Run().deadline(45)) as bmc:
            bmc.power_cycle()
            return bmc.power()

    try:
        with ThreadPoolExecutor(6) as threads:
            assert list(threads.map(cycle, range(6))) == [Power.ON] * 6
    finally:
        for proxy in proxies:
            proxy.close()
    assert [bmc.executed.count("power 0") for bmc in bmcs] == [1] * 6
    assert sum(proxy.dropped for proxy in proxies) > 10


@pytest.mark.demand("U6", "U7", "U8")
def test_sixty_four_threads_with_dead_bmcs_among_them_end_in_time(start_bmc):  # noqa: F811
    """One in eight is frozen, gone or a black hole; each thread uses a few BMCs in turn, so that they also meet."""
    good = [start_bmc() for _ in range(12)]
    frozen, gone = start_bmc(), start_bmc()
    frozen.signal(signal.SIGSTOP)
    gone.stop()
    hole = BlackHole("127.0.9.247")
    dead = [frozen.address, gone.address, BmcAddress("hole", hole.address, hole.port, BmcProtocol.IPMI, "test")]
    pool = make_pool(sessions=16)
    results: Counter[str] = Counter()
    lock = threading.Lock()
    longest = 0.0

    def ask(index: int) -> None:
        nonlocal longest
        for turn in range(4):
            number = index + turn * 7
            address = dead[number // 8 % 3] if number % 8 == 0 else good[number % len(good)].address
            began = time.monotonic()
            try:
                with pool.open(address, deadline=Run().deadline(3)) as bmc:
                    outcome = str(bmc.power())
            except BmcError as error:
                outcome = f"{'dead' if address in dead else 'good'} {error.fault}"
            with lock:
                results[outcome] += 1
                longest = max(longest, time.monotonic() - began)

    threads = [threading.Thread(target=ask, args=(index,), daemon=True) for index in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    hole.close()
    assert not any(thread.is_alive() for thread in threads)
    assert longest < 6
    asked_dead = sum((index + turn * 7) % 8 == 0 for index in range(64) for turn in range(4))
    assert results["off"] == 64 * 4 - asked_dead
    assert set(results) == {"off", f"dead {BmcFault.TIMEOUT}", f"dead {BmcFault.UNREACHABLE}"}
