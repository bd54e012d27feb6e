import os

import pytest

from metal.chassis.ledger import Entry, Ledger
from metal.errors import HostError


def test_a_line_comes_back_as_it_was_written(tmp_path):
    ledger = Ledger(tmp_path / "deep" / "ledger")
    assert ledger.read("n1") is None
    ledger.write("n1", Entry(2))
    assert ledger.read("n1") == Entry(2, wipe=False)
    assert [path.name for path in (tmp_path / "deep" / "ledger").iterdir()] == ["n1.json"]


def test_what_the_state_knows_raises_what_is_known_here_and_never_lowers_it(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.note_installed("n1", 0)
    assert ledger.read("n1") is None
    ledger.note_installed("n1", 2)
    ledger.note_installed("n1", 1)
    assert ledger.read("n1") == Entry(2)


def test_an_install_that_has_not_shown_itself_does_not_count(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.note_boot("n1", "g2", installing=True)
    ledger.note_installed("n1", 2)
    assert ledger.read("n1") == Entry(0, armed="g2")


def test_a_broken_line_is_an_error_and_not_an_absent_one(tmp_path):
    (tmp_path / "n1.json").write_text('{"installed": 1')
    with pytest.raises(HostError, match="ledger") as caught:
        Ledger(tmp_path).read("n1")
    assert caught.value.host == "n1"
    assert "n1.json" in str(caught.value)


def test_forgetting_twice_is_fine(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write("n1", Entry(1))
    ledger.forget("n1")
    ledger.forget("n1")
    assert ledger.read("n1") is None


def test_a_probe_is_noted_without_inventing_a_life(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.note_probe("n1")
    assert ledger.read("n1") == Entry(0, probing=True)
    ledger.note_boot("n1", "g1", installing=False)
    assert ledger.read("n1") is None
    ledger.write("n1", Entry(2, machine_id="abc"))
    ledger.note_probe("n1")
    ledger.note_boot("n1", "g2", installing=False)
    assert ledger.read("n1") == Entry(2, machine_id="abc")


def test_an_install_in_vain_is_remembered_beside_the_life_before(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write("n1", Entry(1, machine_id="abc"))
    ledger.note_boot("n1", "g2", installing=True)
    ledger.note_missed("n1", "g2")
    assert ledger.read("n1") == Entry(1, machine_id="abc", armed="g2", missed="g2")
    ledger.note_boot("n1", "g3", installing=True)
    assert ledger.read("n1") == Entry(1, machine_id="abc", armed="g3"), "another life has not been waited for"


def test_a_line_of_an_earlier_version_is_read(tmp_path):
    (tmp_path / "n1.json").write_text(
        '{"installed": 1, "wipe": false, "probing": false, "machine_id": "abc", "host_key": "ssh-ed25519 AAAA"}'
    )
    assert Ledger(tmp_path).read("n1") == Entry(1, machine_id="abc", host_key="ssh-ed25519 AAAA")


def test_a_line_goes_with_the_name(tmp_path) -> None:
    ledger = Ledger(tmp_path)
    ledger.rename("n5", "n6")
    ledger.write("n5", Entry(2, machine_id="m"))
    for _ in range(2):
        ledger.rename("n5", "n6")
        assert (ledger.read("n5"), ledger.read("n6")) == (None, Entry(2, machine_id="m"))


def test_the_keys_that_a_command_pins_are_those_of_lives_that_stand(tmp_path):
    ledger = Ledger.of(tmp_path, "shop/dev")
    ledger.write("n1", Entry(1, host_key="ssh-ed25519 AAAA"))
    ledger.write("n2", Entry(1, host_key="ssh-ed25519 BBBB", armed="g2"))
    ledger.write("n3", Entry(1))
    assert ledger.host_keys(["n1", "n2", "n3", "n4"]) == {"n1": "ssh-ed25519 AAAA"}
    assert (tmp_path / ".metalswarm" / "ledger" / "shop.dev").is_dir()


def test_a_line_that_cannot_be_read_or_written_is_an_error_of_its_host_with_path_and_cure(tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.write("n2", Entry(1, host_key="ssh-ed25519 AAAA"))
    (tmp_path / "ledger" / "n1.json").mkdir()
    for act in (lambda: ledger.read("n1"), lambda: ledger.write("n1", Entry(1))):
        with pytest.raises(HostError) as caught:
            act()
        assert caught.value.host == "n1"
        assert "n1.json" in f"{caught.value.seen}"
        assert f"uid {os.geteuid()}" in f"{caught.value.next_step}"


def test_one_line_that_cannot_be_read_hides_no_other_key_and_no_other_key_is_taken_for_it(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write("n2", Entry(1, host_key="ssh-ed25519 AAAA"))
    (tmp_path / "n1.json").mkdir()
    (tmp_path / "n3.json").write_text("{")
    keys = ledger.host_keys(["n1", "n2", "n3", "n4"])
    assert (keys.get("n2"), keys.get("n4")) == ("ssh-ed25519 AAAA", None)
    for host in ("n1", "n3"):
        with pytest.raises(HostError, match="cannot be read"):
            keys.get(host)
