"""What an inventory file says of a whole rack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metal.settings.access import BmcProtocol
from metal.settings.inventory_model import BmcDefaults, RackModel
from metal.settings.problems import Problems

__all__ = ["bmc_defaults", "read_racks"]


def read_racks(data: Mapping[str, Any], problems: Problems, file: str) -> dict[str, RackModel]:
    """The racks of one file; one in which none of its hosts stands is a slip of the pen, and is refused."""
    raw, hosts = data.get("racks") or {}, data.get("hosts")
    if not isinstance(raw, Mapping):
        problems.add(("racks",), "is of the wrong kind", "a map keyed by rack", value=raw, file=file)
        return {}
    entries = hosts.values() if isinstance(hosts, Mapping) else ()
    used = {str(entry["rack"]) for entry in entries if isinstance(entry, Mapping) and entry.get("rack")}
    racks = {}
    for name, entry in raw.items():
        if name not in used:
            problems.unknown(("racks", str(name)), str(name), used, "rack of a host of this file", file=file)
        model = problems.read(RackModel, {} if entry is None else entry, ("racks", str(name)), file=file)
        if model:
            racks[str(name)] = model
    return racks


def bmc_defaults(rack: RackModel | None, common: BmcDefaults) -> BmcDefaults:
    """What holds for the BMCs of a rack: its own words over those of the file."""
    if rack is None:
        return common
    given = rack.bmc.model_dump(exclude_none=True)
    merged = {**common.model_dump(exclude_none=True), **given}
    before, after = _protocol(common), _protocol(rack.bmc, common)
    if before is not after and BmcProtocol.REDFISH in (before, after) and "port" not in given:
        # A port belongs to the protocol that it was given with; `auto` has one of each.
        port = merged.pop("port", None)
        if before is BmcProtocol.REDFISH and port:
            merged.setdefault("redfish_port", port)
    return BmcDefaults.model_validate(merged)


def _protocol(*defaults: BmcDefaults) -> BmcProtocol:
    return next((one.protocol for one in defaults if one.protocol), BmcProtocol.IPMI)
