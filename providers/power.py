"""Power: chassis power of one host in one life."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from metal.plan.leaving import parting
from providers import process
from providers.chassis_wish import chassis_wish
from providers.link import Link

__all__ = ["Power"]


class PowerProvider(Link):
    in_system = False

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['host']}/{props['life']}/power"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.power import keep_power, reach_power

        wish = chassis_wish(props)
        if "state" in before:
            moved = (before.get("bmc") or {}) != (props.get("bmc") or {})
            return {"state": keep_power(process.site(wish.owner), wish, moved=moved)}
        return {"state": reach_power(process.site(wish.owner), wish, process.ledger(wish.owner))}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.power import read_power

        wish = chassis_wish(props)
        return {"state": read_power(process.site(wish.owner), wish.bmc)} if wish.bmc else {}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        return ("state",) if olds.get("state") not in (None, news.get("power")) else ()

    def undo(self, props: dict[str, Any]) -> None:
        from metal.chassis.power import release_power

        wish = chassis_wish(props)
        what = parting(process.leaving(wish.host), on_leave=wish.on_leave, on_destroy=wish.on_destroy)
        release_power(process.site(wish.owner), wish, what)


class Power(Resource, module="metalswarm", name="Power"):
    """Outputs: `state` (`on` or `off`)."""

    state: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(PowerProvider(), name, {**props, "state": None}, opts)
