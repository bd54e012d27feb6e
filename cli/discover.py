"""`metalswarm discover`: BMCs found in a range of addresses, or from inside their hosts, and inventory entries."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.interrupt import begin_run

if TYPE_CHECKING:
    from metal.discover import Discovery, Wish, Written
    from metal.discover.match import Known
    from metal.settings.credentials import Credentials

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)


@app.command()
def discover(
    context: typer.Context,
    ranges: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RANGE|HOST",
            help="10.9.1.0/24, 10.9.1.10-10.9.1.40, 10.9.1.10-40, or addresses. With --inside: hosts of the "
            "inventory; all that are in a pool where none is named.",
        ),
    ] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="Ask hosts of the stack over SSH for their own BMC; takes no password.")
    ] = False,
    credentials: Annotated[
        str,
        typer.Option(
            help="Credential profile to log in with, once a BMC; without one nobody logs in. With --inside it is "
            "written down only."
        ),
    ] = "",
    inventory: Annotated[
        list[Path] | None, typer.Option(help="Inventory file whose machines are known; may be given again.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Inventory file that new entries are added to; standard output without it.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Change the addresses of known BMCs that have moved, in their files.")
    ] = False,
    hosts: Annotated[
        str, typer.Option(help="Network of the hosts, where a host's address ends like that of its BMC.")
    ] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="UDP port of IPMI.")] = 623,
    redfish_port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port of Redfish; 0 to leave it out.")] = 443,
    ca: Annotated[
        Path | None, typer.Option(help="PEM file of the authority of Redfish certificates; the system's own without.")
    ] = None,
    trust_shown: Annotated[
        bool,
        typer.Option("--trust-shown", help="Log in over Redfish also where no authority vouches for the certificate."),
    ] = False,
    rate: Annotated[int, typer.Option(min=1, max=100000, help="Pings, and connections, begun a second.")] = 500,
    patience: Annotated[float, typer.Option(min=0.1, max=60, help="Seconds that the last pong is waited for.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as one JSON document.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack whose secrets hold the profile.")] = None,
) -> None:
    """Find BMCs by ping and Redfish service root, see which machines they are, and write inventory entries.

    Known machines are recognised by serial number or UUID, which takes --credentials. With --inside, hosts that are in
    the inventory and answer SSH are asked by their own ipmitool; --update completes their entries. Changes nothing on
    any BMC or host.

    Ends with 0 where nothing is left to decide: every BMC is one that the inventory has there, or was written down now;
    with 1 where something is: a new machine that no file was named for (--write), one that has moved (--update), one
    that does not fit the inventory, a login that failed; with 2 where a range, an option or the settings are wrong.
    """
    from metal.discover import Wish, left
    from metal.discover.line import one_line

    if inside:
        from cli.discover_inside import discover_inside

        return discover_inside(context, ranges or [], credentials, port, stack, update=update, as_json=as_json)
    wish = Wish(credentials, port, redfish_port, float(rate), patience, ca=ca, trust_shown=trust_shown)
    files = list(dict.fromkeys([*(inventory or []), *([write] if write and write.exists() else [])]))
    found, written = _discover(ranges or [], wish, files, write, hosts=hosts, update=update, stack=stack)
    open_ends = [each.found.place for each in left(found, written, to=write)]
    if as_json:
        told = {"good": not open_ends, "left": open_ends, **found.to_dict(), "names": dict(written.names)}
        told["refused"] = dict(written.refused)
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    elif write is None:
        sys.stdout.write(written.texts.get(Path("-"), ""))
    _tell(found, written, write)
    if open_ends:
        typer.echo(one_line(f"left to decide, so this ends with 1: {', '.join(open_ends)}"), err=True)
        raise typer.Exit(1)


def _discover(
    ranges: list[str],
    wish: Wish,
    files: list[Path],
    write: Path | None,
    *,
    hosts: str,
    update: bool,
    stack: str | None,
) -> tuple[Discovery, Written]:
    from metal.discover import discover, write_down
    from metal.discover.entries import Scheme
    from metal.discover.ranges import parse_ranges
    from metal.errors import InputError

    addresses = parse_ranges(ranges)
    if wish.ca is not None and not wish.ca.is_file():
        raise InputError([f"--ca = {wish.ca}: is no file; allowed: the PEM file of an authority's certificate"])
    if write is not None and not write.parent.is_dir():
        raise InputError(
            [f"--write = {write}: there is no folder {write.parent}; allowed: a file in one that is there"]
        )
    _check_files(write, files if update else [])
    scheme = Scheme(hosts) if hosts else None
    known = _known(files)
    run = begin_run()
    found = discover(addresses, wish, known=known, credentials=_credentials(wish.profile, stack), run=run)
    return found, write_down(
        found,
        to=write,
        inventories=files,
        profile=wish.profile,
        hosts=scheme,
        update=update,
        ca=str(wish.ca) if wish.ca else "",
    )


def _check_files(write: Path | None, updated: list[Path]) -> None:
    """Before anything is asked: what is found out in an hour must find its place."""
    from metal.discover.write import check_writable

    if write is not None:
        check_writable(write, "--write")
    for file in updated:
        if file.exists():
            check_writable(file, "--inventory")


def _known(files: list[Path]) -> tuple[Known, ...]:
    from metal.discover.discover import known_hosts
    from metal.settings.inventory import read_inventory
    from metal.settings.problems import Problems

    problems = Problems()
    read = read_inventory([str(file) for file in files], Path(), problems)
    problems.raise_if_any()
    return known_hosts(read.facts, read.files)


def _credentials(profile: str, stack: str | None) -> Credentials:
    """From the environment, where it has the profile: a first inventory may come before the first stack."""
    from cli.stack import open_secrets
    from metal.settings.credentials import Credentials

    variable = f"METALSWARM_BMC_{profile.upper().replace('-', '_')}"
    if not profile or variable in os.environ or f"{variable}_FILE" in os.environ:
        return Credentials.from_config({}, os.environ)
    return open_secrets(stack)


def _tell(found: Discovery, written: Written, write: Path | None) -> None:
    from metal.discover.entries import described
    from metal.discover.left import is_moved
    from metal.discover.line import one_line
    from metal.discover.match import Verdict

    for each in found.matches:
        place = each.found.place
        if place in written.refused:
            line = f"{each.words or 'new'}; not written: {written.refused[place]}"
        elif each.verdict is Verdict.NEW and place not in written.names:
            line = f"not written: no login: {each.found.trouble}"
        elif each.verdict is Verdict.NEW:
            line = f"new: {written.names[place]}: {'; '.join(described(each.found))}"
            line += "" if write else "; --write FILE adds it to an inventory file"
        elif is_moved(each, written):
            line = f"{each.words}; changed there"
        elif each.verdict is Verdict.MOVED:
            line = f"{each.words}; --update changes it there"
        else:
            line = each.words + (f"; no login: {each.found.trouble}" if each.found.trouble else "")
        if each.found.unshown and each.verdict is not Verdict.NEW:
            line += f"; its BMC names other systems, and does not show them: {each.found.unshown}"
        typer.echo(one_line(f"{place}: {line}"), err=True)
    new = len(written.names)
    where = f", written to {write}" if write and new else ""
    typer.echo(
        f"{len(found.matches)} BMCs at {found.looked} addresses, {new} new{where}; {found.sent} pings were sent",
        err=True,
    )
