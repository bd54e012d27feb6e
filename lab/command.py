"""Running system programs in the foreground, with errors that say what the program said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from lab.errors import LabError

__all__ = ["bound_to_us", "namespaced", "output", "run"]


def namespaced(argv: Sequence[str]) -> list[str]:
    """`argv` in mount and process namespaces of its own, ended with whoever runs it."""
    return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", *argv]


def bound_to_us(argv: Sequence[str]) -> list[str]:
    """`argv`, killed when this process ends, however it ends."""
    return ["setpriv", "--pdeathsig", "KILL", *argv]


def run(
    argv: Sequence[str],
    *,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, whatever the exit status."""
    try:
        return subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, "LC_ALL": "C", **(env or {})},
        )
    except FileNotFoundError as missing:
        raise LabError(
            f"program {argv[0]} is missing", next_step="metalswarm lab install (as root) installs it"
        ) from missing


def output(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> str:
    """Standard output of a program that must succeed.

    :raises LabError: with what the program said, when it fails.
    """
    result = run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    if result.returncode:
        raise LabError(
            f"{argv[0]} failed with status {result.returncode}",
            tried=[" ".join(argv)],
            seen=" / ".join((result.stderr or result.stdout).decode(errors="replace").splitlines()[-3:]),
        )
    return result.stdout.decode(errors="replace")
