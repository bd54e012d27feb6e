"""ClusterPlan: a cluster's membership as a value, so that a preview can refuse what would cost quorum."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from metal.plan.quorum import Membership, refusals
from metal.plan.rolling import wave_lines
from metal.plan.summary import summarise
from providers.link import Link
from providers.server import runtime

__all__ = ["ClusterPlan"]


class ClusterPlanProvider(Link):
    replaces = ()

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['owner']}/{props['cluster']}/plan"

    def refusals(self, olds: dict[str, Any], news: dict[str, Any]) -> list[CheckFailure]:
        new = Membership.from_dict(news["membership"])
        old = Membership.from_dict(olds["membership"]) if olds.get("membership") else None
        waves = wave_lines(old, new, olds.get("rolling"), news["rolling"], news.get("pools", {}))
        for line in (*summarise(old, new), *waves):
            runtime.progress(f"{news['cluster']}: {line}")
        # Named after no property: the engine would print the whole membership before the reason.
        return [CheckFailure("", str(refusal)) for refusal in refusals(old, new)]

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        checked = super().check(olds, news)
        # Only words are made of them: a pool's name enters no state, so that renaming it shows no change.
        kept = {key: value for key, value in checked.inputs.items() if key != "pools"}
        return CheckResult(kept, checked.failures)

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        return {}

    def undo(self, props: dict[str, Any]) -> None:
        """A plan is a value; nothing stands behind it."""


class ClusterPlan(Resource, module="metalswarm", name="ClusterPlan"):
    """Inputs: `membership`, `rolling`. A change of it is refused at preview, in words, where it is not safe."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ClusterPlanProvider(), name, dict(props), opts)
