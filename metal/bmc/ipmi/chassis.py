"""Chassis status and control (IPMI 2.0 sections 28.2 and 28.3)."""

from __future__ import annotations

from enum import IntEnum

from metal.bmc.protocol import Power
from metal.bmc.rmcp.frames import Request

__all__ = ["GET_CHASSIS_STATUS", "ChassisControl", "chassis_control", "decode_power"]

GET_CHASSIS_STATUS = Request(0x00, 0x01)


class ChassisControl(IntEnum):
    OFF = 0
    ON = 1
    CYCLE = 2
    RESET = 3
    DIAGNOSTIC_INTERRUPT = 4
    SOFT_SHUTDOWN = 5

    def __str__(self) -> str:
        return f"chassis control {self.name.lower().replace('_', ' ')}"


def chassis_control(action: ChassisControl) -> Request:
    return Request(0x00, 0x02, bytes((action,)))


def decode_power(data: bytes) -> Power:
    """Power from the data of Get Chassis Status."""
    return Power.ON if data[0] & 1 else Power.OFF
