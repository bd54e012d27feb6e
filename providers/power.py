"""Power: chassis power of one host in one life."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from metal.plan.leaving import parting
from providers import process
from providers.chassis_wish import chassis_wish
from providers.link import Link, taken_away

__all__ = ["Power"]


class PowerProvider(Link):
    in_system = False

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['host']}/{props['life']}/power"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.power import keep_power, reach_power
        from metal.chassis.restore import settle_restore

        wish, moved = chassis_wish(props), False
        site = process.site(wish.owner)
        if "state" in before:
            moved = (before.get("bmc") or {}) != (props.get("bmc") or {})
            state = keep_power(site, wish, moved=moved)
        else:
            state = reach_power(site, wish, process.ledger(wish.owner))
        return {"state": state, **_restores(settle_restore(site, wish, moved=moved))}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.power import read_power
        from metal.chassis.restore import read_restore

        wish = chassis_wish(props)
        if not wish.bmc:
            return {}
        site = process.site(wish.owner)
        return {"state": read_power(site, wish.bmc), **_restores(read_restore(site, wish))}

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        lacking = ["state"] if olds.get("state") not in (None, news.get("power")) else []
        if news.get("power_restore") and olds.get("restores") not in (None, news["power_restore"]):
            lacking.append("restores")
        return (*lacking, *taken_away(olds, news, "power_restore", "boot_mode"))

    def undo(self, props: dict[str, Any]) -> None:
        from metal.chassis.power import release_power

        wish = chassis_wish(props)
        what = parting(process.leaving(wish.host), on_leave=wish.on_leave, on_destroy=wish.on_destroy)
        release_power(process.site(wish.owner), wish, what)


def _restores(policy: str | None) -> dict[str, Any]:
    """Only where the settings ask for one: whose policy is nobody's business is not asked for it."""
    return {} if policy is None else {"restores": policy}


class Power(Resource, module="metalswarm", name="Power"):
    """Outputs: `state` (`on` or `off`), `restores` (what it does when mains power returns, where that is asked for)."""

    state: pulumi.Output[str]
    restores: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(PowerProvider(), name, {**props, "state": None, "restores": None}, opts)
