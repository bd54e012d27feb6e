"""The docker command out of Debian's package, without installing it: installing would start a daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from toolchain.cache import Cache
from toolchain.errors import ToolchainError
from toolchain.progress import Step

__all__ = ["docker_cli"]

_PACKAGE = "docker.io"
_MEMBERS = ("usr/bin/docker", "usr/share/doc/docker.io/copyright")


def docker_cli(cache: Cache | None = None) -> Path:
    """The path of a docker CLI: the one on PATH, else the one in Debian's package.

    :raises ToolchainError: when neither is to be had.
    """
    if found := shutil.which("docker"):
        return Path(found)
    return (cache or Cache()).fetch("docker-cli", _fill) / "docker"


def _fill(folder: Path) -> None:
    download = folder / "download"
    download.mkdir()
    with Step(f"taking the docker command out of the Debian package {_PACKAGE}"):
        _download(download)
        packages = list(download.glob(f"{_PACKAGE}_*.deb"))
        if len(packages) != 1:
            raise ToolchainError(
                f"downloading {_PACKAGE}",
                cause=f"expected one package file, got {[package.name for package in packages]}",
                cure="run `apt-get update` and try again, or put a docker command on PATH",
            )
        _run(["dpkg-deb", "-x", str(packages[0]), str(download / "tree")], download)
    binary = download / "tree" / _MEMBERS[0]
    if not binary.exists():
        raise ToolchainError(
            f"unpacking {packages[0].name}",
            cause=f"no {_MEMBERS[0]} in it; newer Debian releases keep it in docker-cli",
            cure="install docker-cli, or put a docker command on PATH",
        )
    for member in _MEMBERS:
        (download / "tree" / member).rename(folder / Path(member).name)
    shutil.rmtree(download)


def _download(folder: Path) -> None:
    # apt drops to the user _apt for downloads and cannot write into a private folder.
    argv = ["apt-get", "-o", "APT::Sandbox::User=root", "download", _PACKAGE]
    try:
        _run(argv, folder)
    except ToolchainError:
        if os.geteuid() != 0:
            raise
        # A fresh machine has no package lists, an old one has lists of files that are gone.
        _run(["apt-get", "-q", "update"], folder)
        _run(argv, folder)


def _run(argv: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except FileNotFoundError as error:
        raise ToolchainError(
            f"running {argv[0]}", cause=f"no {argv[0]} on this machine", cure="put a docker command on PATH"
        ) from error
    if done.returncode != 0:
        raise ToolchainError(
            f"running {' '.join(argv)}",
            cause=done.stderr.strip() or f"exit code {done.returncode}",
            cure="run `apt-get update` as root and try again, or put a docker command on PATH",
        )
