"""What only a BMC over Redfish does when it gets another password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lab.redfish.temper import Etag
from metal.bmc.passwords.plan import begun
from metal.bmc.passwords.record import spell
from metal.errors import BmcError, BmcFault
from tests.unit.metal.bmc.passwords.locking import NEW, OLD, Bench, LockingRedfish
from tests.waiting import wait_for

pytestmark = pytest.mark.demand("U35")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bmc = LockingRedfish(tmp_path / "bmc")
    yield Bench(bmc, tmp_path / "records")
    bmc.close()


@pytest.mark.parametrize(
    "how",
    [
        {"etag": Etag.REQUIRED},
        {"etag": Etag.WEAK},
        {"etag": Etag.NONE},
        {"basic": False},
        {"ends_sessions": True},
        {"must_change": True},
    ],
)
def test_whatever_its_ways_the_password_is_changed_and_no_session_left(bench: Bench, how: dict[str, object]) -> None:
    for name, value in how.items():
        setattr(bench.bmc.temper, name, value)
    assert bench.change()
    assert (bench.bmc.password, bench.bmc.wrong) == (NEW, 0)
    assert bench.power() == "off"
    assert bench.bmc.open_sessions == 0


@pytest.mark.parametrize("how", [{"forgets_passwords": 1}, {"refuses_passwords": True}, {"keeps_letters": 5}])
def test_one_that_does_not_keep_it_has_the_old_one_and_shows_no_password(bench: Bench, how: dict[str, object]) -> None:
    for name, value in how.items():
        setattr(bench.bmc.temper, name, value)
    if "keeps_letters" in how:
        bench.secrets["metalswarm:bmc-old"] = f"ADMIN:{OLD[:5]}"  # so that it can be put back
        bench.bmc.password = OLD[:5]
        with pytest.raises(Exception, match="allowed: 8 to 20") as short:
            bench.change("old")
        assert OLD[:5] not in str(short.value)
    with pytest.raises(BmcError) as caught:
        bench.change()
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert "that of 'old' works as before" in str(caught.value)
    assert NEW not in str(caught.value)
    assert not bench.bmc.locked
    assert bench.bmc.wrong <= 1
    assert bench.power() == "off"


def test_of_two_namesakes_none_is_touched(bench: Bench) -> None:
    bench.bmc.temper.namesakes = True
    with pytest.raises(BmcError, match="not exactly one user is called ADMIN") as caught:
        bench.change()
    assert caught.value.seen == "users: ADMIN, ADMIN"
    assert (bench.bmc.password, bench.bmc.changes) == (OLD, 0)
    assert bench.power() == "off"


def test_one_without_a_free_session_is_waited_for_and_then_named(bench: Bench) -> None:
    bench.bmc.temper.slots = 0
    bench.patience = 1
    with pytest.raises(BmcError) as caught:
        bench.change()
    assert caught.value.fault is BmcFault.NO_SLOT
    assert bench.records.read(bench.address) is None
    bench.bmc.temper.slots = 1
    assert bench.change()
    assert bench.bmc.wrong == 0


@pytest.mark.parametrize("action", ["hang", "lose", "drop"])
def test_an_answer_that_never_comes_is_found_out_by_a_login(bench: Bench, action: str) -> None:
    """Whether the password was set (`lose`) or not: old or new works after the next call, and nothing is locked."""
    bench.bmc.fault({"match": {"method": "PATCH", "path": "/Accounts/"}, "action": action, "count": 1})
    with suppress(BmcError):
        bench.change()
    bench.change()
    assert bench.bmc.password == NEW
    assert bench.power() == "off"
    assert not bench.bmc.locked
    assert bench.bmc.wrong <= 1


def test_a_password_that_comes_true_too_late_is_not_forgotten(bench: Bench) -> None:
    """It is the old one when it is asked for at first: what is said of it then must not be what stands for good."""
    bench.bmc.temper.applies_after = 1.5  # of the clock's six seconds, which are one and a half
    with suppress(BmcError):
        bench.change()
    wait_for("the new password has come true", lambda: bench.bmc.password_now() == NEW)
    bench.bmc.temper.applies_after = 0
    assert not bench.bmc.locked
    if bench.records.read(bench.address) is None:
        bench.named = "new"
    else:
        bench.change(again=True)
    assert bench.power() == "off"


@pytest.mark.parametrize("again", [False, True])
def test_a_run_that_is_cut_in_its_login_with_a_password_that_was_not_kept_locks_nothing(
    bench: Bench, again: bool
) -> None:
    bench.bmc.temper.forgets_passwords = 9
    noted = begun(spell(bench.address), "old", "new", "")
    bench.bmc.count_one_more()  # the login that was cut
    bench.records.write(bench.address, replace(noted, kept=True, tried=("new",)))
    if not again:
        with pytest.raises(BmcError, match="that of 'old' has not been tried") as caught:
            bench.change("old")
        assert "--again` tries that of 'old'" in caught.value.next_step
    assert bench.change("old", again=True)
    assert not bench.bmc.locked
    assert bench.power() == "off"


@pytest.mark.parametrize("before", [0, 190])
def test_no_password_is_in_an_error_where_the_bmc_repeats_it(bench: Bench, before: int) -> None:
    """Also where it is cut off in the middle of it."""
    told = "x" * before
    for method, path, sent in (("PATCH", "/Accounts/", f"{NEW} or {OLD}"), ("POST", "/Sessions", OLD)):
        rule = {"match": {"method": method, "path": path}, "action": "answer", "status": 400}
        text = f"{told}{sent} is wrong"
        bench.bmc.fault({**rule, "message": "Base.1.8.GeneralError", "text": text, "count": 1})
        with pytest.raises(BmcError) as caught:
            bench.change()
        for letters in (NEW, OLD, NEW[:8], OLD[:8]):
            assert letters not in str(caught.value) + " ".join(caught.value.tried)
