"""`metalswarm backup CLUSTER`: what a cluster's control plane holds, encrypted, in two files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer()


@app.command()
def backup(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the settings.")],
    to: Annotated[Path | None, typer.Option(help="Folder for the files; that of the settings if not given.")] = None,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Write Consul's snapshot and the leading manager's raft directory, encrypted with a key of the seed."""
    from cli.stack import site_of
    from metal.rescue import back_up, backup_folder

    with site_of(stack, cluster) as site:
        report = back_up(site, cluster, to or backup_folder(site.fleet, cluster, Path.cwd()))
    for path in report.files:
        typer.echo(path)
