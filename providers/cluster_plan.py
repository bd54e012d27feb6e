"""ClusterPlan: a cluster's membership as a value, so that a preview can refuse what would cost quorum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, Resource

from metal.plan.override import judge
from metal.plan.quorum import Membership
from metal.plan.rename import rename_refusals, renamed_in, under_new_names
from metal.plan.rolling import wave_lines
from metal.plan.summary import summarise
from providers import process
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
        renamed = renamed_in(old, new, news.get("was", {}))
        old = under_new_names(old, renamed)
        for name, former in renamed.items():
            runtime.progress(f"{news['cluster']}: {former} is {name} from now on")
        waves = wave_lines(old, new, olds.get("rolling"), news["rolling"], news.get("pools", {}))
        for line in (*summarise(old, new), *waves):
            runtime.progress(f"{news['cluster']}: {line}")
        judged = judge(old, new, news.get("override", ()), more=rename_refusals(old, renamed))
        for waived in judged.waived:
            runtime.warn(f"{news['cluster']}: {waived.rule} overridden: {waived.reason}")
        for idle in judged.idle:
            runtime.warn(
                f"{news['cluster']}: override {idle} waives nothing of this change; "
                f"take it out of clusters.{news['cluster']}.override"
            )
        # Named after no property: the engine would print the whole membership before the reason.
        return [CheckFailure("", str(refusal)) for refusal in judged.refused]

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        # Left out of the inputs when it is empty; taking the last one back is a change all the same.
        return ("override",) if olds.get("override") and "override" not in news else ()

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        checked = super().check(olds, news)
        # Only words are made of them: a pool's name enters no state, so that renaming it shows no change.
        kept = {key: value for key, value in checked.inputs.items() if key != "pools"}
        return CheckResult(kept, checked.failures)

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        if before.get("membership"):
            from metal.rescue import back_up_at_risk

            old, new = Membership.from_dict(before["membership"]), Membership.from_dict(props["membership"])
            for line in back_up_at_risk(process.site(str(props["owner"])), old, new, root=Path.cwd()):
                process.warn(line)
        return {}

    def undo(self, props: dict[str, Any]) -> None:
        """A plan is a value; nothing stands behind it."""


class ClusterPlan(Resource, module="metalswarm", name="ClusterPlan"):
    """Inputs: `membership`, `rolling`, and `override` where rules are waived.

    A change is refused at preview, in words, where it is not safe.
    """

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ClusterPlanProvider(), name, dict(props), opts)
