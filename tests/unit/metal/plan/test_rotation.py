"""Rotations that end anywhere and begin again: nobody is ever cut off, and the end is always reached."""

import itertools
import random

import pytest

from metal.plan.rotation import (
    CaMember,
    CaPhase,
    Keyring,
    KeyringVerb,
    ca_step,
    candidates,
    is_behind,
    keyring_step,
    lowered,
    raised,
)


def talk(members: dict[str, CaMember]) -> bool:
    """Whether each member takes the certificate of every other."""
    return all(one.leaf in other.trusts for one, other in itertools.permutations(members.values(), 2))


@pytest.mark.demand("U39")
@pytest.mark.parametrize("seed", range(40))
def test_members_understand_one_another_at_every_moment_of_a_rotation(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(1, 6)]
    members = {name: CaMember(frozenset({1} if chance.random() < 0.3 else {1, 2}), 1) for name in names}
    goal = chance.choice([2, 3])
    for _ in range(200):
        step = ca_step(goal, members)
        if step.phase is CaPhase.DONE:
            break
        # A run may die after any of the hosts that a phase is about.
        for name in chance.sample(step.hosts, chance.randint(1, len(step.hosts))):
            was, final = members[name], frozenset({goal, goal + 1})
            members[name] = {
                CaPhase.TRUST: CaMember(was.trusts | final, was.leaf),
                CaPhase.LEAF: CaMember(was.trusts | final, goal),
                CaPhase.DROP: CaMember(final, was.leaf),
            }[step.phase]
            assert talk(members), members
    assert ca_step(goal, members).phase is CaPhase.DONE
    assert {member.leaf for member in members.values()} == {goal}
    assert not any(1 in member.trusts for member in members.values())


@pytest.mark.demand("U53")
@pytest.mark.parametrize("seed", range(40))
def test_a_key_is_used_by_nobody_before_all_have_it_and_removed_from_nobody_who_uses_it(seed: int) -> None:
    chance = random.Random(seed)
    rings = [["old"] for _ in range(5)]

    def seen() -> Keyring:
        keys = {key: sum(key in ring for ring in rings) for key in ("old", "new") if any(key in ring for ring in rings)}
        primary = {key: sum(ring[0] == key for ring in rings) for key in keys if any(ring[0] == key for ring in rings)}
        return Keyring(len(rings), keys, primary)

    for _ in range(100):
        step = keyring_step("new", seen())
        if step is None:
            break
        for ring in chance.sample(rings, chance.randint(1, len(rings))):
            if step.verb is KeyringVerb.INSTALL and step.key not in ring:
                ring.append(step.key)
            elif step.verb is KeyringVerb.USE:
                ring.sort(key=step.key.__ne__)
            elif step.verb is KeyringVerb.REMOVE and step.key in ring:
                assert ring[0] != step.key
                ring.remove(step.key)
            assert all(ring[0] in other for ring, other in itertools.permutations(rings, 2)), rings
    assert rings == [["new"]] * 5


def test_numbers_in_words_and_in_order() -> None:
    assert raised({"ca": 1, "acl": 2}, {"ca": 3, "acl": 2, "join": 2}) == ("rotates ca: 1 -> 3", "rotates join: 1 -> 2")
    assert lowered({"ca": 2, "join": 2}, {"ca": 1}) == ("ca", "join")
    assert candidates(3) == (3, 2, 1)
    assert candidates(3, 1) == (3, 1, 2)
    assert candidates(1, 2) == (1, 2)


@pytest.mark.parametrize(
    ("noted", "wanted", "behind"), [(None, 1, False), (None, 2, True), ("2", 2, False), ("2", 3, True), ("x", 2, True)]
)
def test_a_number_rotates_once(noted: str | None, wanted: int, behind: bool) -> None:
    assert is_behind(noted, wanted) is behind


def test_a_keyring_and_its_steps_do_not_print_keys() -> None:
    ring = Keyring(1, {"SECRET": 1}, {"SECRET": 1})
    assert "SECRET" not in repr(ring) + repr(keyring_step("other-SECRET", ring))
