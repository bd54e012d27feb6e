"""From a resource's properties to what `metal.chassis` is asked."""

from __future__ import annotations

from typing import Any

from metal.chassis.wish import ChassisWish
from metal.settings.access import Access, BmcAddress
from metal.settings.fleet import FirmwareMode, LastingBoot, OnLeave, PowerRestore, PowerWish
from providers import process

__all__ = ["chassis_wish"]


def chassis_wish(props: dict[str, Any]) -> ChassisWish:
    """The wish of BootDevice and Power; what the inventory says of a lost or blank host is read as it is now.

    :param props: inputs or outputs; they name the BMC, so that a chain goes down when the inventory has lost its host.
    """
    bmc = props.get("bmc")
    facts = process.site(str(props["owner"])).fleet.facts(str(props["host"]))
    return ChassisWish(
        host=str(props["host"]),
        owner=str(props["owner"]),
        life=str(props["life"]),
        generation=int(props["generation"]),
        blank=bool(facts and facts.blank),
        lost=bool(facts and facts.lost),
        power=PowerWish(props["power"]),
        access=Access.from_dict(props["access"]),
        bmc=BmcAddress.from_dict(bmc) if bmc else None,
        on_leave=OnLeave(props["on_leave"]),
        on_destroy=OnLeave(props["on_destroy"]),
        boot_device=LastingBoot(props.get("boot_device") or LastingBoot.DEFAULT),
        power_restore=PowerRestore(props["power_restore"]) if props.get("power_restore") else None,
        boot_mode=FirmwareMode(props["boot_mode"]) if props.get("boot_mode") else None,
    )
