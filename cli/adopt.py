"""`metalswarm adopt ssh://MANAGER`: settings for a swarm that runs already, made by hand or by this stack before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit

import typer
import yaml

from cli.interrupt import begin_run
from metal.adopt import AdoptWish, adopted, inventory_text, observe_swarm, stack_text, told
from metal.errors import InputError, SettingsError
from metal.settings.access import Access, Jump
from metal.settings.credentials import Credentials
from metal.settings.fleet import Deadlines, DockerWish, Fleet, HostFacts, Limits, ReadyFloors
from metal.settings.inventory import read_inventory
from metal.settings.inventory_model import JumpModel
from metal.settings.problems import Problems
from metal.site import Site
from metal.waiting import Run

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None)

# The name that the key goes by while looking; in the settings it has the profile's.
PROFILE = "adopt"
_JUMP = "jump"


@app.command()
def adopt(
    manager: Annotated[str, typer.Argument(help="A manager of the swarm: ssh://[user@]host[:port]")],
    stack: Annotated[str, typer.Option(help="Stack that takes over; its file is written.")] = "prod",
    cluster: Annotated[str, typer.Option(help="Name of the cluster; 'main', or what hosts of ours know.")] = "",
    key: Annotated[Path, typer.Option(help="Private key for every host.")] = Path("~/.ssh/id_ed25519"),
    profile: Annotated[str, typer.Option(help="Name of that key in the settings.")] = "default",
    jump: Annotated[str, typer.Option(help="Jump host: ssh://[user@]host[:port]")] = "",
    jump_host_key: Annotated[str, typer.Option(help="Its host key, as ssh-keyscan prints it: 'type base64'.")] = "",
    known: Annotated[
        list[Path] | None, typer.Option("--inventory", help="Inventory file that knows BMCs and racks of these hosts.")
    ] = None,
    consul_url: Annotated[str, typer.Option(help="Where the Consul of a cluster of ours was downloaded.")] = "",
    manager_url: Annotated[str, typer.Option(help="The same for its container manager.")] = "",
    root: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
) -> None:
    """Look at the swarm, write inventory and stack file, and say what is left to do. Changes nothing on any host."""
    owner = f"{_project(root)}/{stack}"
    stack_file = root / f"Pulumi.{stack}.yaml"
    _refuse_existing(stack_file)
    door, jump_entry = _login(manager, jump, jump_host_key, profile)
    facts = _known(known or [])
    _check_key(key)
    run = begin_run()
    with _site(key, owner, run) as site:
        sight = observe_swarm(site, door)
    wish = AdoptWish(
        owner=owner,
        cluster=cluster,
        user=door.user,
        port=door.port,
        key=profile,
        jump=_JUMP if jump_entry else "",
        jump_entry=jump_entry,
        known=facts,
        consul_url=consul_url,
        manager_url=manager_url,
    )
    found = adopted(sight, wish)
    inventory_file = root / found.inventory_file
    _refuse_existing(inventory_file)
    inventory_file.parent.mkdir(parents=True, exist_ok=True)
    for path, text in ((inventory_file, inventory_text(found)), (stack_file, stack_text(found))):
        # Exclusively: what somebody wrote in the meantime is theirs.
        with path.open("x", encoding="utf-8") as out:
            out.write(text)
    typer.echo(
        told(sight, found, stack=stack, files=(stack_file, inventory_file), key=key.expanduser(), profile=profile)
    )


def _project(root: Path) -> str:
    path = root / "Pulumi.yaml"
    if not path.is_file():
        raise SettingsError(
            [f"{root.resolve()}: is no Pulumi project; allowed: a folder with Pulumi.yaml"],
            next_step="change into the checkout, or name it with --root",
        )
    return str(yaml.safe_load(path.read_text(encoding="utf-8"))["name"])


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise SettingsError(
            [f"{path}: exists; allowed: a file that is not there yet"],
            next_step="move it away, or name another --stack or --cluster; nothing was written. Of a file that "
            "`pulumi stack init` made, put its encryptionsalt under the new one",
        )


def _check_key(key: Path) -> None:
    """:raises InputError: it cannot be read; under the option's name, not that of a variable nobody has set."""
    try:
        key.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not text"
        raise InputError([f"--key = {key}: {reason}; allowed: a private key's file that can be read"]) from None


def _login(manager: str, jump: str, jump_host_key: str, profile: str) -> tuple[Access, dict[str, Any]]:
    """How the manager is reached, and the jump host as the inventory holds it."""
    to = _address("MANAGER", manager)
    user = to.username or "root"
    if not jump:
        return Access("manager", str(to.hostname), to.port or 22, user, PROFILE, user != "root"), {}
    over = _address("--jump", jump)
    problems = Problems()
    entry = {
        "address": over.hostname,
        "user": over.username or "root",
        "port": over.port or 22,
        "key": profile,
        "host_key": jump_host_key,
    }
    model = problems.read(JumpModel, entry, ("--jump",))
    problems.raise_if_any()
    assert model is not None
    through = Jump(model.address, model.port, model.user, PROFILE, model.host_key)
    return Access("manager", str(to.hostname), to.port or 22, user, PROFILE, user != "root", None, through), entry


def _address(what: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(text if "://" in text else f"ssh://{text}")
        fits = parts.scheme == "ssh" and bool(parts.hostname) and not parts.password and not parts.path.strip("/")
        _ = parts.port
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError([f"{what}: is no SSH address; allowed: ssh://[user@]host[:port]"])
    return parts


def _known(files: list[Path]) -> dict[str, HostFacts]:
    problems = Problems()
    facts: dict[str, HostFacts] = {}
    for file in files:
        facts |= read_inventory([file.name], file.parent, problems).facts
    problems.raise_if_any()
    return facts


def _site(key: Path, owner: str, run: Run) -> Site:
    """A site without settings: only its connections are used."""
    fleet = Fleet(owner, {}, {}, Limits(), Deadlines(), ReadyFloors(), DockerWish(), None)
    variable = f"METALSWARM_SSH_{PROFILE.upper()}_FILE"
    return Site.open(fleet, Credentials.from_config({}, {variable: str(key.expanduser())}), run)
