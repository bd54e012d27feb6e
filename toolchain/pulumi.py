"""A usable Pulumi CLI: the one on PATH, else the official release, else one built from its Go module."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from toolchain.cache import ROOT, Cache
from toolchain.errors import ToolchainError
from toolchain.gobuild import GoTool
from toolchain.progress import say
from toolchain.release import PULUMI_VERSION, official_release

__all__ = ["PULUMI_BUILD", "pulumi", "usable", "version_of"]

_LEAST = (3, 259)
_OFFICIAL_KEY = f"pulumi-{PULUMI_VERSION}-official"
_LANGUAGE_HOST = "pulumi-language-python"
_STAND_IN = ROOT / "toolchain" / "languagehost" / _LANGUAGE_HOST

PULUMI_BUILD = GoTool(
    "pulumi",
    module=ROOT / "toolchain" / "go" / "pulumi",
    package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    variables=[f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI_VERSION}"],
)


def pulumi(cache: Cache | None = None) -> Path:
    """The path of a usable pulumi with a Python language host; made when there is none.

    :raises ToolchainError: when none could be had.
    """
    cache = cache or Cache()
    if found := _on_path():
        return found
    if folder := cache.get(_OFFICIAL_KEY):
        return folder / "pulumi"
    if cache.get(_built_key()) is None and (downloaded := _downloaded(cache)):
        return downloaded
    return _built(cache)


def version_of(binary: Path) -> tuple[int, ...] | None:
    """What `pulumi version` answers, or None when it answers nothing sensible."""
    # Even this question makes the CLI write a log below its home; it must not be the user's.
    with tempfile.TemporaryDirectory(prefix="pulumi-home-") as home:
        try:
            answer = subprocess.run(
                [binary, "version"],
                env={**os.environ, "PULUMI_HOME": home},
                capture_output=True,
                text=True,
                timeout=20,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", answer.stdout.strip())
    return tuple(int(part) for part in found.groups()) if found else None


def usable(version: tuple[int, ...] | None) -> bool:
    """Whether the program was made for this engine: at least 3.259, below 4."""
    return version is not None and _LEAST <= version[:2] < (4, 0)


def _on_path() -> Path | None:
    found = shutil.which("pulumi")
    if found is None:
        return None
    binary = Path(found)
    version = version_of(binary)
    if not usable(version):
        shown = ".".join(map(str, version)) if version else "no version"
        say(f"{binary}: {shown}, wanted >= {'.'.join(map(str, _LEAST))}, < 4; not used")
        return None
    if not (binary.resolve().parent / _LANGUAGE_HOST).exists() and shutil.which(_LANGUAGE_HOST) is None:
        say(f"{binary}: no {_LANGUAGE_HOST} beside it or on PATH; not used")
        return None
    return binary


def _downloaded(cache: Cache) -> Path | None:
    release = official_release()
    if release is None:
        return None
    try:
        return cache.fetch(_OFFICIAL_KEY, lambda folder: release.unpack(folder, timeout=5)) / "pulumi"
    except ToolchainError as error:
        if error.step.startswith("checking"):
            raise
        say(f"official Pulumi {PULUMI_VERSION} cannot be downloaded ({error.cause}); building it instead")
        return None


def _built_key() -> str:
    return f"pulumi-{PULUMI_VERSION}-{PULUMI_BUILD.digest}"


def _built(cache: Cache) -> Path:
    folder = cache.fetch(_built_key(), _build)
    _link_language_host(folder)
    return folder / "pulumi"


def _build(folder: Path) -> None:
    binary = folder / "pulumi"
    PULUMI_BUILD.build(binary)
    version = version_of(binary)
    if not usable(version):
        raise ToolchainError(
            "trying the pulumi that was built",
            cause=f"`pulumi version` answers {version}, expected {PULUMI_VERSION}",
            cure="report it with the output of `go version`; install the official release meanwhile",
        )


def _link_language_host(folder: Path) -> None:
    """Put the stand-in beside the binary, where the engine looks; the official one is in the official bundle only.

    Done at each use and relative, because a cache is copied and restored elsewhere.
    """
    link = folder / _LANGUAGE_HOST
    target = os.path.relpath(_STAND_IN, folder)
    if link.is_symlink() and os.readlink(link) == target:
        return
    new = folder / f".{_LANGUAGE_HOST}.{os.getpid()}"
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)
