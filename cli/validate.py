"""`metalswarm validate`: settings files checked without an engine and without touching a host."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metal.settings.validate import validate_files

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(
    help="Check stack files (Pulumi.<stack>.yaml), files that they include, and inventory files; lists every problem. "
    "Given several stack files, it also finds servers that two of them claim."
)
def validate(
    files: Annotated[list[Path], typer.Argument(help="stack files, included files or inventory files")],
    root: Annotated[
        Path | None, typer.Option(help="the project's folder; else the nearest one above a file with a Pulumi.yaml")
    ] = None,
) -> None:
    checked, claims = validate_files(files, root=root)
    for file in checked:
        typer.echo(f"{file.path}: {file.error or file.says}", err=file.error is not None)
    for claim in claims:
        typer.echo(claim, err=True)
    if claims or any(file.error for file in checked):
        raise typer.Exit(1)
