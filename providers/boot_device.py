"""BootDevice: the first link of a host's chain; one machine life, and the boot that begins it."""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, Resource

from metal.plan.identity import is_replaced, refuse_other_metal
from metal.plan.leaving import Leaving
from metal.plan.override import waives
from metal.plan.quorum import Rule
from metal.plan.rename import refuse_renamed_move
from metal.settings.fleet import OnLeave
from providers import process
from providers.chassis_wish import chassis_wish
from providers.link import Link, former_name, taken_away

__all__ = ["BootDevice"]


class BootDeviceProvider(Link):
    in_system = False
    replaces = ("life",)

    def identity(self, props: dict[str, Any]) -> str:
        return f"{props['host']}/{props['life']}"

    def act(self, props: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.boot import arm_boot, keep_boot

        owner = str(props["owner"])
        site, wish = process.site(owner), chassis_wish(props)
        if (was := former_name(props, before)) is not None:
            process.ledger(owner).rename(was, wish.host)
        if "installed" in before:
            report = keep_boot(site, wish, int(before["installed"]), guid=str(before.get("bmc_guid") or ""))
        else:
            report = arm_boot(site, wish, process.ledger(owner))
        return {"device": report.device, "installed": report.installed, "bmc_guid": report.guid}

    def look(self, props: dict[str, Any]) -> dict[str, Any]:
        from metal.chassis.boot import lasting_device

        wish = chassis_wish(props)
        return {"device": lasting_device(process.site(wish.owner), wish, wish.bmc)} if wish.bmc else {}

    def refusals(self, olds: dict[str, Any], news: dict[str, Any]) -> list[CheckFailure]:
        if news.get("hold"):
            return []
        if is_replaced(olds, news):
            process.note_replaced(str(news["host"]))
        renamed = refuse_renamed_move(olds, news)
        if renamed is not None:
            return [CheckFailure("", f"{renamed.reason}; {renamed.next_step}")]
        refused = refuse_other_metal(olds, news)
        if refused is None:
            return []
        if waives(news.get("override", ()), Rule.IDENTITY):
            process.warn(f"identity overridden: {refused.reason}")
            return []
        # Named after no property: the engine would print its value before the reason.
        return [CheckFailure("", f"{refused.reason}; {refused.next_step}")]

    def drifted(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        wanted = str(news.get("boot_device") or "default")
        return (
            ("device",)
            if olds.get("device", "default") != wanted
            else taken_away(olds, news, "boot_device", "boot_mode")
        )

    def extra_replaces(self, olds: dict[str, Any], news: dict[str, Any]) -> tuple[str, ...]:
        # The pool that the host leaves asked for a reinstall on leaving.
        leaves = olds.get("home") != news.get("home") and olds.get("on_leave") == OnLeave.REINSTALL
        return ("home",) if leaves else ()

    def undo(self, props: dict[str, Any]) -> None:
        from metal.chassis.boot import disarm_boot

        wish = chassis_wish(props)
        disarm_boot(
            process.site(wish.owner),
            wish,
            process.ledger(wish.owner),
            installed=int(props["installed"]),
            superseded=process.leaving(wish.host) is Leaving.NEW_LIFE,
            guid=str(props.get("bmc_guid") or ""),
        )


class BootDevice(Resource, module="metalswarm", name="BootDevice"):
    """Outputs: `device` (lasting boot device), `installed` (generation of the installed system), `bmc_guid` (whose
    BMC it is, at any address)."""

    device: pulumi.Output[str]
    installed: pulumi.Output[int]
    bmc_guid: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        computed = dict.fromkeys(("device", "installed", "bmc_guid"))
        super().__init__(BootDeviceProvider(), name, {**props, **computed}, opts)
