"""The stack that a command works on: its settings and secrets, as the Pulumi CLI in PATH gives them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cli.interrupt import begin_run
from metal.chassis.ledger import Ledger
from metal.errors import SettingsError
from metal.ledger_access import check_ledger
from metal.settings import load_fleet
from metal.settings.credentials import Credentials
from metal.settings.documents import read_yaml
from metal.settings.fleet import ClusterWish, Fleet
from metal.settings.inventory import Inventory
from metal.settings.load import load_inventory
from metal.settings.names import known_names
from metal.settings.problems import Problems
from metal.site import Site, ledger_folder
from metal.waiting import Run

__all__ = [
    "named_cluster",
    "open_secrets",
    "open_site",
    "open_stack",
    "open_stack_and_inventory",
    "project_folder",
    "site_of",
]

_PULUMI_SECONDS = 60


def open_stack(stack: str | None = None, *, root: Path | None = None) -> tuple[Fleet, Credentials]:
    """Fleet and credentials of one stack of the project in `root`.

    :param stack: its name; None takes the selected one.
    :param root: the checkout; None takes the nearest folder upwards that has a Pulumi.yaml.
    :raises SettingsError: no project, no stack, wrong passphrase, or settings that are refused.
    """
    fleet, credentials, _ = _opened(root or project_folder(), stack)
    return fleet, credentials


def open_stack_and_inventory(stack: str | None = None) -> tuple[Fleet, Credentials, Inventory]:
    """The same with the inventory, which says in what file of the project each host stands.

    :raises SettingsError: as :func:`open_stack`.
    """
    folder = project_folder()
    fleet, credentials, document = _opened(folder, stack)
    return fleet, credentials, load_inventory(document, root=folder)


def _opened(folder: Path, stack: str | None) -> tuple[Fleet, Credentials, Mapping[str, Any]]:
    """Fleet, credentials, and the document that the fleet was made from.

    :raises SettingsError: as :func:`open_stack`.
    """
    name, config = _config(folder, stack)
    if "metalswarm:fleet" not in config:
        raise SettingsError(
            ["metalswarm:fleet: is missing; allowed: the fleet document"],
            next_step=f"write it into Pulumi.{name}.yaml; docs/settings.md shows one",
        )
    project = yaml.safe_load((folder / "Pulumi.yaml").read_text(encoding="utf-8"))["name"]
    document = json.loads(config["metalswarm:fleet"])
    fleet = load_fleet(document, root=folder, owner=f"{project}/{name.split('/')[-1]}")
    return fleet, Credentials.from_config(config, os.environ), document


@contextmanager
def site_of(stack: str | None, cluster: str) -> Iterator[Site]:
    """The site of a stack, for a command on one of its clusters; progress goes to stderr, SIGINT cancels.

    :param stack: as of :func:`open_stack`.
    :raises InputError: the settings have no cluster of that name.
    """
    run = begin_run()
    fleet, credentials = open_stack(stack)
    named_cluster(fleet, cluster)
    with open_site(fleet, credentials, run) as site:
        yield site


def open_site(fleet: Fleet, credentials: Credentials, run: Run) -> Site:
    """The site of a stack of the nearest project, with the host keys that the present lives have shown.

    :raises SettingsError: what this workstation keeps of its hosts cannot be kept.
    """
    folder = project_folder()
    check_ledger(ledger_folder(folder, fleet.owner))
    keys = Ledger.of(folder, fleet.owner).host_keys(fleet.hosts)
    return Site.open(fleet, credentials, run, folder=folder, pins=keys)


def open_secrets(stack: str | None = None) -> Credentials:
    """The secrets of one stack of the nearest project upwards, whatever its settings say.

    :raises SettingsError: no project, no stack, or a wrong passphrase.
    """
    _, config = _config(project_folder(), stack)
    return Credentials.from_config(config, os.environ)


def _config(folder: Path, stack: str | None) -> tuple[str, dict[str, str]]:
    """A stack's name and its configuration, secrets in plain.

    :raises SettingsError: as :func:`open_stack`, but for the fleet's settings.
    """
    name = stack or _pulumi(folder, "stack", "--show-name").strip()
    _refuse_torn(folder / f"Pulumi.{name.split('/')[-1]}.yaml")
    answer = json.loads(_pulumi(folder, "config", "--json", "--show-secrets", "--stack", name))
    return name, {key: str(entry.get("value", "")) for key, entry in answer.items()}


def named_cluster(fleet: Fleet, name: str) -> ClusterWish:
    """The cluster that a command was given by name.

    :raises InputError: the settings have none of that name.
    """
    known_names("CLUSTER", [name], fleet.clusters, "cluster in the settings")
    return fleet.clusters[name]


def project_folder(start: Path | None = None) -> Path:
    """The nearest folder upwards that has a Pulumi.yaml; from the present one where none is given.

    :raises SettingsError: there is none.
    """
    start = start or Path.cwd()
    for folder in (start, *start.parents):
        if (folder / "Pulumi.yaml").exists():
            return folder
    raise SettingsError(
        [f"{start}: is in no Pulumi project; allowed: a folder with Pulumi.yaml, or one below it"],
        next_step="change into the checkout",
    )


def _refuse_torn(file: Path) -> None:
    """Pulumi says of a stack file that is no YAML neither which file it is nor the line.

    :raises SettingsError: naming both.
    """
    if file.exists():
        problems = Problems()
        read_yaml(file, file.name, problems)
        problems.raise_if_any()


def _pulumi(folder: Path, *arguments: str) -> str:
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        raise SettingsError(
            ["PATH: has no pulumi; allowed: a folder with the Pulumi CLI"],
            next_step="install Pulumi, or, for the demo, run: . .metalswarm/demo/env",
        )
    try:
        done = subprocess.run(
            [pulumi, *arguments, "--non-interactive"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PULUMI_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(
            [f"pulumi {' '.join(arguments[:2])}: no answer within {_PULUMI_SECONDS} s"],
            next_step="see whether the stack's backend can be reached",
        ) from None
    if done.returncode:
        raise SettingsError(
            [f"pulumi {' '.join(arguments[:2])}: {done.stderr.strip()}"],
            next_step="log in to the stack's backend, select the stack, and set its passphrase in the environment",
        )
    return done.stdout
