"""`metalswarm restore CLUSTER FILE`: a backup back into a cluster of which nothing is left to recover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer()


@app.command()
def restore(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the settings.")],
    file: Annotated[Path, typer.Argument(help="A file that `metalswarm backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Put a backup of Consul or of the swarm in the place of what the cluster has. See docs/operations.md first."""
    from cli.stack import site_of
    from metal.rescue import restore_consul, restore_swarm
    from metal.rescue.seal import BackupKind, read_label

    with site_of(stack, cluster) as site:
        sealed = file.read_bytes()
        label = read_label(sealed)
        typer.echo(f"{label.kind} of {label.cluster}, taken on {label.host} at {label.taken}", err=True)
        if not yes:
            typer.confirm(f"Put it in the place of what {cluster} has now?", abort=True)
        if label.kind is BackupKind.CONSUL:
            typer.echo(f"Consul of {cluster} holds the backup, through {restore_consul(site, cluster, sealed)}")
        else:
            swarm = restore_swarm(site, cluster, label.host, sealed)
            typer.echo(f"{label.host} is the only manager of the swarm {swarm}")
