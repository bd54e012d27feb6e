"""`metalswarm doctor [HOST...]`: every BMC and host looked at closely, and for each finding its cure."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.interrupt import begin_run

if TYPE_CHECKING:
    from metal.doctor import Report

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

_LABELS = {"bmc": "BMC", "boot": "boot flags", "ssh": "SSH"}


@app.command()
def doctor(
    hosts: Annotated[list[str] | None, typer.Argument(help="Hosts of the inventory; all that are in a pool.")] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Do not set a boot override for a moment to see whether it is kept.")
    ] = False,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Code of a finding that does not count; may be given again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Look at each BMC and host: reachable, login, cipher suites, privilege, firmware, power, boot flags, SSH, clock,
    package manager. Ends with 0 where all is well, 1 with findings, 2 where a name or the settings are wrong.
    """
    _check_codes(ignore or [])
    found = _examine(hosts or [], stack, read_only=read_only).ignoring(ignore or [])
    if as_json:
        sys.stdout.write(json.dumps(found.to_dict(), indent=2) + "\n")
    else:
        _print(found)
    if not found.good:
        raise typer.Exit(1)


def _check_codes(codes: list[str]) -> None:
    from metal.doctor.codes import check_codes

    check_codes(codes)


def _examine(hosts: list[str], stack: str | None, *, read_only: bool) -> Report:
    from cli.stack import open_site, open_stack, project_folder
    from metal.chassis.ledger import Ledger
    from metal.doctor import examine

    run = begin_run(tells=False)
    fleet, credentials = open_stack(stack)
    ledger = Ledger.of(project_folder(), fleet.owner)
    with open_site(fleet, credentials, run) as site:
        return examine(site, hosts, ledger=ledger, read_only=read_only)


def _print(found: Report) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from metal.doctor import CHECKS
    from metal.settings.names import natural

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", *CHECKS):
        table.add_column(_LABELS.get(column, column))
    hosts = sorted(found.hosts.items(), key=lambda item: natural(item[0]))
    styles = {True: "green", False: "bold red", None: "dim"}
    for name, host in hosts:
        words = (host.words[check] for check in CHECKS)
        table.add_row(name, *(Text(word.state, style=styles[word.good]) for word in words))
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False, markup=False)
    console.print(table)
    for name, host in hosts:
        for check in CHECKS:
            word = host.words[check]
            if word.good is None and word.detail:
                console.print(f"{name}: {_LABELS.get(check, check)}: {word.state}: {word.detail}", soft_wrap=True)
    for name, host in hosts:
        for finding in host.findings:
            shown = "ignored" if finding.ignored else finding.code
            console.print(f"\n{name}: {finding.what} [{shown}]", style="dim" if finding.ignored else "", soft_wrap=True)
            if finding.cure and not finding.ignored:
                console.print(f"  cure: {finding.cure}", soft_wrap=True)
