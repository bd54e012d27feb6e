from __future__ import annotations

from cryptography import x509

from components.inputs import cluster_inputs, rotation
from providers import process
from providers.cluster_identity import ClusterIdentityProvider
from tests.unit.providers.wire import arriving
from tests.unit.small_fleet import OWNER

LINK = ClusterIdentityProvider()


def wanted(fleet, **identity):
    blue = fleet.clusters["blue"]
    return arriving({**cluster_inputs(blue, OWNER), "identity": {**rotation(blue), **identity}})


def test_the_same_seed_makes_the_same_identity_on_every_workstation(fleet, begin) -> None:
    first = LINK.create(wanted(fleet))
    again = LINK.create(wanted(begin()))
    assert first.id == "shop/prod/blue"
    assert first.outs == again.outs
    assert not LINK.diff(first.id, arriving(first.outs), wanted(fleet)).changes
    assert LINK.read(first.id, arriving(first.outs)).outs == arriving(first.outs)


def test_it_holds_an_authority_and_no_secret(fleet) -> None:
    outs = LINK.create(wanted(fleet)).outs
    assert set(outs) == {"owner", "cluster", "identity", "uuid", "certificate"}
    assert outs["certificate"].count("-----BEGIN") == 1
    assert x509.load_pem_x509_certificate(outs["certificate"].encode())


def test_a_rotation_is_an_update_that_keeps_the_id(fleet) -> None:
    before = LINK.create(wanted(fleet))
    found = LINK.diff(before.id, arriving(before.outs), wanted(fleet, ca=2))
    assert (found.changes, found.replaces) == (True, [])
    after = LINK.update(before.id, arriving(before.outs), wanted(fleet, ca=2)).outs
    assert after["certificate"] != before.outs["certificate"]
    assert after["uuid"] == before.outs["uuid"]


def test_a_number_may_only_rise_and_a_preview_says_what_it_rotates(fleet, told) -> None:
    before = wanted(fleet, gossip=2)
    assert LINK.check(before, wanted(fleet, gossip=3, join=2)).failures == []
    assert told.lines == ["blue: rotates gossip: 2 -> 3", "blue: rotates join: 1 -> 2"]
    (refused,) = LINK.check(before, wanted(fleet)).failures
    assert "identity.gossip = 1" in refused.reason
    assert "allowed: 2 or more" in refused.reason


def test_it_goes_without_a_trace(fleet) -> None:
    LINK.delete("x", arriving(LINK.create(wanted(fleet)).outs))


def test_another_seed_before_anything_was_formed_is_an_update(fleet, begin, monkeypatch) -> None:
    """What a first run with a mistyped seed left in the state must not bind the next one."""
    before = LINK.create(wanted(fleet))
    fleet = begin()
    monkeypatch.setitem(process._config, "metalswarm:seed", "REVG" * 10 + "REU=")
    found = LINK.diff(before.id, arriving(before.outs), wanted(fleet))
    assert (found.changes, found.replaces) == (True, [])
    after = LINK.update(before.id, arriving(before.outs), wanted(fleet)).outs
    assert not LINK.diff(before.id, arriving(after), wanted(fleet)).changes


def test_a_preview_needs_no_seed(fleet, begin, monkeypatch) -> None:
    before = LINK.create(wanted(fleet))
    fleet = begin()
    monkeypatch.delitem(process._config, "metalswarm:seed")
    monkeypatch.delenv("METALSWARM_SEED", raising=False)
    monkeypatch.delenv("METALSWARM_SEED_FILE", raising=False)
    assert not LINK.diff(before.id, arriving(before.outs), wanted(fleet)).changes
