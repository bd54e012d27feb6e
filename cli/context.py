"""`metalswarm context CLUSTER`: a Docker context, so that `docker --context CLUSTER node ls` works."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from cli.stack import named_cluster, open_stack
from metal.cluster.docker.tls import tls_context
from metal.errors import MetalError
from metal.pki.authority import Authority
from metal.pki.client import client_certificate
from metal.pki.succession import trusted
from metal.settings.endpoint import with_port
from metal.settings.fleet import ClusterWish, Fleet

__all__ = ["app", "context_meta", "docker_line", "store_paths", "write_private"]

_DAYS = 365
_ASK_SECONDS = 4.0
_OURS = "metalswarm"
TLS_FILES = ("ca.pem", "cert.pem", "key.pem")


app = typer.Typer()


@app.command()
def context(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the settings; also of the context.")],
    show: Annotated[bool, typer.Option("--print", help="Print the context's description and write nothing.")] = False,
    certs: Annotated[
        Path | None, typer.Option(help="Write ca.pem, cert.pem and key.pem here instead of a context.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="How long the client certificate is valid.")] = _DAYS,
    force: Annotated[bool, typer.Option("--force", help="Replace a context that somebody else made.")] = False,
    stack: Annotated[str | None, typer.Option(help="Stack; the selected one if not given.")] = None,
) -> None:
    """Write a Docker context with a client certificate for one of the cluster's managers (files with mode 0600)."""
    fleet, credentials = open_stack(stack)
    wish = named_cluster(fleet, cluster)
    authority = Authority.of(credentials.seed(), cluster, wish.identity.ca)
    endpoint, answered = _endpoint(fleet, wish, authority)
    meta = context_meta(cluster, endpoint, fleet.owner)
    if not answered:
        typer.echo(f"no manager of {cluster} answers now; the first one is used: {endpoint}", err=True)
    if show:
        typer.echo(json.dumps(meta, indent=2))
        return
    user = f"{getpass.getuser()} of {fleet.owner}"
    # The next authority too: while the managers are moved to it, one by one, the context works with all of them.
    bundle = trusted(credentials.seed(), cluster, wish.identity.ca)
    tls = dict(zip(TLS_FILES, (bundle, *client_certificate(authority, user, days)), strict=True))
    if certs is not None:
        write_private(certs, tls)
        typer.echo(docker_line(endpoint, certs) + " node ls")
        return
    meta_folder, tls_folder = store_paths(_docker_config(), cluster)
    _refuse_foreign(meta_folder / "meta.json", cluster, force)
    # The description last: a context is there only when its files are.
    write_private(tls_folder, tls)
    write_private(meta_folder, {"meta.json": json.dumps(meta)})
    typer.echo(f"docker --context {cluster} node ls")


def context_meta(name: str, endpoint: str, owner: str) -> dict[str, Any]:
    """Return what Docker keeps about a context; no secret is in it.

    Source: docker/cli, cli/context/store: meta.json.
    """
    return {
        "Name": name,
        "Metadata": {"Description": f"swarm {name} of {owner}", _OURS: owner},
        "Endpoints": {"docker": {"Host": endpoint, "SkipTLSVerify": False}},
    }


def store_paths(config: Path, name: str) -> tuple[Path, Path]:
    """Return the folders of a context: for meta.json, and for the docker endpoint's TLS files.

    :param config: Docker's configuration folder, ~/.docker.
    """
    digest = hashlib.sha256(name.encode()).hexdigest()
    return config / "contexts" / "meta" / digest, config / "contexts" / "tls" / digest / "docker"


def docker_line(endpoint: str, certs: Path) -> str:
    """Return the docker command line that needs no context."""
    files = " ".join(
        f"--tls{kind}={certs / file}" for kind, file in zip(("cacert", "cert", "key"), TLS_FILES, strict=True)
    )
    return f"docker -H {endpoint} --tlsverify {files}"


def write_private(folder: Path, files: Mapping[str, str]) -> None:
    """Write files with mode 0600 into a folder (0700 when it is made), each at once or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        # mkstemp makes the file with mode 0600.
        handle, path = tempfile.mkstemp(prefix=f".{name}-", dir=folder)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(content)
            os.replace(path, folder / name)
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise


def _endpoint(fleet: Fleet, cluster: ClusterWish, authority: Authority) -> tuple[str, bool]:
    """The first manager that answers on the swarm's port, else the first one; and whether it answered."""
    tls = tls_context(authority, with_certificate=True)
    managers = [fleet.hosts[name].access.address for name in cluster.managers if not fleet.hosts[name].hold]
    if not managers:
        raise MetalError(f"every manager of {cluster.name} is on hold", next_step="release one of them")
    with httpx.Client(verify=tls, timeout=_ASK_SECONDS, trust_env=False) as http:
        for address in managers:
            at = with_port(address, cluster.swarm.port)
            try:
                if http.get(f"https://{at}/_ping").status_code == httpx.codes.OK:
                    return f"tcp://{at}", True
            except httpx.TransportError:
                continue
    return f"tcp://{with_port(managers[0], cluster.swarm.port)}", False


def _refuse_foreign(path: Path, name: str, force: bool) -> None:
    if force or not path.exists():
        return
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = {}
    if _OURS not in (found.get("Metadata") or {}):
        raise MetalError(
            f"there is a Docker context {name!r} that this command did not make",
            seen=str(path),
            next_step="rename or remove it (docker context rm), or replace it with --force",
        )


def _docker_config() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
