"""What a user has waived, told apart from what stays refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from metal.plan.quorum import Membership, Refusal, Rule, refusals

__all__ = ["Judgement", "gives_up", "judge", "waives"]

# Judged elsewhere: by a host's own check, or against the living cluster. Whether they are of use is not known here.
_ELSEWHERE = (Rule.IDENTITY, Rule.NEEDED)


@dataclass(frozen=True)
class Judgement:
    """One change of membership, judged.

    :ivar refused: why it is not begun; empty where it may be.
    :ivar waived: what would be refused without its override.
    :ivar idle: overrides that waive nothing of this change, sorted.
    """

    refused: tuple[Refusal, ...]
    waived: tuple[Refusal, ...]
    idle: tuple[str, ...]


def judge(
    old: Membership | None, new: Membership, overrides: Collection[str] = (), *, more: Collection[Refusal] = ()
) -> Judgement:
    """Judge the step from `old` to `new`.

    :param old: None for a cluster that does not exist yet.
    :param overrides: names of rules that the user has waived.
    :param more: what is refused for other reasons than the two memberships, by the same rules.
    """
    found = (*refusals(old, new), *more)
    used = {refusal.rule for refusal in found}
    idle = sorted(name for name in set(overrides) - set(_ELSEWHERE) if name not in used)
    return Judgement(
        refused=tuple(refusal for refusal in found if refusal.rule not in overrides),
        waived=tuple(refusal for refusal in found if refusal.rule in overrides),
        idle=tuple(idle),
    )


def gives_up(overrides: Collection[str], wanted: Collection[str], host: str) -> bool:
    """Whether what the only wanted voter holds is given up: nobody else can take it over, and `last` says so."""
    return waives(overrides, Rule.LAST) and set(wanted) == {host}


def waives(overrides: Collection[str], rule: Rule) -> bool:
    """Whether a cluster's overrides hold this rule."""
    return rule.value in overrides
