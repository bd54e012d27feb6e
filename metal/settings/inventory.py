"""Inventory files read, checked and resolved to facts about each host."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from metal.settings.access import Access, Jump
from metal.settings.bmc import read_bmc
from metal.settings.documents import read_yaml
from metal.settings.entries import read_entries, read_section
from metal.settings.fleet import HostFacts
from metal.settings.inventory_model import Defaults, HostModel, InventoryModel, JumpModel, RackModel
from metal.settings.problems import Problems
from metal.settings.racks import bmc_defaults, read_racks
from metal.settings.renames import check_former_names

__all__ = ["Inventory", "read_inventory"]

T = TypeVar("T")


@dataclass
class Inventory:
    """Every host of all files.

    :ivar facts: the hosts that are sound.
    :ivar files: the file of each host, sound or not.
    :ivar complete: every file could be read; what is known nowhere may else stand in one that could not.
    """

    facts: dict[str, HostFacts] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True)
class _Part:
    file: str
    defaults: Defaults
    hosts: dict[str, HostModel]
    racks: dict[str, RackModel]


def read_inventory(names: Iterable[str], root: Path, problems: Problems) -> Inventory:
    """Read the named files, `root` being the project's folder; what is wrong is added to `problems`."""
    inventory = Inventory()
    jumps: dict[str, Jump | None] = {}
    parts = [part for name in names if (part := _read(name, root, inventory, jumps, problems))]
    for part in parts:
        for name, host in part.hosts.items():
            facts = _resolve(name, host, part, jumps, root, problems, all_known=inventory.complete)
            if facts:
                inventory.facts[name] = facts
    _refuse_repeats(inventory, problems)
    check_former_names(inventory.facts, inventory.files, problems)
    return inventory


def _read(
    name: str, root: Path, inventory: Inventory, jumps: dict[str, Jump | None], problems: Problems
) -> _Part | None:
    data = read_yaml(root / name, name, problems)
    if data is None:
        inventory.complete = False
        return None
    known = InventoryModel.model_fields
    problems.read(InventoryModel, {key: value for key, value in data.items() if key not in known}, (), file=name)
    for jump, model in read_entries(JumpModel, data, "jumps", problems, name).items():
        if jump in jumps:
            problems.add(
                ("jumps", jump), "was given already in another inventory file", "each jump host once", file=name
            )
        jumps[jump] = Jump(model.address, model.port, model.user, model.key, model.host_key) if model else None
    hosts = {}
    for host, entry in read_entries(HostModel, data, "hosts", problems, name).items():
        if host in inventory.files:
            problems.add(
                ("hosts", host), f"was given already in {inventory.files[host]}", "each host in one file", file=name
            )
            continue
        inventory.files[host] = name
        if entry:
            hosts[host] = entry
    defaults = read_section(Defaults, data, ("defaults",), problems, name)
    racks = read_racks(data, problems, name)
    return _Part(name, defaults, hosts, racks) if defaults else None


def _resolve(
    name: str,
    host: HostModel,
    part: _Part,
    jumps: dict[str, Jump | None],
    root: Path,
    problems: Problems,
    *,
    all_known: bool,
) -> HostFacts | None:
    """One host with its file's defaults; None when it is not sound.

    :param all_known: False where a jump host may stand in a file that could not be read.
    """
    before = len(problems.lines)
    ssh, common = host.ssh, part.defaults.ssh
    user = ssh.user or common.user or "root"
    sudo = _first(ssh.sudo, common.sudo, user != "root")
    if user != "root" and not sudo:
        problems.add(
            ("hosts", name, "ssh", "sudo"), f"is off for the user {user}", "true, or the user root", file=part.file
        )
    jump_name = ssh.jump or common.jump
    stray = bool(jump_name) and jump_name not in jumps
    if jump_name and stray and all_known:
        path = ("hosts", name, "ssh", "jump") if ssh.jump else ("defaults", "ssh", "jump")
        problems.unknown(path, jump_name, jumps, "jump host", file=part.file)
    access = Access(
        host=name,
        address=host.address,
        port=_first(ssh.port, common.port, 22),
        user=user,
        key=ssh.key or common.key or "default",
        sudo=sudo,
        host_key=host.host_key,
        jump=jumps.get(jump_name) if jump_name else None,
    )
    bmc = read_bmc(
        name, host, bmc_defaults(part.racks.get(host.rack or ""), part.defaults.bmc), root, problems, part.file
    )
    if host.hold and host.lost:
        problems.add(("hosts", name), "is on hold and lost at once", "one of the two", file=part.file)
    if host.evict and not host.hold:
        problems.add(("hosts", name, "evict"), "goes with hold only", "hold: <reason> beside it", file=part.file)
    if len(problems.lines) > before or stray:
        return None
    return HostFacts(
        name=name,
        access=access,
        bmc=bmc,
        serial=host.serial,
        uuid=host.uuid,
        macs=tuple(host.macs),
        rack=host.rack,
        hold=host.hold,
        lost=host.lost,
        protected=host.protected,
        blank=_first(host.blank, part.defaults.blank),
        evict=host.evict,
        was=host.was,
    )


def _refuse_repeats(inventory: Inventory, problems: Problems) -> None:
    """What must be one host's alone."""
    unique: dict[str, Callable[[HostFacts], Iterable[Hashable]]] = {
        "address": lambda host: [(host.access.address, host.access.jump)],
        "bmc": lambda host: [host.bmc.place] if host.bmc else [],
        "serial": lambda host: [host.serial] if host.serial else [],
        "uuid": lambda host: [host.uuid] if host.uuid else [],
        "macs": lambda host: host.macs,
    }
    for what, values in unique.items():
        seen: dict[Hashable, str] = {}
        for name, host in inventory.facts.items():
            for value in values(host):
                other = seen.setdefault(value, name)
                if other != name:
                    shown = value[0] if isinstance(value, tuple) else value
                    problems.add(
                        ("hosts", name, what),
                        f"is also that of {other} ({inventory.files[other]})",
                        "a value of its own for each host",
                        value=shown,
                        file=inventory.files[name],
                    )


def _first(*values: T | None) -> T:
    """The first value that is given."""
    return next(value for value in values if value is not None)
