"""The boot-flag module of ipmi_sim, compiled once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.cache import made_once
from lab.command import output

__all__ = ["ensure_module"]

_SOURCE = Path(__file__).with_name("bootflags.c")


def ensure_module(cache: Path) -> Path:
    """Compile bootflags.c unless this very source has been; returns the shared object."""

    def make(partial: Path) -> None:
        output(
            ["gcc", "-std=gnu11", "-shared", "-fPIC", "-O2", "-Wall", "-o", str(partial / "bootflags.so"), str(_SOURCE)]
        )

    key = hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]
    return made_once(cache / f"bootflags-{key}", make) / "bootflags.so"
