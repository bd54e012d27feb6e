"""`metalswarm lab`: the virtual metal by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab.api import Lab, Part
from lab.bmc.client import PowerAct
from lab.errors import LabError
from lab.faults.kinds import KINDS
from lab.host import HostStatus
from lab.install import install as install_packages
from lab.spec import LabSpec
from lab.standing import read_standing, refuse_another, standing_names
from metal.waiting import Run

app = typer.Typer(no_args_is_help=True)

_STANDARD = LabSpec()
# Columns of what goes into a file or a pipe.
_NO_TERMINAL = 160
_Only = Annotated[list[Part] | None, typer.Option("--only", help="Only this part; may be given several times.")]
_Host = Annotated[str, typer.Argument(help="n1, n2, ...")]
_MAKING = "Of a lab to make (up)"


@dataclass(frozen=True)
class _Asked:
    """What the options say of a lab: of one to make, or of one that stands as it was made.

    :ivar given: the options that were given, as fields of a lab's description.
    """

    directory: Path
    given: dict[str, Any]

    def to_make(self) -> LabSpec:
        """Standard where no option says otherwise."""
        return LabSpec(directory=self.directory, **self.given)

    def stands(self) -> LabSpec | None:
        """The lab of that name as it was made.

        :raises LabError: when it was made with other options.
        """
        found = read_standing(self.directory)
        if found:
            asked = replace(found, **self.given)
            refuse_another(found, asked, next_step="leave these options out, or take it down first")
        return found

    def others(self) -> str:
        """Which labs stand beside it."""
        folder = self.directory.parent
        return f"labs in {folder}: " + (", ".join(standing_names(folder)) or "none")


@app.callback(
    help="""Virtual metal: powered-off hosts with real BMCs on this machine.

Labs live side by side, each with a name, a subnet and BMC addresses of its own. `up` makes one as the options say. """
    """Every other command goes by what that lab was made with, so --name alone is enough; without it, it is the """
    """lab of the demo."""
)
def lab(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Which lab; also names its interface and namespace.")] = _STANDARD.name,
    hosts: Annotated[int, typer.Option(help="Number of machines.", rich_help_panel=_MAKING)] = _STANDARD.hosts,
    subnet: Annotated[
        IPv4Network,
        typer.Option(
            parser=IPv4Network, metavar="CIDR", help="Of the hosts; .1 is the mirror.", rich_help_panel=_MAKING
        ),
    ] = _STANDARD.subnet,
    bmc_base: Annotated[
        IPv4Address,
        typer.Option(
            parser=IPv4Address, metavar="ADDRESS", help="BMC of host i is at this plus i.", rich_help_panel=_MAKING
        ),
    ] = _STANDARD.bmc_base,
    redfish_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="TCP port at which each BMC speaks Redfish too; 0 for none.",
            rich_help_panel=_MAKING,
        ),
    ] = _STANDARD.redfish_port,
    directory: Annotated[Path | None, typer.Option(help="The lab's state.", show_default=".metalswarm/<name>")] = None,
) -> None:
    folder = (directory or _STANDARD.directory.with_name(name)).absolute()
    described = {"name": name, "hosts": hosts, "subnet": subnet, "bmc_base": bmc_base, "redfish_port": redfish_port}
    context.obj = _Asked(folder, {key: value for key, value in described.items() if _was_given(context, key)})


@app.command()
def install() -> None:
    """Install the Debian packages that a lab needs (root)."""
    install_packages(Run(progress=_tell))


@app.command()
def up(context: typer.Context, only: _Only = None) -> None:
    """Bring the lab up, all hosts off at first; run again it repairs what is missing."""
    asked: _Asked = context.obj
    the_lab = _run(asked.to_make())
    changed = the_lab.up(only or tuple(Part))
    _tell(f"lab {the_lab.spec.name}: " + (f"up, made {', '.join(changed)}" if changed else "was up, nothing changed"))


@app.command()
def down(
    context: typer.Context,
    only: _Only = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave disks and keys for the next up.")] = False,
) -> None:
    """Take the lab down: no process, mount, namespace or link stays."""
    asked: _Asked = context.obj
    stands = asked.stands()
    # Also without a description: a `down` that was killed may have taken it first.
    the_lab = _run(stands or asked.to_make())
    changed = the_lab.down(only or tuple(Part), keep=keep)
    nothing = "nothing was up" if stands else f"no such lab; {asked.others()}"
    _tell(f"lab {the_lab.spec.name}: " + (f"removed {', '.join(changed)}" if changed else nothing))


@app.command()
def status(context: typer.Context, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Power, boot device, installs, BMC and SSH of every host."""
    rows = _lab(context).status()
    if as_json:
        print(json.dumps([row.to_dict() for row in rows], indent=2))
    else:
        _print(rows)


@app.command()
def power(
    context: typer.Context,
    host: _Host,
    act: Annotated[str, typer.Argument(help="on|off|cycle|reset|soft|status")],
) -> None:
    """Chassis control through the host's BMC, over IPMI."""
    machine = _lab(context).host(host)
    if act == "status":
        print("on" if machine.power_is_on() else "off")
    elif act in list(PowerAct):
        machine.power(PowerAct(act))
    else:
        raise typer.BadParameter(f"{act!r}: on, off, cycle, reset, soft or status")


