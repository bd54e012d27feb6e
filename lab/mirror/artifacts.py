"""Binaries the mirror offers besides packages: Consul, and the simulated StackEngine built from its sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab.cache import made_once
from lab.command import run
from lab.errors import LabError
from lab.mirror.links import put_link
from metal.waiting import Run

__all__ = ["CONSUL_VERSION", "STACKENGINE_VERSION", "ensure_consul", "ensure_stackengine", "offer"]

CONSUL_VERSION = "1.15.4"
STACKENGINE_VERSION = "1.0.0"

_CHECKOUT = Path(__file__).resolve().parent.parent.parent
_STACKENGINE = _CHECKOUT / "lab" / "stackengine"


def ensure_consul(cache: Path, run_: Run) -> Path:
    """The Consul binary, built by the toolchain when it is not there."""
    binary = cache / f"consul-{CONSUL_VERSION}" / "consul"
    if not binary.exists():
        run_.progress(f"mirror: building Consul {CONSUL_VERSION}, some minutes")
        _must(
            "Consul",
            run([sys.executable, "-m", "toolchain", "consul"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT),
        )
        if not binary.exists():
            raise LabError("the toolchain built no Consul", seen=f"{binary} is missing")
    return binary


def ensure_stackengine(cache: Path, run_: Run) -> Path:
    """The simulated StackEngine, built once for these very sources."""
    sources = sorted(
        path for path in _STACKENGINE.rglob("*") if path.is_file() and path.suffix in (".go", ".mod", ".sum")
    )
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{source.relative_to(_STACKENGINE)}\0".encode() + source.read_bytes())

    def make(partial: Path) -> None:
        run_.progress("mirror: building the simulated StackEngine")
        go = shutil.which("go") or "/usr/local/go/bin/go"
        result = run(
            [go, "build", "-C", str(_STACKENGINE), "-trimpath", "-o", str(partial / "stackengine"), "."],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"CGO_ENABLED": "0"},
        )
        _must("StackEngine", result)

    return made_once(cache / f"stackengine-{digest.hexdigest()[:12]}", make) / "stackengine"


def offer(binary: Path, place: Path) -> None:
    """Put a link to `binary` at `place`, and its digest in the form of sha256sum(1) beside it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = place.with_name(place.name + ".sha256")
    if place.is_symlink() and Path(os.readlink(place)) == binary and digest.exists():
        return
    with binary.open("rb") as content:
        value = hashlib.file_digest(content, "sha256").hexdigest()
    digest.write_text(f"{value}  {place.name}\n")
    put_link(place, binary)


def _must(what: str, result: subprocess.CompletedProcess[bytes]) -> None:
    if result.returncode:
        said = result.stdout.decode(errors="replace").splitlines()[-5:]
        raise LabError(f"{what} could not be built", seen=" / ".join(said))
