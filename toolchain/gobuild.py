"""Build a command from a published Go module, with every module pinned by go.sum."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from toolchain.cache import sha256_of
from toolchain.errors import ToolchainError
from toolchain.progress import Step

__all__ = ["GoTool"]


class GoTool:
    """A Go command described by a small module of its own (`go.mod` with a `tool` directive, and `go.sum`).

    :param name: of the binary.
    :param module: folder with go.mod and go.sum.
    :param package: import path of the command.
    :param variables: Go string variables set at link time, e.g. the version.
    :param static: link without the C library, for a binary that will run on other systems.
    """

    def __init__(
        self, name: str, *, module: Path, package: str, variables: Sequence[str] = (), static: bool = False
    ) -> None:
        self.name = name
        self._module = module
        self._package = package
        self._static = static
        self._ldflags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in variables)])

    @property
    def digest(self) -> str:
        """12 hex digits that change with the pinned sources."""
        return sha256_of(self._module / "go.sum")[:12]

    def build(self, destination: Path) -> None:
        """Write the binary to `destination`. Modules come from the Go proxy; nothing else is needed.

        :raises ToolchainError: with the end of the compiler's output.
        """
        go = shutil.which("go")
        if go is None:
            raise ToolchainError(
                f"building {self.name}",
                cause="no `go` on PATH",
                cure="install Go (1.25 or newer) and put it on PATH, or install the official release of the tool",
            )
        environment = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
        if self._static:
            environment["CGO_ENABLED"] = "0"
        with Step(f"building {self.name} from its Go module (minutes when nothing is cached)") as step:
            total = self._count(go, environment, step)
            argv = [go, "build", "-v", "-trimpath", f"-ldflags={self._ldflags}"]
            self._follow([*argv, "-o", str(destination), self._package], environment, step, total)

    def _count(self, go: str, environment: dict[str, str], step: Step) -> int:
        step.at("reading the module graph")
        argv = [go, "list", "-deps", self._package]
        listed = self._follow(argv, environment, step, None)
        return len(listed)

    def _follow(self, argv: Sequence[str], environment: dict[str, str], step: Step, total: int | None) -> list[str]:
        """Run `argv` and show how far it is; `total` packages are compiled, None: modules are downloaded."""
        tail: deque[str] = deque(maxlen=25)
        listed: list[str] = []
        downloads = compiled = 0
        with subprocess.Popen(
            argv,
            cwd=self._module,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    line = line.rstrip()
                    tail.append(line)
                    if line.startswith("go: downloading"):
                        downloads += 1
                        step.at(f"{downloads} modules downloaded")
                    elif total is None:
                        listed.append(line)
                    else:
                        compiled += 1
                        step.at(f"{compiled} of at most {total} packages compiled")
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise ToolchainError(
                f"building {self.name} (`{' '.join(argv[:2])}`)",
                cause="\n    ".join(tail) or f"exit code {process.returncode}",
                cure="check that the Go module proxy is reachable (`go env GOPROXY`) and that the disk has 3 GB free",
            )
        return listed
