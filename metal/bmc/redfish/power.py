"""Power states and reset types of a ComputerSystem (DSP0268), as the power switch knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metal.bmc.ipmi.chassis import ChassisControl
from metal.bmc.power import Between
from metal.bmc.protocol import Power

__all__ = ["decode_power_state", "offered_resets", "reset_action", "reset_type"]

_STATES: dict[str, Power | Between] = {
    "On": Power.ON,
    "Off": Power.OFF,
    "PoweringOn": Between("PoweringOn", Power.ON),
    "PoweringOff": Between("PoweringOff", Power.OFF),
}

# In order of preference; what stands behind the first does the same thing.
_RESETS: dict[ChassisControl, tuple[str, ...]] = {
    ChassisControl.ON: ("On", "ForceOn"),
    ChassisControl.OFF: ("ForceOff",),
    ChassisControl.SOFT_SHUTDOWN: ("GracefulShutdown",),
    ChassisControl.RESET: ("ForceRestart",),
    ChassisControl.CYCLE: ("PowerCycle",),
    ChassisControl.DIAGNOSTIC_INTERRUPT: ("Nmi",),
}


def decode_power_state(system: Mapping[str, Any]) -> Power | Between:
    """What is not in the standard, and `Paused`, which obeys no "on", is neither on nor off."""
    word = system.get("PowerState")
    return _STATES.get(str(word), Between(str(word) if word else "not given"))


def reset_action(system: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reset action as the system describes it; empty where it has none."""
    actions = system.get("Actions")
    action = actions.get("#ComputerSystem.Reset") if isinstance(actions, dict) else None
    return action if isinstance(action, dict) else {}


def offered_resets(action: Mapping[str, Any], info: Mapping[str, Any] | None = None) -> tuple[str, ...] | None:
    """The reset types that a BMC offers; None where it does not say, which allows the standard ones.

    :param action: as :func:`reset_action` gives it.
    :param info: the resource behind its `@Redfish.ActionInfo`, where it names one.
    """
    values = action.get("ResetType@Redfish.AllowableValues")
    parameters = (info or {}).get("Parameters")
    for parameter in parameters if isinstance(parameters, list) else ():
        if isinstance(parameter, dict) and parameter.get("Name") == "ResetType" and not values:
            values = parameter.get("AllowableValues")
    return tuple(str(value) for value in values) if values and isinstance(values, list) else None


def reset_type(control: ChassisControl, offered: tuple[str, ...] | None) -> str | None:
    """The reset type that does this; None where the BMC offers none."""
    return next((kind for kind in _RESETS[control] if offered is None or kind in offered), None)
