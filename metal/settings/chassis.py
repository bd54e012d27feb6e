"""What the settings ask of a chassis itself, through its BMC: power when mains returns, what boots, and how."""

from __future__ import annotations

from metal.settings.fleet import LastingBoot, PowerRestore
from metal.settings.fleet_model import HostIntent, PoolModel

__all__ = ["chassis_settings", "restores_on"]


def chassis_settings(pool: PoolModel, host: HostIntent | None) -> list[str]:
    """Each that is asked, as it is written; the host's own word goes before its pool's."""
    restore, device = _restore(pool, host), (host and host.boot_device) or pool.boot_device
    mode = (host and host.boot_mode) or pool.boot_mode
    return [
        *([f"power_restore: {restore}"] if restore else []),
        *([f"boot_device: {device}"] if device is not LastingBoot.DEFAULT else []),
        *([f"boot_mode: {mode}"] if mode else []),
    ]


def restores_on(pool: PoolModel, host: HostIntent | None) -> bool:
    """Whether the chassis is to come on whenever mains power returns."""
    return _restore(pool, host) is PowerRestore.ON


def _restore(pool: PoolModel, host: HostIntent | None) -> PowerRestore | None:
    return (host and host.power_restore) or pool.power_restore
