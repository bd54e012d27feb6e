"""`metalswarm`: each command is a module `cli.<name>` with a Typer `app`, imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from metal.errors import MetalError, SettingsError

__all__ = ["app", "main"]

# One line a command. A module that is slow or broken does not touch the others.
_COMMANDS = (
    "adopt",
    "backup",
    "bmc",
    "context",
    "demo",
    "discover",
    "doctor",
    "lab",
    "recover",
    "restore",
    "schema",
    "status",
    "validate",
)


class _Lazy(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        command = typer.main.get_command(import_module(f"cli.{cmd_name}").app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Lazy,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Bare metal as a Pulumi diff: powered-off servers to a running Docker Swarm.",
)


@app.callback()
def _root() -> None:
    """Options of all commands: none yet."""


def main() -> None:
    """The command line. An error meant for a person is shown as its text, without a traceback.

    Ends with 2 where what was typed or the settings are wrong, as usage errors do, and with 1 after any other error.
    """
    try:
        app()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except MetalError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
    except OSError as error:
        # A path that was given, mostly; what it says is what a person needs.
        sys.stderr.write(f"metalswarm: {error.filename or 'failed'}: {error.strerror or error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
