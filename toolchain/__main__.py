"""`python -m toolchain NAME`: print the path of a tool, getting it first where needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from toolchain.consul import consul
from toolchain.docker_cli import docker_cli
from toolchain.errors import ToolchainError
from toolchain.progress import say
from toolchain.pulumi import pulumi
from toolchain.venv import venv

_TOOLS: Mapping[str, tuple[str, Callable[[], Path]]] = {
    "pulumi": ("the Pulumi CLI (PATH, official release, or built)", pulumi),
    "consul": ("Consul for the lab (built)", consul),
    "docker-cli": ("the docker command (PATH, or out of Debian's package)", docker_cli),
    "venv": ("the project's Python environment, from requirements.lock", venv),
}


def main() -> int:
    """Run the command line; 0 on success, 1 when the tool could not be had, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m toolchain", description=__doc__)
    commands = parser.add_subparsers(dest="tool", required=True, metavar="NAME")
    for name, (text, _) in _TOOLS.items():
        commands.add_parser(name, help=text)
    get = _TOOLS[parser.parse_args().tool][1]
    try:
        path = get()
    except ToolchainError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; run it again, it resumes")
        return 130
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
