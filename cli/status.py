"""`metalswarm status`: what every host is now, asked from the living system and not from the state."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.interrupt import begin_run
from metal.settings.names import natural
from metal.survey.view import LAYERS, FleetSurvey, Word

__all__ = ["app"]

# What was changed by hand since the last run is not in the state, and a plain `up` compares with that.
_NEXT = "next: pulumi refresh, which takes what is so into the state; then pulumi up, which mends it or says why not"

app = typer.Typer(help="What every host is now: power, ready, engine, Consul, swarm, container manager.")


@app.callback(invoke_without_command=True)
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Ask hosts, BMCs, Consul, the swarm and the container manager. Ends with 1 where one is not as wanted."""
    from cli.stack import open_site, open_stack
    from metal.survey import survey

    run = begin_run(tells=False)
    fleet, credentials = open_stack(stack)
    with open_site(fleet, credentials, run) as site:
        found = survey(site)
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        _print(found)
    if not found.good:
        raise typer.Exit(1)


def _print(found: FleetSurvey) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", "address", "purpose", *LAYERS):
        table.add_column(column)
    hosts = sorted(found.hosts.items(), key=lambda item: natural(item[0]))
    for name, host in hosts:
        purpose = f"{host.purpose} {host.cluster}" if host.cluster else host.purpose
        table.add_row(name, host.address, purpose, *(_cell(getattr(host, layer)) for layer in LAYERS))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for name, host in hosts:
        for layer in LAYERS:
            word = getattr(host, layer)
            if word.good is False and word.detail:
                console.print(f"{name}: {layer}: {word.detail}", highlight=False, markup=False)
                if word.cure:
                    console.print(f"  next: {word.cure}", highlight=False, markup=False)
    for line in found.strangers:
        console.print(line, highlight=False, markup=False)
    # What has a next step of its own is not mended by that.
    if found.strangers or any(_is_open(getattr(host, layer)) for _, host in hosts for layer in LAYERS):
        console.print(_NEXT, highlight=False, markup=False)


def _is_open(word: Word) -> bool:
    return word.good is False and not word.cure


def _cell(word: Word) -> Text:
    style = {True: "green", False: "bold red", None: "dim"}[word.good]
    return Text(word.state, style=style)
