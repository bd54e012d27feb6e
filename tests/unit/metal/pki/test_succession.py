"""Bundles of authorities: who is in them, and which one signed."""

from metal.pki.authority import Authority
from metal.pki.client import client_certificate
from metal.pki.plan import foreign_namesake
from metal.pki.succession import generation_of, generations_in, joined, trusted

SEED = bytes(range(32))


def test_the_next_authority_is_trusted_ahead_and_those_before_are_not() -> None:
    bundle = trusted(SEED, "blue", 2)
    assert generations_in(SEED, "blue", bundle, range(1, 6)) == {2, 3}
    assert generations_in(SEED, "green", bundle, range(1, 6)) == frozenset()
    assert generations_in(SEED, "blue", None, range(1, 6)) == frozenset()
    assert generations_in(SEED, "blue", "no PEM", range(1, 6)) == frozenset()


def test_a_bundle_holds_each_once_in_order() -> None:
    both = joined(trusted(SEED, "blue", 1), trusted(SEED, "blue", 2))
    assert both == "".join(Authority.of(SEED, "blue", number).certificate for number in (1, 2, 3))
    assert joined(both, both) == both
    assert joined("") == ""


def test_which_authority_signed() -> None:
    leaf, _ = client_certificate(Authority.of(SEED, "blue", 2), "tests", 1)
    assert generation_of(SEED, "blue", leaf, range(1, 4)) == 2
    assert generation_of(SEED, "blue", leaf, [1, 3]) is None
    assert generation_of(SEED, "blue", None, range(1, 4)) is None


def test_another_seed_is_seen_in_any_certificate_of_a_bundle() -> None:
    theirs = trusted(SEED[::-1], "blue", 1)
    assert foreign_namesake(theirs, Authority.of(SEED, "blue", 1))
    assert foreign_namesake(theirs, Authority.of(SEED, "blue", 2)), "the next one shows it in a rotation"
    assert not foreign_namesake(trusted(SEED, "blue", 1), Authority.of(SEED, "blue", 2))


def test_each_number_lasts_longer_so_that_a_rotation_renews() -> None:
    ends = [Authority.of(SEED, "blue", number).parsed.not_valid_after_utc.year for number in (1, 2, 3)]
    assert ends == [2044, 2064, 2084]
