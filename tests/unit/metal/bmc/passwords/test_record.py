from __future__ import annotations

import threading

import pytest

from metal.bmc.passwords.plan import begun
from metal.bmc.passwords.record import Records, spell
from metal.errors import BmcError, BmcFault, MetalError
from metal.settings.access import BmcAddress, BmcProtocol
from metal.waiting import Run

N1 = BmcAddress("n1", "10.9.0.1", 623, BmcProtocol.IPMI, "old")
MOVED = BmcAddress("n1", "10.9.0.9", 623, BmcProtocol.IPMI, "old")


@pytest.fixture
def records(tmp_path):
    return Records(tmp_path / "bmc")


def test_what_is_written_is_read_back_and_forgotten(records):
    change = begun(spell(N1), "old", "new", "2027-01-01T00:00:00+00:00")
    records.write(N1, change)
    assert records.read(N1) == change
    records.forget("n1")
    assert records.read(N1) is None
    records.forget("n1")


def test_a_record_of_another_bmc_does_not_count(records):
    records.write(N1, begun(spell(N1), "old", "new", ""))
    assert records.read(MOVED) is None


def test_a_record_that_cannot_be_read_is_an_error_that_names_the_file(records, tmp_path):
    (tmp_path / "bmc").mkdir()
    (tmp_path / "bmc" / "n1.json").write_text("{")
    with pytest.raises(MetalError) as caught:
        records.read(N1)
    assert str(tmp_path / "bmc" / "n1.json") in str(caught.value)


def test_many_use_a_bmc_beside_each_other_and_a_change_waits_for_all_of_them(records):
    with records.use(N1, Run().deadline(1)), records.use(N1, Run().deadline(1)):
        with pytest.raises(BmcError) as caught, records.alone(N1, Run().deadline(0.3)):
            pass
        assert caught.value.fault is BmcFault.TIMEOUT
    with (
        records.alone(N1, Run().deadline(1)),
        pytest.raises(BmcError, match="being changed by another run"),
        records.use(N1, Run().deadline(0.3)),
    ):
        pass


def test_who_waits_goes_on_when_the_change_is_over(records):
    entered, used = threading.Event(), threading.Event()

    def use() -> None:
        entered.set()
        with records.use(N1, Run().deadline(20)):
            used.set()

    with records.alone(N1, Run().deadline(1)):
        thread = threading.Thread(target=use)
        thread.start()
        assert entered.wait(10)
        assert not used.is_set()
    thread.join(20)
    assert used.is_set()


def test_a_record_that_this_user_may_not_touch_is_an_error_of_its_host_with_path_and_cure(records, tmp_path):
    (tmp_path / "bmc" / "n1.json").mkdir(parents=True)
    (tmp_path / "bmc" / "n1.lock").mkdir()

    def lock():
        with records.use(N1, Run().deadline(5)):
            pytest.fail("nobody may use it")

    for act, file in ((lambda: records.read(N1), "n1.json"), (lock, "n1.lock")):
        with pytest.raises(MetalError) as caught:
            act()
        assert caught.value.host == "n1"
        assert str(tmp_path / "bmc" / file) in str(caught.value)
        assert "uid " in str(caught.value.next_step)
