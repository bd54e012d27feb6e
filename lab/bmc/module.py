"""The modules of ipmi_sim, compiled once: each keeps in a file what ipmi_sim forgets or does not know."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.cache import made_once
from lab.command import output

__all__ = ["MODULES", "ensure_modules"]

MODULES = ("bootflags", "restore")
"""Their names, and those of the files that they keep in a BMC's folder."""
_SOURCES = Path(__file__).parent
_COMPILE = ("gcc", "-std=gnu11", "-shared", "-fPIC", "-O2", "-Wall")


def ensure_modules(cache: Path) -> Path:
    """Compile them unless these very sources have been; returns the folder with NAME.so of each."""
    sources = {name: _SOURCES / f"{name}.c" for name in MODULES}

    def make(partial: Path) -> None:
        for name, source in sources.items():
            output([*_COMPILE, "-o", str(partial / f"{name}.so"), str(source)])

    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources.values())).hexdigest()[:12]
    return made_once(cache / f"bmc-modules-{key}", make)
