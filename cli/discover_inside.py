"""`metalswarm discover --inside [HOST...]`: hosts asked over SSH for their own BMC, and their entries completed."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.interrupt import begin_run
from metal.errors import InputError

if TYPE_CHECKING:
    from metal.discover import Written
    from metal.discover.inside import Inside

__all__ = ["discover_inside"]

# Options of the way by addresses, by parameter name; what to do without each.
_OTHERS = {
    "inventory": "nothing: the files are those of the stack",
    "write": "--update, which completes the entry that every host has already",
    "hosts": "nothing: every host has its address already",
    "redfish_port": "nothing: a host is asked over its IPMI device",
    "rate": "nothing: every host is asked once",
    "ca": "nothing: no password is sent",
    "trust_shown": "nothing: no password is sent",
    "patience": "nothing: a host has 15 seconds to answer",
}
_COLUMNS = ("host", "BMC", "address", "from", "MAC", "firmware", "machine")


def discover_inside(
    context: typer.Context,
    names: list[str],
    profile: str,
    port: int,
    stack: str | None,
    *,
    update: bool,
    as_json: bool,
) -> None:
    """:param profile: of entries that have no BMC yet; empty leaves it to their files' defaults."""
    _refuse_others(context)
    found, written = _look(names, profile, port, stack, update=update)
    if as_json:
        told = found.to_dict(written.moved) | {"refused": dict(written.refused)}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        _print(found, written, profile)
    if found.left(written.moved):
        raise typer.Exit(1)


def _refuse_others(context: typer.Context) -> None:
    given = [name for name in _OTHERS if getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"]
    if given:
        raise InputError(
            [f"--{name.replace('_', '-')}: does not go with --inside; allowed: {_OTHERS[name]}" for name in given]
        )


def _look(names: list[str], profile: str, port: int, stack: str | None, *, update: bool) -> tuple[Inside, Written]:
    from cli.stack import open_site, open_stack_and_inventory, project_folder
    from metal.discover import write_down
    from metal.discover.discover import known_hosts
    from metal.discover.inside import look_inside

    run = begin_run()
    fleet, credentials, inventory = open_stack_and_inventory(stack)
    folder = project_folder()
    # As they are named from here, which is what a person reads.
    files = {host: os.path.relpath(folder / name) for host, name in inventory.files.items()}
    known = known_hosts(inventory.facts, files)
    with open_site(fleet, credentials, run) as site:
        found = look_inside(site, names, known, port=port)
    inventories = [Path(file) for file in dict.fromkeys(files.values())]
    return found, write_down(found.found, to=None, inventories=inventories, profile=profile, update=update, root=folder)


def _print(found: Inside, written: Written, profile: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cli.status import natural
    from metal.discover.entries import bmc_map
    from metal.discover.line import one_line
    from metal.discover.match import Verdict

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column)
    outcomes = sorted(found.outcomes, key=lambda each: natural(each.host))
    bad = found.left(written.moved)
    for each in outcomes:
        style = "bold red" if each in bad else "green" if each.match else "dim"
        here = each.match.found if each.match else None
        machine = here.machine if here else None
        table.add_row(
            each.host,
            Text(each.state, style=style),
            here.address if here else "-",
            (each.lan.source_of(here.address) if here and each.lan else "") or "-",
            (machine.mac if machine else "") or "-",
            one_line(machine.firmware if machine else "") or "-",
            one_line(f"{machine.maker} {machine.product}".strip() if machine else "") or "-",
        )
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    console.print(table)

    def say(line: str) -> None:
        console.print(one_line(line), soft_wrap=True)

    for each in outcomes:
        changed = each.host in written.moved
        say(f"{each.host}: {each.words}{'; changed there' if changed else ''}")
        for note in each.notes:
            say(f"  {note}")
        if each.match and each.match.verdict is Verdict.MOVED and not changed:
            say(f"  entry: bmc: {bmc_map(each.match.found, profile)}")
        if each.match and (why := written.refused.get(each.match.found.place)):
            say(f"  not changed: {why}")
        elif each.cure and not changed:
            say(f"  cure: {each.cure}")
