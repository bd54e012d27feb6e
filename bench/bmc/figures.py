"""What a run of `make bench-bmc` measured, and the rules it is held against."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["AnsibleFigures", "Measured", "PowerOn", "Rule", "Sweep", "rules"]

_PARALLEL, _SEQUENCE = 8, 20
_MEMORY = 150
_HEALTHY_SHARE = 0.10
_JUDGED_DEAD = 5


@dataclass(frozen=True)
class Sweep:
    """The power of all BMCs, read once each round.

    :ivar at_once: BMCs asked at once at most.
    :ivar seconds: of each round.
    :ivar cpu: processor seconds of the client's processes in each round, which others on the machine do not lengthen.
    """

    client: str
    bmcs: int
    at_once: int
    seconds: Sequence[float]
    cpu: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class PowerOn:
    """All BMCs switched on in one run, some of them dead.

    :ivar percent: of the BMCs that are dead; `dead` is how many.
    :ivar deadline: seconds from the start after which every operation has to be over.
    :ivar done: seconds from the start at which each healthy BMC was seen on.
    :ivar failed: healthy BMCs that were not.
    :ivar seconds: of all operations, those on dead BMCs too.
    :ivar gave_up: seconds from the start at which each BMC that says nothing was given up.
    :ivar controls: chassis controls that were carried out by each healthy BMC.
    :ivar memory: peak resident bytes of the client.
    """

    percent: int
    dead: int
    deadline: float
    done: Sequence[float]
    failed: int
    seconds: float
    gave_up: Sequence[float]
    controls: Sequence[int]
    memory: int
    threads: int
    hung: int

    @property
    def slowest(self) -> float:
        """Of the healthy ones."""
        return max(self.done)


@dataclass(frozen=True)
class AnsibleFigures:
    """All three clients on the same BMCs in turn, so that nothing is extrapolated.

    :ivar missing: why it was not measured; empty where it was.
    """

    title: str
    sweeps: Sequence[Sweep] = ()
    missing: str = ""


@dataclass(frozen=True)
class Measured:
    """:ivar ours, whole: our sweep; whole counts the start and the end of the Python process too."""

    cores: int
    memory_gib: int
    load: float
    ours: Sweep
    whole: Sweep
    parallel: Sweep
    sequence: Sweep
    ansible: AnsibleFigures
    power: Sequence[PowerOn]


@dataclass(frozen=True)
class Rule:
    text: str
    measured: str
    met: bool


def rules(run: Measured) -> list[Rule]:
    """Each goal against what was measured."""
    healthy = next(one for one in run.power if one.percent == 0)
    judged = next(one for one in run.power if one.percent == _JUDGED_DEAD)
    allowed = judged.deadline + _HEALTHY_SHARE * healthy.seconds
    memory = max(one.memory for one in run.power) / 1e6
    controls = {count for one in run.power for count in one.controls}
    hung, failed = sum(one.hung for one in run.power), sum(one.failed for one in run.power)
    return [
        _faster(run.ours, run.parallel, _PARALLEL),
        _faster(run.ours, run.sequence, _SEQUENCE),
        Rule(
            f"power-on with {_JUDGED_DEAD} % dead: at most their deadline and 10 % of the healthy time",
            f"{judged.seconds:.2f} s of {allowed:.2f} s",
            judged.seconds <= allowed,
        ),
        Rule(f"memory of the client: under {_MEMORY} MB", f"{memory:.0f} MB", memory < _MEMORY),
        Rule("hung operations: none", str(hung), hung == 0),
        Rule(
            "power controls that a healthy BMC carried out: exactly 1",
            ", ".join(str(count) for count in sorted(controls)),
            controls == {1},
        ),
        Rule("healthy BMCs that were not switched on: none", str(failed), failed == 0),
    ]


def _faster(ours: Sweep, other: Sweep, factor: int) -> Rule:
    ratio = other.median / ours.median
    return Rule(f"status sweep: at least {factor} x faster than {other.client}", f"{ratio:.1f} x", ratio >= factor)
