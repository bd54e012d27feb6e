"""The official Pulumi release: pinned by URL and SHA-256, fetched with a short time-out."""

from __future__ import annotations

import hashlib
import platform
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from toolchain.errors import ToolchainError
from toolchain.progress import Step

__all__ = ["PULUMI_VERSION", "Release", "official_release"]

PULUMI_VERSION = "3.259.0"

# Published with the release and repeated in the vendor's Homebrew formula for this version.
_SUMS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("Linux", "x86_64"): ("linux-x64", "94ba357acac23d01474084c4b00098dc0f7bc70ce13f34c777459254a5f718e5"),
        ("Linux", "aarch64"): ("linux-arm64", "edc8327463a72160bb36cf82cf5062da9c8a244290a706d9980988e7bf486853"),
        ("Darwin", "x86_64"): ("darwin-x64", "eaca4c3b8277bfa3ab061fa3b270d1c66358a0b2e613da8c5587a04b7226c534"),
        ("Darwin", "arm64"): ("darwin-arm64", "57c27f179e527e2cf9f62b841a448af72a020e44b2fb4ee0d9bd85556c00c864"),
    }
)

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Release:
    """One archive of a release.

    :ivar url: of a .tar.gz whose first folder is stripped.
    :ivar sha256: hex.
    """

    url: str
    sha256: str

    def unpack(self, folder: Path, *, timeout: float) -> None:
        """Download, check and unpack into `folder`.

        :param timeout: seconds without any answer after which the server counts as unreachable.
        :raises ToolchainError: unreachable, or another sum than the pinned one.
        """
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            archive = Path(temporary) / "release.tar.gz"
            seen = self._download(archive, timeout)
            if seen != self.sha256:
                raise ToolchainError(
                    f"checking {self.url}",
                    cause=f"sha256 is {seen}, pinned is {self.sha256}",
                    cure="do not use this file; find out who changed it",
                )
            with tarfile.open(archive) as tar:
                # Debian 12's Python 3.11.2 has no filters yet; the archive is the pinned one in any case.
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(temporary, filter="data")
                else:
                    tar.extractall(temporary)
            archive.unlink()
            (top,) = Path(temporary).iterdir()
            for path in top.iterdir():
                shutil.move(path, folder / path.name)

    def _download(self, archive: Path, timeout: float) -> str:
        digest = hashlib.sha256()
        done = 0
        try:
            with urllib.request.urlopen(self.url, timeout=timeout) as answer, archive.open("wb") as file:
                total = int(answer.headers.get("Content-Length") or 0)
                with Step(f"downloading {self.url}") as step:
                    while chunk := answer.read(_CHUNK):
                        digest.update(chunk)
                        file.write(chunk)
                        done += len(chunk)
                        step.at(f"{done >> 20} of {total >> 20} MiB" if total else f"{done >> 20} MiB")
        except (urllib.error.URLError, TimeoutError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise ToolchainError(
                f"downloading {self.url}", cause=str(reason), cure="install the official Pulumi release by hand"
            ) from error
        return digest.hexdigest()


def official_release() -> Release | None:
    """The archive for this machine, or None where none is published."""
    found = _SUMS.get((platform.system(), platform.machine()))
    if found is None:
        return None
    name, sha256 = found
    url = f"https://github.com/pulumi/pulumi/releases/download/v{PULUMI_VERSION}/pulumi-v{PULUMI_VERSION}-{name}.tar.gz"
    return Release(url, sha256)
