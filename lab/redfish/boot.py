"""Which boot overrides a small Redfish BMC refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.redfish.server import Reply, refusal
from lab.redfish.temper import Mode, Temper

__all__ = ["is_recorded", "refuse_boot"]


def refuse_boot(temper: Temper, boot: Mapping[str, Any], shown: Mapping[str, Any]) -> Reply | None:
    """The answer to a boot override that a BMC of this temper does not take.

    :param shown: its `Boot` as it is.
    """
    if temper.mode is Mode.REQUIRED and "BootSourceOverrideMode" not in boot:
        return refusal(
            400,
            "Base.1.8.PropertyMissing",
            "The property BootSourceOverrideMode is a required property and must be included in the request.",
        )
    if temper.mode is Mode.REFUSED and "BootSourceOverrideMode" in boot:
        return refusal(400, "Base.1.8.PropertyNotWritable", "BootSourceOverrideMode is a read only property")
    target = boot.get("BootSourceOverrideTarget")
    if target == "None" and not temper.none_target:
        return refusal(400, "Base.1.8.PropertyValueNotInList", "BootSourceOverrideTarget None is not supported")
    offered = shown.get("BootSourceOverrideTarget@Redfish.AllowableValues")
    if offered and target not in (None, "None", *offered):
        return refusal(400, "Base.1.8.PropertyValueNotInList", f"BootSourceOverrideTarget {target} is not in the list")
    return None


def is_recorded(boot: Mapping[str, Any]) -> bool:
    """A recorded reply shows what its BMC knows; without a mode in it, that BMC shows none."""
    return "BootSourceOverrideEnabled" in boot
