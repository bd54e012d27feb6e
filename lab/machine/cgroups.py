"""Control groups of one machine, so that two machines' init systems never share one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["ensure_cgroups", "remove_cgroups"]

_ROOT = Path("/sys/fs/cgroup")


def _hierarchies() -> list[Path]:
    """Mount points of all cgroup hierarchies: one with cgroup v2, one a controller with v1."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, tail = line.partition(" - ")
        path = Path(fields.split()[4])
        if tail.split()[0] in ("cgroup", "cgroup2") and (path == _ROOT or path.parent == _ROOT) and path not in found:
            found.append(path)
    return found


def ensure_cgroups(lab: str, machine: str) -> list[Path]:
    """Empty groups `<lab>/<machine>/system` in every hierarchy; what an earlier boot left in them is removed."""
    groups = []
    for hierarchy in _hierarchies():
        group = hierarchy / lab / machine / "system"
        _remove(group)
        group.mkdir(parents=True, exist_ok=True)
        for parent in (hierarchy, hierarchy / lab, hierarchy / lab / machine):
            _delegate(parent)
        for child in (hierarchy / lab, hierarchy / lab / machine, group):
            _fill_cpuset(child)
        groups.append(group)
    return groups


def remove_cgroups(lab: str, machine: str | None = None) -> bool:
    """Remove a machine's groups, or the whole lab's; the processes in them must be gone. True when there were some."""
    removed = False
    for hierarchy in _hierarchies():
        removed |= _remove(hierarchy / lab / machine if machine else hierarchy / lab)
    return removed


def _remove(group: Path) -> bool:
    if not group.is_dir():
        return False
    for directory, _, _ in os.walk(group, topdown=False):
        Path(directory).rmdir()
    return True


def _delegate(group: Path) -> None:
    """cgroup v2 hands controllers down only when told to; which of them is the machine's own affair."""
    controllers, control = group / "cgroup.controllers", group / "cgroup.subtree_control"
    if not controllers.exists():
        return
    for controller in controllers.read_text().split():
        with contextlib.suppress(OSError):
            control.write_text(f"+{controller}")


def _fill_cpuset(group: Path) -> None:
    """A new cpuset of cgroup v1 takes no process before it has processors and memory."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        wanted, given = group / name, group.parent / name
        if wanted.exists() and given.exists() and not wanted.read_text().strip():
            wanted.write_text(given.read_text())
