"""`metalswarm validate`: settings files checked without an engine and without touching a host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metal.errors import SettingsError
from metal.settings.load import validate_file

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(help="Check stack files (Pulumi.<stack>.yaml) and inventory files; lists every problem.")
def validate(
    files: Annotated[list[Path], typer.Argument(help="stack files or inventory files")],
    root: Annotated[
        Path | None, typer.Option(help="the project's folder; else the nearest one above a file with a Pulumi.yaml")
    ] = None,
) -> None:
    wrong = 0
    for file in files:
        try:
            typer.echo(f"{file}: {validate_file(file, root=root)}")
        except SettingsError as error:
            wrong += 1
            typer.echo(f"{file}: {error}", err=True)
    if wrong:
        raise typer.Exit(1)
