"""`metalswarm schema`: the JSON schemas that editors check settings files with."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from metal.settings.schema import KINDS, schema_text

app = typer.Typer(pretty_exceptions_enable=False)

Kind = StrEnum("Kind", {kind.upper(): kind for kind in KINDS})


@app.command(help="Print the JSON schema of a kind of settings file, or write all of them into a folder.")
def schema(
    kind: Annotated[Kind | None, typer.Argument(help="fleet: an included file; stack: Pulumi.<stack>.yaml")] = None,
    write: Annotated[Path | None, typer.Option(help="write <kind>.json for every kind into this folder")] = None,
) -> None:
    if (kind is None) == (write is None):
        raise typer.BadParameter("name a kind to print, or a folder with --write")
    if kind is not None:
        typer.echo(schema_text(kind.value), nl=False)
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name in KINDS:
            (write / f"{name}.json").write_text(schema_text(name), encoding="utf-8")
            typer.echo(write / f"{name}.json")
