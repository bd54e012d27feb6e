"""A BMC's password is changed against a BMC that locks its account after three wrong ones in a row."""

from __future__ import annotations

import socket
import stat
from dataclasses import replace

import pytest

from metal.bmc.passwords.change import ensure_password
from metal.bmc.passwords.record import Phase
from metal.errors import BmcError, BmcFault, SettingsError
from metal.settings.access import BmcProtocol
from metal.waiting import Run
from tests.unit.metal.bmc.passwords.locking import NEW, OLD, USER, LockingBmc, LockingRedfish

pytestmark = pytest.mark.demand("U35")


def test_the_password_is_set_shown_by_a_login_and_used_before_the_settings_name_it(either):
    assert either.change()
    assert either.bmc.password == NEW
    assert either.records.read(either.address).phase is Phase.CHANGED
    assert either.power() == "off"  # the settings still name the old profile
    assert not either.change()
    either.named = "new"
    assert either.power() == "off"
    assert not either.change()
    assert either.records.read(either.address) is None  # the settings say it all
    assert either.bmc.wrong == 0
    assert (either.bmc.users if isinstance(either.bmc, LockingBmc) else either.bmc).changes == 1


def test_no_secret_lies_in_the_record_and_nobody_else_reads_it(either):
    either.change()
    path = either.folder / "n1.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert NEW not in path.read_text()
    assert OLD not in path.read_text()


def test_a_third_profile_after_the_second_and_back_to_the_first(either):
    for profile, password in (("new", NEW), ("third", "third-password"), ("old", OLD)):
        assert either.change(profile)
        assert either.bmc.password == password
        assert either.power() == "off"
    assert either.records.read(either.address) is None
    assert either.bmc.wrong == 0


def test_where_the_old_password_is_wrong_one_login_is_tried_and_nothing_noted(either):
    either.secrets["metalswarm:bmc-old"] = f"{USER}:something-else"
    with pytest.raises(BmcError) as caught:
        either.change()
    assert caught.value.fault is BmcFault.AUTH
    assert either.bmc.wrong == 1
    assert either.records.read(either.address) is None


@pytest.mark.parametrize("how", [{"forgets": 1}, {"forgets": 9, "cannot_test": True}, {"refuses": 0xCC}])
def test_a_bmc_that_does_not_take_it_keeps_the_old_one_and_the_error_says_so(bench, how):
    for name, value in how.items():
        setattr(bench.bmc.users, name, value)
    with pytest.raises(BmcError) as caught:
        bench.change()
    assert caught.value.fault is BmcFault.NOT_APPLIED
    assert "that of 'old' works as before" in str(caught.value)
    assert NEW not in str(caught.value)
    assert bench.bmc.password == OLD
    assert bench.records.read(bench.address) is None
    assert bench.power() == "off"
    assert bench.bmc.wrong <= 1


@pytest.mark.parametrize("cannot_test", [False, True])
def test_a_bmc_that_cuts_the_new_password_off_gets_the_old_one_back(bench, cannot_test):
    bench.secrets["metalswarm:bmc-new"] = f"{USER}:twenty-bytes-of-text"
    bench.bmc.users.keeps, bench.bmc.users.cannot_test = 16, cannot_test
    with pytest.raises(BmcError, match="works as before"):
        bench.change()
    assert bench.bmc.password == OLD
    assert bench.power() == "off"
    assert bench.bmc.wrong == (1 if cannot_test else 0)
    bench.bmc.users.keeps = 20
    assert bench.change()
    assert bench.bmc.password == "twenty-bytes-of-text"


def test_the_one_of_two_namesakes_is_found_by_its_password(bench):
    bench.bmc.users.namesakes = True
    assert bench.change()
    assert bench.bmc.password == NEW
    bench.bmc.users.cannot_test = True
    with pytest.raises(BmcError, match="several users are called ADMIN"):
        bench.change("third")
    assert bench.bmc.password == NEW
    assert bench.power() == "off"


