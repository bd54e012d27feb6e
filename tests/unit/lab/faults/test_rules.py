"""Rules, and the faults that are made of them, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.errors import LabError
from lab.faults.armed import arm, armed
from lab.faults.book import read_faults, spent, write_faults
from lab.faults.kinds import KINDS, kind_named
from lab.faults.live import KeptFaults, LiveFaults
from lab.faults.rule import Action, Fault, Rule
from metal.errors import InputError


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def fired(faults: LiveFaults, event: str, times: int) -> list[bool]:
    return [faults.pick(event) is not None for _ in range(times)]


def live(*rules: Rule, seed: int = 1, clock: Clock | None = None) -> LiveFaults:
    return LiveFaults([Fault(1, "test", rules, 1000.0, seed)], clock=clock or Clock())


def test_a_rule_fires_on_what_it_matches_after_some_and_so_many_times() -> None:
    faults = live(Rule("ask:control:*", Action.IGNORE, after=1, count=2))
    assert not faults.pick("ask:status")
    assert fired(faults, "ask:control:off", 5) == [False, True, True, False, False]
    assert faults.fired() == {1: 2}


def test_only_the_actions_that_are_asked_for_count() -> None:
    faults = live(Rule("*", Action.DROP, count=1), Rule("*", Action.DELAY))
    rule = faults.pick("in:open", Action.DELAY)
    assert rule is not None
    assert rule.action is Action.DELAY
    assert faults.pick("in:open").action is Action.DROP


def test_a_rule_ends_by_its_time() -> None:
    clock = Clock()
    faults = live(Rule("*", Action.DROP, seconds=5), clock=clock)
    assert faults.pick("in:open")
    clock.now += 6
    assert not faults.pick("in:open")
    assert not faults.standing("in:open", Action.DROP)


def test_haste_is_counted_within_its_time() -> None:
    clock = Clock()
    faults = live(Rule("*", Action.FREEZE, after=3, within=1.0), clock=clock)
    for _ in range(20):
        clock.now += 0.4
        assert not faults.pick("ask:status")
    assert fired(faults, "ask:status", 3) == [True, False, False]


def test_chance_comes_from_the_seed_alone() -> None:
    def drawn(seed: int) -> list[bool]:
        return fired(live(Rule("*", Action.DROP, chance=0.3), seed=seed), "in:open", 200)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 30 < sum(drawn(1)) < 90


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_comes_back_from_its_data(kind, tmp_path: Path) -> None:
    count = 2 if kind.count else None
    seconds = 7.0 if kind.seconds else None
    fault = Fault(3, kind.name, kind.rules(count=count, seconds=seconds), 12.5, seed=4)
    path = tmp_path / "host" / "faults.json"
    write_faults(path, [fault])
    assert read_faults(path) == (fault,)
    (data,) = json.loads(path.read_text())
    assert all({"match", "action"} <= set(rule) for rule in data["rules"])
    write_faults(path, [])
    assert read_faults(path) == ()


@pytest.mark.parametrize(
    ("kind", "how", "words"),
    [
        ("no-such", {}, "allowed: udp-loss"),
        ("silent", {"count": 0}, "at least 1"),
        ("disk-read-only", {"count": 1}, "allowed: none"),
        ("power-lag", {"seconds": -1.0}, "seconds that it shows late"),
        ("silent", {"chance": 0.5}, "only with udp-loss, udp-double"),
        ("udp-loss", {"chance": 1.5}, "at most 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_is_allowed(kind: str, how: dict, words: str) -> None:
    with pytest.raises((LabError, InputError), match=words):
        kind_named(kind).rules(**how)


def test_faults_in_a_file_change_while_they_are_played_and_counts_outlast_the_player(tmp_path: Path) -> None:
    path, notes = tmp_path / "faults.json", tmp_path / "spent.json"
    clock = Clock()
    player = KeptFaults(path, notes, clock=clock)
    assert not player.pick("boot")
    write_faults(path, [Fault(5, "boot-hangs", (Rule("boot", Action.HANG, count=2),), 1000.0)])
    assert player.pick("boot")
    assert spent(notes, tmp_path / "none") == {(5, 0): 1}
    again = KeptFaults(path, notes, clock=clock)
    assert fired(again, "boot", 2) == [True, False]
    write_faults(path, [Fault(6, "boot-hangs", (Rule("boot", Action.HANG, count=1),), 1000.0)])
    assert fired(again, "boot", 2) == [True, False]
    write_faults(path, [])
    assert not again.pick("boot")


def test_a_wrong_password_strikes_at_each_login_and_tells_the_lock_apart(tmp_path: Path) -> None:
    """Both last, so that no rule of it is ever used up: what is counted is what a login met."""
    host = SimpleNamespace(faults=tmp_path / "faults.json", spent_faults=(tmp_path / "bmc.json", tmp_path / "none"))
    arm(host, "wrong-password")  # type: ignore[arg-type]
    player = KeptFaults(host.faults, host.spent_faults[0])
    for _ in range(3):
        assert player.strike("password", Action.OTHER_PASSWORD)
    assert player.strike("bad login", Action.LOCK)
    assert not player.strike("password", Action.LOCK)
    assert [str(fault) for fault in armed(host)] == [  # type: ignore[arg-type]
        "wrong-password (struck 3x, locked the account 1x)"
    ]


@pytest.mark.parametrize("wrong", [{"seconds": float("nan")}, {"seconds": float("inf")}, {"chance": float("nan")}])
def test_what_is_no_number_arms_nothing(tmp_path: Path, wrong: dict[str, float]) -> None:
    host = SimpleNamespace(faults=tmp_path / "faults.json")
    with pytest.raises(LabError, match="no length of time"):
        arm(host, "slow", **wrong)  # type: ignore[arg-type]
    assert not host.faults.exists()
