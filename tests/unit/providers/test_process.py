from __future__ import annotations

import pytest

from metal.errors import PlanRefused, SettingsError
from providers import process
from providers.server import runtime
from tests.unit.small_fleet import OWNER, document, write_inventory


@pytest.fixture
def fresh(monkeypatch, tmp_path, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(process, "_site", None)
    monkeypatch.setattr(process, "_asked", set())
    monkeypatch.setattr(process, "_config", {})
    monkeypatch.setattr(process, "_pins", {})
    return told


def test_configuration_is_taken_once_and_nothing_is_read_for_it(fresh) -> None:
    process.configure({"metalswarm:fleet": "no json at all"})
    process.configure({"metalswarm:fleet": "{}"})
    with pytest.raises(ValueError, match="Expecting value"):
        process.site(OWNER)


def test_a_missing_fleet_is_named(fresh) -> None:
    process.configure({"metalswarm:seed": "x"})
    with pytest.raises(SettingsError, match="metalswarm:fleet: is missing"):
        process.site(OWNER)


def test_refused_settings_are_told_by_every_act(fresh, tmp_path) -> None:
    write_inventory(tmp_path)
    process.configure({"metalswarm:fleet": '{"inventory": ["inventory.yaml"], "pool": {}}'})
    for _ in range(2):
        with pytest.raises(SettingsError, match="pool"):
            process.site(OWNER)


def test_one_site_for_the_whole_process_with_its_cancel(fleet) -> None:
    site = process.site(OWNER)
    assert process.site(OWNER) is site
    assert site.run.cancel is runtime.cancel_event()
    assert site.fleet == fleet


def test_the_stock_server_is_missed_aloud_and_once(monkeypatch, fresh, capsys) -> None:
    monkeypatch.setattr(runtime, "_teller", None)
    monkeypatch.setattr(runtime, "_warner", None)
    process.configure({"a": "b"})
    process.configure({"a": "b"})
    assert capsys.readouterr().err.count("only 4 operations") == 1


def test_why_a_host_is_left_goes_by_what_the_program_asked_for(fresh) -> None:
    assert process.leaving("n1") is process.Leaving.DESTROYED
    process.remember("cluster", "n1")
    assert process.leaving("n1") is process.Leaving.REMOVED, "a cluster of that name is no host"
    process.remember("host", "n1")
    assert process.leaving("n1") is process.Leaving.NEW_LIFE


def test_who_is_lost_is_the_inventorys_to_say(begin) -> None:
    begin(None, n5={"lost": True})
    assert process.is_lost(OWNER, "n5"), "in no pool, and known"
    assert not process.is_lost(OWNER, "n1")
    assert not process.is_lost(OWNER, "gone")


def test_a_peer_must_show_the_key_that_its_ready_link_pinned(begin) -> None:
    begin()
    process.learn_host_key("n1", None, current=True)
    process.learn_host_key("n1", "", current=False)
    assert process.site(OWNER).access("n1").host_key is None
    process.learn_host_key("n1", "ssh-ed25519 AAAA", current=False)
    assert process.site(OWNER).access("n1").host_key == "ssh-ed25519 AAAA"
    process.learn_host_key("n1", "ssh-ed25519 BBBB", current=True)
    process.learn_host_key("n1", "ssh-ed25519 AAAA", current=False)
    assert process.site(OWNER).access("n1").host_key == "ssh-ed25519 BBBB"


def test_a_destroy_that_the_settings_forbid_is_refused_and_an_up_is_not(begin) -> None:
    wanted = {**document(), "limits": {"destroy": "refuse"}}
    begin(wanted)
    with pytest.raises(PlanRefused, match=r"limits\.destroy: refuse"):
        process.refuse_destroy(OWNER)
    process.remember("host", "n1")
    process.refuse_destroy(OWNER)
    process.refuse_destroy(OWNER, cluster="blue")
    with pytest.raises(PlanRefused, match="forbids dissolving cluster green"):
        process.refuse_destroy(OWNER, cluster="green")
    begin()
    process.refuse_destroy(OWNER, cluster="green")