def test_a_bmc_with_one_session_only(bench):
    bench.bmc.temper.slots = 1
    assert bench.change()
    assert bench.bmc.password == NEW
    assert bench.bmc.wrong == 0


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("root:new-password", "is for the user root; allowed: ADMIN"),
        (f"{USER}:short", "is 5 bytes long; allowed: 8 to 20"),
        (f"{USER}:{'x' * 21}", "is 21 bytes long"),
        (f"{USER}:with a space", "printable ASCII"),
    ],
)
def test_a_password_that_cannot_be_set_is_refused_before_anything_is_asked(either, secret, words):
    either.secrets["metalswarm:bmc-new"] = secret
    with pytest.raises(SettingsError) as caught:
        either.change()
    assert words in str(caught.value)
    assert secret.partition(":")[2] not in str(caught.value)
    assert either.bmc.log == []


def test_while_a_change_is_cut_short_nobody_else_logs_in(either):
    from metal.bmc.passwords.plan import begun
    from metal.bmc.passwords.record import spell

    either.records.write(either.address, begun(spell(either.address), "old", "new", ""))
    with pytest.raises(BmcError) as caught:
        either.power()
    assert "metalswarm bmc password n1 --to new" in str(caught.value)
    assert either.bmc.log == []
    with pytest.raises(BmcError, match="is to be finished before one to 'third'"):
        either.change("third")
    assert either.bmc.log == []
    assert either.change("old")  # given up
    assert either.power() == "off"
    assert either.bmc.password == OLD


def test_where_neither_works_each_is_tried_once_and_never_again_unasked(either):
    from metal.bmc.passwords.plan import begun
    from metal.bmc.passwords.record import spell

    either.bmc.set_password("nobody-knows")
    either.records.write(either.address, begun(spell(either.address), "old", "new", ""))
    for _ in range(4):
        with pytest.raises(BmcError, match="neither the password of profile 'old' nor that of 'new'"):
            either.change()
        with pytest.raises(BmcError, match="was cut short"):
            either.power()
    assert either.bmc.wrong == 2
    assert not either.bmc.locked
    either.bmc.set_password(NEW)  # set by the vendor's means
    assert either.change(again=True)
    assert either.power() == "off"


def test_a_silent_bmc_counts_as_no_answer_and_is_asked_again(bench):
    from metal.bmc.passwords.plan import begun
    from metal.bmc.passwords.record import spell

    bench.records.write(bench.address, begun(spell(bench.address), "old", "new", ""))
    bench.patience = 1
    bench.bmc.temper.silent = {0x10}
    with pytest.raises(BmcError) as caught:
        bench.change()
    assert caught.value.fault is BmcFault.TIMEOUT
    assert bench.records.read(bench.address).tried == ()
    bench.patience = 20
    bench.bmc.temper.silent = set()
    assert bench.change()
    assert bench.bmc.password == NEW


def test_auto_is_changed_over_the_protocol_that_answers(bench, tmp_path):
    auto = replace(bench.address, protocol=BmcProtocol.AUTO, redfish_port=closed_port())
    assert ensure_password(bench.pool, bench.credentials, auto, "new", deadline=Run().deadline(60))
    assert (bench.bmc.password, bench.bmc.wrong) == (NEW, 0)
    with bench.pool.open(auto, deadline=Run().deadline(60)) as bmc:
        assert str(bmc.power()) == "off"
    redfish = LockingRedfish(tmp_path / "bmc", NEW)
    both = replace(auto, redfish_port=redfish.port, fingerprint=redfish.certificate.fingerprint)
    try:
        assert ensure_password(bench.pool, bench.credentials, both, "third", deadline=Run().deadline(60))
        assert (redfish.password, redfish.wrong, bench.bmc.password) == ("third-password", 0, NEW)
    finally:
        redfish.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_bmc_that_was_set_back_since_its_change_is_told_with_what_forgets_it(bench):
    bench.change()
    bench.bmc._logins.password = OLD.encode()
    with pytest.raises(BmcError) as caught:
        bench.power()
    assert caught.value.fault is BmcFault.AUTH
    assert "metalswarm bmc password n1 --forget" in str(caught.value)
