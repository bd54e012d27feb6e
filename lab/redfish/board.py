"""What a small Redfish BMC switches and sets: a machine in memory, or one of the lab's."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lab.bmc.flags import BootFlags, boot_clock, read_flags, write_flags
from lab.bmc.restore import read_restore, write_restore
from lab.redfish.tree import POLICIES

__all__ = ["Board", "MemoryBoard", "WiredBoard"]

_CHASSIS = Path(__file__).parent.parent / "bmc" / "chassis.sh"
_VALID, _PERSISTENT, _EFI = 0x80, 0x40, 0x20
_DEVICES = {"None": 0, "Pxe": 1, "Hdd": 2, "Utilities": 3, "Diags": 4, "Cd": 5, "BiosSetup": 6, "Usb": 15}
_WORDS = {number: word for word, number in _DEVICES.items()}


class Board(Protocol):
    def power(self) -> str:
        """`PowerState` as Redfish spells it."""

    def reset(self, kind: str) -> None:
        """Carry out a `ResetType`."""

    def boot(self) -> dict[str, str]:
        """The three properties of the boot override."""

    def set_boot(self, override: Mapping[str, str]) -> None:
        """Change those that are given."""

    def restore(self) -> str:
        """`PowerRestorePolicy` as Redfish spells it."""

    def set_restore(self, policy: str) -> None: ...


@dataclass
class MemoryBoard:
    """:ivar state: what it really is.
    :ivar shown: what the next reads show instead, in order.
    :ivar executed: resets carried out, in order.
    :ivar policy: power restore policy.
    """

    state: str = "Off"
    shown: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)
    override: dict[str, str] = field(
        default_factory=lambda: {
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideTarget": "None",
            "BootSourceOverrideMode": "UEFI",
        }
    )
    policy: str = POLICIES[0]

    def power(self) -> str:
        return self.shown.pop(0) if self.shown else self.state

    def reset(self, kind: str) -> None:
        self.executed.append(kind)
        if kind in ("On", "ForceOn", "ForceRestart", "GracefulRestart", "PowerCycle"):
            self.state = "On"
        elif kind in ("ForceOff", "GracefulShutdown"):
            self.state = "Off"

    def boot(self) -> dict[str, str]:
        return dict(self.override)

    def set_boot(self, override: Mapping[str, str]) -> None:
        self.override.update(override)

    def restore(self) -> str:
        return self.policy

    def set_restore(self, policy: str) -> None:
        self.policy = policy


@dataclass(frozen=True)
class WiredBoard:
    """A machine of the lab: the same power switch, boot flags and power restore policy that its IPMI BMC has.

    :ivar machine: the machine's folder.
    :ivar flags: file of the boot flags.
    :ivar policy: file of the power restore policy.
    """

    machine: Path
    flags: Path
    policy: Path

    def power(self) -> str:
        return "On" if self._chassis("get", "power").strip() == "power:1" else "Off"

    def reset(self, kind: str) -> None:
        if kind in ("On", "ForceOn"):
            self._chassis("set", "power", "1")
        elif kind == "ForceOff":
            self._chassis("set", "power", "0")
        elif kind == "GracefulShutdown":
            self._chassis("set", "shutdown", "1")
        elif kind == "ForceRestart":
            self._chassis("set", "reset", "1")

    def boot(self) -> dict[str, str]:
        flags = read_flags(self.flags)
        mode = "UEFI" if flags.efi else "Legacy"
        if not flags.valid(boot_clock()):
            return _boot("Disabled", "None", mode)
        enabled = "Continuous" if flags.persistent else "Once"
        return _boot(enabled, _WORDS.get(flags.data[1] >> 2 & 0x0F, "None"), mode)

    def set_boot(self, override: Mapping[str, str]) -> None:
        wanted = self.boot() | dict(override)
        enabled = wanted["BootSourceOverrideEnabled"]
        first = 0
        if enabled != "Disabled":
            first = _VALID | (_PERSISTENT if enabled == "Continuous" else 0)
            first |= _EFI if wanted["BootSourceOverrideMode"] == "UEFI" else 0
        device = _DEVICES[wanted["BootSourceOverrideTarget"]] << 2
        write_flags(self.flags, BootFlags(bytes((first, device if first else 0, 0, 0, 0))))

    def restore(self) -> str:
        return POLICIES[read_restore(self.policy)]

    def set_restore(self, policy: str) -> None:
        write_restore(self.policy, POLICIES.index(policy))

    def _chassis(self, *arguments: str) -> str:
        command = ["/bin/sh", str(_CHASSIS), str(self.machine), *arguments]
        # A machine that is switched on must not keep a pipe of ours open; the script gives it a log of its own.
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True).stdout


def _boot(enabled: str, target: str, mode: str) -> dict[str, str]:
    return {
        "BootSourceOverrideEnabled": enabled,
        "BootSourceOverrideTarget": target,
        "BootSourceOverrideMode": mode,
    }
