"""`metalswarm bmc password`: another password for BMCs, set by the BMCs' own means, safe to cut anywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.interrupt import begin_run
from metal.errors import Cancelled, InputError, MetalError

if TYPE_CHECKING:
    from metal.bmc.passwords.plan import Standing
    from metal.settings.access import BmcAddress
    from metal.settings.fleet import Fleet
    from metal.site import Site

__all__ = ["app", "chosen"]

app = typer.Typer(no_args_is_help=True, help="The BMCs' own accounts.")


@app.callback()
def _root() -> None:
    """The BMCs' own accounts."""


@app.command()
def password(
    hosts: Annotated[list[str] | None, typer.Argument(help="Hosts of the inventory.")] = None,
    to: Annotated[str | None, typer.Option(help="Credential profile whose password the BMCs are to keep.")] = None,
    rack: Annotated[list[str] | None, typer.Option(help="All hosts of a rack that are in a pool.")] = None,
    status: Annotated[bool, typer.Option("--status", help="Only say which profile works; asks no BMC.")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Try passwords once more that were tried already; mind the lock-out.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what is known of changes: the settings' profile is right.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --status: one JSON document.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Set the password of another profile on BMCs: on the first alone, then on all others at once."""
    from cli.stack import open_stack, project_folder
    from metal.ledger_access import check_ledger
    from metal.site import Site, ledger_folder

    run = begin_run()
    fleet, credentials = open_stack(stack)
    if sum((to is not None, status, forget)) != 1:
        raise InputError(
            ["one of --to PROFILE, --status, --forget is needed, and one alone"],
            next_step="metalswarm bmc password --help",
        )
    check_ledger(ledger_folder(project_folder(), fleet.owner))
    addresses = chosen(fleet, hosts or (), rack or (), everything=status)
    with Site.open(fleet, credentials, run, folder=project_folder()) as site:
        if forget:
            for address in addresses:
                site.bmc_records.forget(address.host)
        elif to is not None:
            failed = _change_all(site, addresses, to, again)
            _print(_standings(site, addresses), as_json)
            if failed:
                raise typer.Exit(1)
            return
        found = _standings(site, addresses)
        _print(found, as_json)
        if not all(one.settled for one in found):
            raise typer.Exit(1)


def chosen(fleet: Fleet, hosts: Sequence[str], racks: Sequence[str], *, everything: bool) -> list[BmcAddress]:
    """The BMCs that are meant. A rack means its hosts in pools: one in no pool has to be named.

    :param everything: all of the inventory where none is named.
    :raises InputError: an unknown host or rack, a host without a BMC, or none at all.
    :raises MetalError: a host that nobody may dial.
    """
    from metal.settings.names import known_names, named_hosts, natural

    known = {**fleet.hosts, **fleet.unmanaged}
    named_hosts(fleet, hosts)
    known_names(
        "--rack", racks, {host.rack for host in fleet.hosts.values() if host.rack}, "rack with a host in a pool"
    )
    for name in hosts:
        if not everything and (known[name].hold or known[name].lost):
            reason = known[name].hold or "is lost"
            raise MetalError(f"nobody may dial it: {reason}", host=name, next_step="lift the hold, or leave it out")
    names = list(hosts)
    in_racks = [name for name, host in fleet.hosts.items() if host.rack in racks and not (host.hold or host.lost)]
    names += sorted(in_racks, key=natural)
    if everything and not (hosts or racks):
        names = sorted((name for name, host in known.items() if host.bmc), key=natural)
    addresses = [(name, known[name].bmc) for name in dict.fromkeys(names)]
    for name, bmc in addresses:
        if bmc is None and name in hosts:
            raise InputError([f"HOST = {name}: has no BMC; allowed: a host that has one"])
    found = [bmc for _, bmc in addresses if bmc]
    if not found and not everything:
        raise InputError(["HOST: no host is named; allowed: hosts of the inventory, or racks with --rack"])
    return found


def _change_all(site: Site, addresses: Sequence[BmcAddress], wanted: str, again: bool) -> bool:
    """The first one alone: what it refuses the others would refuse too. Whether one failed."""
    outcomes = [_change(site, addresses[0], wanted, again)]
    rest = addresses[1:]
    if rest and not outcomes[0]:
        typer.echo(f"{addresses[0].host} was the first, so the other {len(rest)} were not touched", err=True)
    elif rest:
        with ThreadPoolExecutor(min(len(rest), site.fleet.limits.bmc_sessions)) as threads:
            outcomes += threads.map(lambda address: _change(site, address, wanted, again), rest)
    return not all(outcomes)


def _change(site: Site, address: BmcAddress, wanted: str, again: bool) -> bool:
    from metal.bmc.passwords.change import ensure_password

    deadline = site.run.deadline(site.fleet.deadlines.power)
    try:
        changed = ensure_password(site.bmcs, site.credentials, address, wanted, deadline=deadline, again=again)
    except Cancelled:
        raise
    except MetalError as error:
        typer.echo(str(error), err=True)
        return False
    typer.echo(f"{address.host}: {'has' if changed else 'had'} the password of {wanted}, as a login shows", err=True)
    return True


def _standings(site: Site, addresses: Sequence[BmcAddress]) -> list[Standing]:
    from metal.bmc.passwords.plan import standing
    from metal.settings.names import natural

    found = [standing(address.host, address.credentials, site.bmc_records.read(address)) for address in addresses]
    return sorted(found, key=lambda one: natural(one.host))


def _print(found: Sequence[Standing], as_json: bool) -> None:
    if as_json:
        lines = [
            {
                "host": one.host,
                "settings": one.named,
                "works": list(one.works),
                "settled": one.settled,
                "todo": one.todo,
            }
            for one in found
        ]
        sys.stdout.write(json.dumps(lines, indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("host", "settings", "works", "to do"):
        table.add_column(column)
    for one in found:
        style = "green" if one.settled else "yellow" if len(one.works) == 1 else "bold red"
        table.add_row(one.host, one.named, Text(" or ".join(one.works), style=style), one.todo)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