@app.command()
def boot(
    context: typer.Context,
    host: _Host,
    device: Annotated[str, typer.Argument(help="pxe|disk|none")],
    lasting: Annotated[bool, typer.Option(help="For all boots, not the next one.")] = False,
) -> None:
    """Boot device through the host's BMC, over IPMI; pxe makes the next boot a fresh install."""
    _lab(context).host(host).set_boot(device, lasting=lasting)


@app.command()
def kill(context: typer.Context, host: _Host) -> None:
    """Pull a host's power plug; its BMC stays."""
    _tell(f"{host}: " + ("power pulled" if _lab(context).host(host).kill() else "was off"))


@app.command()
def unplug(context: typer.Context, host: _Host) -> None:
    """End a host's BMC; the host keeps its power."""
    _tell(f"{host}: BMC " + ("unplugged" if _lab(context).host(host).unplug() else "was unplugged"))


@app.command()
def plug(context: typer.Context, host: _Host) -> None:
    """Start a host's BMC again."""
    _tell(f"{host}: BMC " + ("plugged in" if _lab(context).host(host).plug() else "was plugged in"))


@app.command()
def cable(context: typer.Context, host: _Host, plugged: Annotated[str, typer.Argument(help="out|in")]) -> None:
    """Pull a host's network cable out of the switch, or put it back; the host goes on running."""
    machine = _lab(context).host(host)
    if plugged not in ("in", "out"):
        raise typer.BadParameter(f"{plugged!r}: out or in")
    machine.plug_network() if plugged == "in" else machine.unplug_network()


_KINDS = "\n\n".join(
    f"* {kind.name}: {kind.meaning}."
    + (f" --count: {kind.count}." if kind.count else "")
    + (f" --for: {kind.seconds}." if kind.seconds else "")
    for kind in KINDS
)


@app.command(
    help=f"""Make something go wrong with a host or its BMC, while the lab runs; docs/faults.md.

Faults stay armed until they are cleared: `lab fault n1 silent --clear`, or all with `lab fault n1 --clear`.
`lab status` shows them.

Kinds:

{_KINDS}"""
)
def fault(
    context: typer.Context,
    host: _Host,
    kind: Annotated[str | None, typer.Argument(help="One of the list above.", show_default=False)] = None,
    count: Annotated[int | None, typer.Option(help="As the kind says.", show_default=False)] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", help="Seconds, as the kind says.", show_default=False)
    ] = None,
    chance: Annotated[float | None, typer.Option(help="Of losses and doubles, up to 1.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of what comes by chance.")] = 1,
    clear: Annotated[bool, typer.Option("--clear", help="Clear it, or all faults of the host.")] = False,
) -> None:
    machine = _lab(context).host(host)
    if clear:
        _tell(f"{host}: " + (f"cleared {', '.join(gone)}" if (gone := machine.clear_faults(kind)) else "no faults"))
    elif kind is None:
        raise typer.BadParameter("a kind of fault, or --clear")
    else:
        machine.fault(kind, count=count, seconds=seconds, chance=chance, seed=seed)
        _tell(f"{host}: armed {machine.faults()[-1]}")


@app.command("reset-counter")
def reset_counter(context: typer.Context, host: _Host) -> None:
    """Allow a host network installs again after it refused one too many."""
    _lab(context).host(host).reset_counter()


def _lab(context: typer.Context) -> Lab:
    """The lab that stands.

    :raises LabError: when none of that name does, or one that was made with other options.
    """
    asked: _Asked = context.obj
    stands = asked.stands()
    if stands is None:
        raise LabError(
            f"no lab stands in {asked.directory}",
            seen=asked.others(),
            next_step="name one that stands with --name, or make this one with `metalswarm lab up`",
        )
    return _run(stands)


def _was_given(context: typer.Context, option: str) -> bool:
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _run(spec: LabSpec) -> Lab:
    return Lab.from_spec(spec, run=Run(progress=_tell))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _print(rows: Sequence[HostStatus]) -> None:
    """A table that 80 columns hold, and below it what has no bounded length: a line for each armed fault."""
    cells = [
        (
            row.name,
            row.address,
            "on" if row.power else "off",
            "yes" if row.ssh_answers else "-",
            row.bmc if row.bmc_answers else f"{row.bmc} silent",
            row.boot,
            row.firmware or "-",
            f"{row.installs} ({row.unclaimed} unclaimed)" if row.unclaimed else str(row.installs),
        )
        for row in rows
    ]
    table = Table(box=None, pad_edge=False, collapse_padding=True, header_style="bold")
    titles = ("host", "address", "power", "SSH", "BMC", "next boot", "last start", "installs")
    for title, *column in zip(titles, *cells, strict=True):
        # A cell that does not fit goes on in the line below, word by word: nothing is cut.
        longest = max((len(word) for cell in column for word in cell.split()), default=0)
        table.add_column(title, overflow="fold", min_width=longest)
    for each in cells:
        table.add_row(*each)
    console = Console(width=None if sys.stdout.isatty() else _NO_TERMINAL)
    console.print(table)
    for row in rows:
        for fault in row.faults:
            console.print(f"{row.name}: fault {fault}", highlight=False, markup=False, soft_wrap=True)
