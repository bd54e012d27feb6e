"""The inventory file of a swarm that is taken over. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metal.adopt.sight import HostSight, Sight
from metal.settings.fleet import HostFacts

if TYPE_CHECKING:
    from metal.adopt.document import AdoptWish

__all__ = ["inventory_of", "sound_name"]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def sound_name(name: str) -> bool:
    """Whether a host name can be a key of the inventory."""
    return _NAME.fullmatch(name) is not None


def inventory_of(sight: Sight, wish: AdoptWish, fill_in: list[str], notes: list[str]) -> dict[str, Any]:
    """The file's map; adds what is missing to `fill_in` and `notes`."""
    ssh: dict[str, Any] = {"user": wish.user, "key": wish.key}
    if wish.port != 22:
        ssh["port"] = wish.port
    if wish.jump:
        ssh["jump"] = wish.jump
    inventory: dict[str, Any] = {"defaults": {"ssh": ssh}}
    if wish.jump:
        inventory["jumps"] = {wish.jump: dict(wish.jump_entry)}
    # Guests of one machine, and boards whose maker forgot, show the same.
    serials = Counter(host.serial for host in sight.hosts)
    uuids = Counter(host.uuid for host in sight.hosts)
    hosts: dict[str, Any] = {}
    for host in sight.hosts:
        entry = _entry(host, wish.known.get(host.node.name))
        if host.serial and serials[host.serial] == 1:
            entry["serial"] = host.serial
        if host.uuid and uuids[host.uuid] == 1:
            entry["uuid"] = host.uuid
        if host.macs:
            entry["macs"] = list(host.macs)
        if host.host_key:
            entry["host_key"] = host.host_key
        if host.unreached:
            entry["hold"] = "not reached when it was adopted"
            notes.append(f"{host.node.name}: {host.node.state} in the swarm and not looked at: {host.unreached}")
            fill_in.append(f"hosts.{host.node.name}: how it is reached, its BMC; then take hold away")
            if not entry["address"]:
                fill_in.append(f"hosts.{host.node.name}.address: the managers know none")
        hosts[host.node.name] = entry
    blind = [name for name, entry in hosts.items() if entry["bmc"] == "none"]
    if blind:
        fill_in.append(
            f"bmc of {', '.join(blind)}: `none` until it is known; with it, power and reinstalls become possible"
        )
    inventory["hosts"] = hosts
    return inventory


def _entry(host: HostSight, known: HostFacts | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"address": host.address or host.node.address, "bmc": _bmc(known)}
    if known is not None and known.rack:
        entry["rack"] = known.rack
    return entry


def _bmc(known: HostFacts | None) -> str | Mapping[str, Any]:
    if known is None or known.bmc is None:
        return "none"
    entry = known.bmc.to_dict()
    # The host's own word, and what its entry says of it anyway.
    return {key: entry[key] for key in entry if key not in ("host", "serial", "uuid")}
